//! `docker volume` and `docker network`.

use std::sync::Arc;

use serde_json::{Value, json};

use super::arguments::{exactly, parse};
use super::show::{list, say};
use super::{Done, Failed, Refused, belongings, values};
use crate::simulation::engine::container::Container;
use crate::simulation::machine::process::Process;

/// `docker volume`
pub(super) async fn volume(process: &mut Process, action: &str, words: &[&str]) -> Done {
    let machine = process.machine.clone();
    let volumes = &machine.containers.docker.volumes;
    match action {
        "ls" | "list" => {
            let arguments = parse("volume ls", "quiet/q format= filter/f=", words)?;
            let rows: Vec<Value> = volumes
                .all()
                .iter()
                .map(|volume| {
                    json!({
                        "Availability": "N/A", "Driver": "local", "Group": "N/A", "Labels": "", "Links": "N/A",
                        "Mountpoint": volume.mountpoint(), "Name": volume.name, "Scope": "local", "Size": "N/A", "Status": "N/A",
                    })
                })
                .collect();
            let text = if arguments.has("quiet") {
                volumes.all().iter().map(|volume| format!("{}\n", volume.name)).collect()
            } else {
                list(
                    "volume",
                    arguments.value("format"),
                    &[("DRIVER", "Driver"), ("VOLUME NAME", "Name")],
                    &rows,
                )?
            };
            process.out(text).await?;
            Ok(())
        }
        "inspect" => {
            let arguments = parse("volume inspect", "format/f=", words)?;
            say(process, arguments.value("format"), &arguments.words, |wanted| {
                let found = volumes.get(wanted).map(|volume| belongings::volume(&volume));
                found.ok_or_else(|| Refused::internal(format!("get {wanted}: no such volume")))
            })
            .await
        }
        "create" => {
            let arguments = parse("volume create", "label= driver/d= opt/o= name=", words)?;
            let name = arguments.words.first().copied().unwrap_or("unnamed");
            if volumes.get(name).is_none() {
                volumes
                    .create(&machine, name, 0)
                    .map_err(|error| Refused::internal(error.to_string().to_lowercase()))?;
            }
            process.out(format!("{name}\n")).await?;
            Ok(())
        }
        "rm" | "remove" => {
            let arguments = parse("volume rm", "force/f", words)?;
            for name in &arguments.words {
                let has = |one: &&Arc<Container>| one.plan.volumes.iter().any(|volume| volume.name == **name);
                if let Some(user) = values::containers(&machine).iter().find(has) {
                    let text = format!("remove {name}: volume is in use - [{}]", user.id);
                    return Err(Refused::internal(text).into());
                }
                if !volumes.remove(&machine, name) && !arguments.has("force") {
                    return Err(Refused::internal(format!("get {name}: no such volume")).into());
                }
                process.out(format!("{name}\n")).await?;
            }
            Ok(())
        }
        _ => Err(Failed::new("Usage:  docker volume COMMAND")),
    }
}

/// `docker network`
pub(super) async fn network(process: &mut Process, action: &str, words: &[&str]) -> Done {
    let machine = process.machine.clone();
    let missing = |name: &str| Refused::internal(format!("network {name} not found"));
    match action {
        "ls" | "list" => {
            let arguments = parse("network ls", "quiet/q format= filter/f= no-trunc", words)?;
            let text = |value: &Value, key: &str| {
                value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
            };
            let id = |value: &Value| {
                text(value, "Id")
                    .chars()
                    .take(if arguments.has("no-trunc") { 64 } else { 12 })
                    .collect::<String>()
            };
            let all = belongings::networks(&machine);
            let rows: Vec<Value> = all
                .iter()
                .map(|one| {
                    json!({
                        "CreatedAt": text(one, "Created"), "Driver": text(one, "Driver"), "ID": id(one), "IPv6": "false",
                        "Internal": "false", "Labels": "", "Name": text(one, "Name"), "Scope": "local",
                    })
                })
                .collect();
            let text = if arguments.has("quiet") {
                all.iter().map(|one| id(one) + "\n").collect()
            } else {
                const HEAD: [(&str, &str); 4] =
                    [("NETWORK ID", "ID"), ("NAME", "Name"), ("DRIVER", "Driver"), ("SCOPE", "Scope")];
                list("network", arguments.value("format"), &HEAD, &rows)?
            };
            process.out(text).await?;
            Ok(())
        }
        "inspect" => {
            let arguments = parse("network inspect", "format/f= verbose/v", words)?;
            let look = |wanted: &str| belongings::network(&machine, wanted).ok_or_else(|| missing(wanted));
            say(process, arguments.value("format"), &arguments.words, look).await
        }
        "create" => {
            let arguments = parse(
                "network create",
                "driver/d= subnet= gateway= internal opt/o= label= attachable",
                words,
            )?;
            let [name] = exactly("network create", &arguments.words)?;
            if belongings::network(&machine, name).is_some() {
                return Err(Refused::internal(format!("network with name {name} already exists")).into());
            }
            let network = machine.containers.docker.create_network(name);
            process.out(format!("{}\n", network.id)).await?;
            Ok(())
        }
        "rm" | "remove" => {
            let arguments = parse("network rm", "force/f", words)?;
            for name in &arguments.words {
                if matches!(*name, "bridge" | "host" | "none") {
                    return Err(Refused::internal(format!(
                        "{name} is a pre-defined network and cannot be removed"
                    ))
                    .into());
                }
                let network = machine.containers.docker.networks.get(name).ok_or_else(|| missing(name))?;
                if values::containers(&machine)
                    .iter()
                    .any(|one| one.network.as_deref() == Some(&network.name) && one.state().live().is_some())
                {
                    return Err(Refused::internal(format!(
                        "error while removing network: network {name} id {} has active endpoints",
                        network.id
                    ))
                    .into());
                }
                machine.containers.docker.networks.remove(&network.name);
                process.out(format!("{name}\n")).await?;
            }
            Ok(())
        }
        _ => Err(Failed::new("Usage:  docker network COMMAND")),
    }
}
