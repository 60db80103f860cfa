//! `podman volume` and `podman network`.

use serde_json::{Map, Value, json};

use super::arguments::parse;
use super::{Done, Failed, inspect, one, output};
use crate::simulation::engine::belongings::{Network, Volume};
use crate::simulation::engine::time::stamp;
use crate::simulation::machine::Machine;
use crate::simulation::machine::process::Process;
use crate::simulation::scenario::Engine;

/// `podman volume`
pub(super) async fn volume(process: &mut Process, action: &str, words: &[&str]) -> Done {
    let machine = process.machine.clone();
    let volumes = &machine.containers.volumes;
    match action {
        "ls" | "list" => {
            let arguments = parse("volume ls", "quiet/q format= filter/f= noheading/n", words)?;
            let all = volumes.all();
            let text = if arguments.value("format") == Some("json") {
                output::indented(&all.iter().map(|one| volume_value(&machine, one)).collect(), 4)
            } else if arguments.has("quiet") {
                all.iter().map(|volume| format!("{}\n", volume.name)).collect()
            } else if all.is_empty() {
                String::new()
            } else {
                let head = ["DRIVER", "VOLUME NAME"].map(str::to_owned).to_vec();
                let rows = all.iter().map(|volume| vec!["local".to_owned(), volume.name.clone()]);
                output::table(&std::iter::once(head).chain(rows).collect::<Vec<_>>())
            };
            process.out(text).await?;
            Ok(())
        }
        "exists" => {
            let found = volumes.get(one("volume exists", words)?).is_some();
            if found { Ok(()) } else { Err(Failed::Silent(1)) }
        }
        "inspect" => {
            let arguments = parse("volume inspect", "format/f= all/a", words)?;
            inspect::say(process, &arguments, |wanted| {
                let found = volumes.get(wanted).map(|volume| volume_value(&machine, &volume));
                found.ok_or_else(|| format!("inspecting object: no such volume {wanted}"))
            })
            .await
        }
        "create" => {
            let arguments = parse("volume create", "ignore label/l= driver/d= opt/o=", words)?;
            let name = arguments.words.first().copied().unwrap_or("unnamed");
            if volumes.get(name).is_some() && !arguments.has("ignore") {
                return Err(Failed::new(format!(
                    "volume with name {name} already exists: volume already exists"
                )));
            }
            if volumes.get(name).is_none() {
                volumes
                    .create(&machine, name, 0)
                    .map_err(|error| Failed::new(format!("creating volume directory: {error}")))?;
            }
            process.out(format!("{name}\n")).await?;
            Ok(())
        }
        "rm" | "remove" => {
            let arguments = parse("volume rm", "force/f all/a time/t=", words)?;
            for name in &arguments.words {
                let users: Vec<String> = users(&machine, name);
                if !users.is_empty() && !arguments.has("force") {
                    let text = format!(
                        "volume {name} is being used by the following container(s): {}: volume is being used",
                        users.join(", ")
                    );
                    return Err(Failed::Said(text, 2));
                }
                if volumes.remove(&machine, name) {
                    process.out(format!("{name}\n")).await?;
                } else if !arguments.has("force") {
                    return Err(Failed::Said(
                        format!("no volume with name \"{name}\" found: no such volume"),
                        1,
                    ));
                }
            }
            Ok(())
        }
        _ => Err(unknown("volume", action)),
    }
}

fn users(machine: &Machine, volume: &str) -> Vec<String> {
    let has = |one: &crate::simulation::engine::container::Container| {
        one.plan.volumes.iter().any(|other| other.name == volume)
    };
    machine
        .containers
        .of(Engine::Podman)
        .into_iter()
        .filter(|one| has(one))
        .map(|one| one.id.clone())
        .collect()
}

fn unknown(kind: &str, action: &str) -> Failed {
    Failed::new(format!(
        "unrecognized command `podman {kind} {action}`\nTry 'podman {kind} --help' for more information"
    ))
}

/// A volume's inspection.
pub(super) fn volume_value(machine: &Machine, volume: &Volume) -> Value {
    let mounted = users(machine, &volume.name).len();
    json!({
        "Name": volume.name,
        "Driver": "local",
        "Mountpoint": volume.mountpoint(),
        "CreatedAt": stamp(volume.created),
        "Labels": {},
        "Scope": "local",
        "Options": {},
        "MountCount": mounted,
        "NeedsCopyUp": mounted == 0,
        "NeedsChown": mounted == 0,
        "LockNumber": 0,
    })
}

/// `podman network`
pub(super) async fn network(process: &mut Process, action: &str, words: &[&str]) -> Done {
    let machine = process.machine.clone();
    let networks = &machine.containers.networks;
    match action {
        "ls" | "list" => {
            let arguments = parse("network ls", "quiet/q format= filter/f= no-trunc noheading/n", words)?;
            let mut all = networks.all();
            if let Some((name, value)) = arguments
                .value("filter")
                .and_then(|filter| filter.strip_prefix("label="))
                .map(|label| label.split_once('=').unwrap_or((label, "")))
            {
                all.retain(|network| {
                    network.labels.get(name).is_some_and(|have| value.is_empty() || have == value)
                });
            }
            let text = if arguments.value("format") == Some("json") {
                output::indented(&all.iter().map(network_head).collect(), 5)
            } else if arguments.has("quiet") {
                all.iter().map(|network| format!("{}\n", network.name)).collect()
            } else {
                let head = ["NETWORK ID", "NAME", "DRIVER"].map(str::to_owned).to_vec();
                let row = |network: &Network| {
                    vec![network.id.chars().take(12).collect(), network.name.clone(), "bridge".to_owned()]
                };
                output::table(&std::iter::once(head).chain(all.iter().map(row)).collect::<Vec<_>>())
            };
            process.out(text).await?;
            Ok(())
        }
        "exists" => {
            let found = networks.get(one("network exists", words)?).is_some();
            if found { Ok(()) } else { Err(Failed::Silent(1)) }
        }
        "inspect" => {
            let arguments = parse("network inspect", "format/f=", words)?;
            inspect::say(process, &arguments, |wanted| {
                let found = networks.get(wanted).map(|network| network_value(&machine, &network));
                found.ok_or_else(|| {
                    format!(
                        "network {wanted}: unable to find network with name or ID {wanted}: network not found"
                    )
                })
            })
            .await
        }
        "create" => {
            let arguments = parse(
                "network create",
                "driver/d= subnet= gateway= ip-range= interface-name= route= dns= internal ipv6 disable-dns ignore opt/o= label=",
                words,
            )?;
            let name = arguments.words.first().copied().unwrap_or("podman1");
            if networks.get(name).is_some() {
                return Err(Failed::new(format!("network name {name} already used: network already exists")));
            }
            let subnet = arguments.value("subnet").and_then(|subnet| {
                let (base, prefix) = subnet.split_once('/')?;
                Some((base.parse().ok()?, prefix.parse().ok()?))
            });
            let labels = arguments.values("label").map(|label| label.split_once('=').unwrap_or((label, "")));
            let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
            networks.create(name, subnet, labels);
            process.out(format!("{name}\n")).await?;
            Ok(())
        }
        "rm" | "remove" => {
            let arguments = parse("network rm", "force/f time/t=", words)?;
            for name in &arguments.words {
                let Some(network) = networks.get(name) else {
                    return Err(Failed::Said(
                        format!("unable to find network with name or ID {name}: network not found"),
                        1,
                    ));
                };
                if machine
                    .containers
                    .of(Engine::Podman)
                    .iter()
                    .any(|one| one.network.as_deref() == Some(&network.name))
                {
                    let text = format!(
                        "\"{name}\" has associated containers with it. Use -f to forcibly delete containers and pods: network is being used"
                    );
                    return Err(Failed::Said(text, 2));
                }
                networks.remove(&network.name);
                process.out(format!("{name}\n")).await?;
            }
            Ok(())
        }
        _ => Err(unknown("network", action)),
    }
}

pub(super) fn network_head(network: &Network) -> Value {
    let mut head = json!({
        "name": network.name,
        "id": network.id,
        "driver": "bridge",
        "network_interface": network.interface,
        "created": stamp(std::time::Duration::from_secs(1_767_225_600)),
        "subnets": [{ "subnet": format!("{}/{}", network.base, network.prefix), "gateway": network.gateway().to_string() }],
        "ipv6_enabled": false,
        "internal": false,
        "dns_enabled": network.name != "podman",
        "labels": network.labels,
        "ipam_options": { "driver": "host-local" },
    });
    // Podman leaves out what is empty.
    if let Some(head) = head.as_object_mut()
        && network.labels.is_empty()
    {
        head.shift_remove("labels");
    }
    head
}

/// A network's inspection, with who has which address.
pub(super) fn network_value(machine: &Machine, network: &Network) -> Value {
    let mut value = network_head(network);
    let mut holders = machine.containers.holders(&network.name);
    holders.sort_by(|(_, one), (_, other)| one.id.cmp(&other.id));
    let containers: Map<String, Value> = holders
        .into_iter()
        .map(|(address, container)| {
            let entry = json!({ "name": container.name(), "interfaces": interfaces(network, address) });
            (container.id.clone(), entry)
        })
        .collect();
    if let Some(fields) = value.as_object_mut() {
        fields.insert("containers".into(), Value::Object(containers));
    }
    value
}

/// An address as netavark writes it, in an inspection and in `network.status`.
pub(super) fn interfaces(network: &Network, address: crate::simulation::engine::container::Address) -> Value {
    json!({
        "eth0": {
            "subnets": [{
                "ipnet": format!("{}/{}", address.ip, network.prefix),
                "gateway": network.gateway().to_string(),
            }],
            "mac_address": address.mac_text(),
        }
    })
}
