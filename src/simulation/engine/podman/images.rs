//! `podman image ls`, `inspect`, `tag` and `rm`.

use serde_json::{Map, Value, json};

use super::arguments::parse;
use super::{Done, Failed, inspect as inspection, output, template};
use crate::simulation::engine::image::{Image, OVERLAY, with_tag};
use crate::simulation::engine::time::human;
use crate::simulation::machine::Machine;
use crate::simulation::machine::process::Process;
use crate::simulation::scenario::Engine;

/// A name as Podman completes it: what has no registry is of this host.
fn complete(name: &str) -> String {
    let tagged = with_tag(name);
    let first = tagged.split('/').next().unwrap_or_default();
    let has_registry =
        tagged.contains('/') && (first.contains('.') || first.contains(':') || first == "localhost");
    if has_registry { tagged } else { format!("localhost/{tagged}") }
}

fn created(image: &Image) -> i64 {
    image.created().parse::<jiff::Timestamp>().map_or(0, jiff::Timestamp::as_second)
}

fn users(machine: &Machine, image: &Image) -> Vec<String> {
    machine
        .containers
        .all()
        .into_iter()
        .filter(|one| one.image == image.id)
        .map(|one| one.id.clone())
        .collect()
}

/// `podman images`
pub(super) async fn list(process: &mut Process, words: &[&str]) -> Done {
    let arguments =
        parse("images", "all/a quiet/q format= filter/f= no-trunc noheading/n digests sort= history", words)?;
    let machine = process.machine.clone();
    let images = machine.containers.images.all();
    let full = arguments.has("no-trunc");
    let short = |image: &Image| {
        if full { format!("sha256:{}", image.id) } else { image.id.chars().take(12).collect() }
    };
    let named = |image: &Image| {
        let names = if image.names.is_empty() {
            vec!["<none>:<none>".to_owned()]
        } else {
            image.names.iter().rev().cloned().collect()
        };
        names
            .into_iter()
            .map(|name| {
                name.rsplit_once(':')
                    .map(|(name, tag)| (name.to_owned(), tag.to_owned()))
                    .unwrap_or((name, "latest".into()))
            })
            .collect::<Vec<_>>()
    };
    let age = |image: &Image| {
        let at = std::time::Duration::from_secs(u64::try_from(created(image)).unwrap_or_default());
        human(machine.calendar().saturating_sub(at)) + " ago"
    };
    let text = match arguments.value("format") {
        Some("json") => output::indented(&images.iter().map(|image| listed(&machine, image)).collect(), 4),
        Some(wanted) if wanted.contains("{{") => {
            let mut text = String::new();
            for image in &images {
                for (name, tag) in named(image) {
                    let row = json!({ "ID": short(image), "Id": image.id, "Repository": name, "Tag": tag, "Size": output::size(image.size, " "), "Digest": image.digest, "Created": age(image) });
                    text.push_str(&(template::fill("images", wanted, &row)? + "\n"));
                }
            }
            text
        }
        _ if arguments.has("quiet") => images.iter().map(|image| short(image) + "\n").collect(),
        _ => {
            let head = ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"].map(str::to_owned).to_vec();
            let mut rows = vec![head];
            for image in &images {
                for (name, tag) in named(image) {
                    rows.push(vec![name, tag, short(image), age(image), output::size(image.size, " ")]);
                }
            }
            output::table(&rows)
        }
    };
    process.out(text).await?;
    Ok(())
}

fn listed(machine: &Machine, image: &Image) -> Value {
    let at = created(image);
    json!({
        "Id": image.id,
        "ParentId": "",
        "RepoTags": null,
        "RepoDigests": digests(image),
        "Size": image.size,
        "SharedSize": 0,
        "VirtualSize": image.size,
        "Labels": image.config.pointer("/config/Labels"),
        "Containers": users(machine, image).len(),
        "Digest": image.digest,
        "History": image.names,
        "Names": image.names,
        "Created": at,
        "CreatedAt": image.created(),
    })
}

fn digests(image: &Image) -> Vec<String> {
    let name = |name: &String| name.rsplit_once(':').map(|(name, _)| format!("{name}@{}", image.digest));
    image.names.iter().filter_map(name).collect()
}

/// `podman image inspect`
pub(super) async fn inspect(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("image inspect", "format/f=", words)?;
    let machine = process.machine.clone();
    inspection::say(process, &arguments, |wanted| {
        let found = machine.containers.images.find(wanted).map(|image| value(&image));
        found.ok_or_else(|| format!("{wanted}: image not known"))
    })
    .await
}

/// An image's inspection.
pub(super) fn value(image: &Image) -> Value {
    let config = image.config.get("config").cloned().unwrap_or_else(|| json!({}));
    let text = |key: &str| image.config.get(key).cloned().unwrap_or_else(|| json!(""));
    let mut data = Map::new();
    let below: Vec<String> =
        image.layers.iter().rev().skip(1).map(|layer| format!("{OVERLAY}/{layer}/diff")).collect();
    if !below.is_empty() {
        data.insert("LowerDir".into(), json!(below.join(":")));
    }
    let top = image.layers.last().cloned().unwrap_or_default();
    data.insert("UpperDir".into(), json!(format!("{OVERLAY}/{top}/diff")));
    data.insert("WorkDir".into(), json!(format!("{OVERLAY}/{top}/work")));
    json!({
        "Id": image.id,
        "Digest": image.digest,
        "RepoTags": image.names,
        "RepoDigests": digests(image),
        "Parent": "",
        "Comment": "imported from tarball",
        "Created": image.created(),
        "Config": config,
        "Version": "",
        "Author": "",
        "Architecture": text("architecture"),
        "Os": text("os"),
        "Size": image.size,
        "VirtualSize": image.size,
        "GraphDriver": { "Name": "overlay", "Data": data },
        "RootFS": { "Type": "layers", "Layers": image.layers.iter().map(|layer| format!("sha256:{layer}")).collect::<Vec<_>>() },
        "Labels": image.config.pointer("/config/Labels"),
        "Annotations": {},
        "ManifestType": "application/vnd.oci.image.manifest.v1+json",
        "User": "",
        "History": text("history"),
        "NamesHistory": image.names,
    })
}

/// `podman image tag`
pub(super) fn tag(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("image tag", "", words)?;
    let images = &process.machine.containers.images;
    let [wanted, names @ ..] = arguments.words.as_slice() else {
        return Err(Failed::new("requires at least 2 arg(s), only received 0"));
    };
    let image = images.find(wanted).ok_or_else(|| Failed::new(format!("{wanted}: image not known")))?;
    for name in names {
        images.tag(&image.id, &complete(name));
    }
    Ok(())
}

/// `podman image rm`
pub(super) async fn remove(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("image rm", "all/a force/f ignore/i no-prune", words)?;
    let machine = process.machine.clone();
    let images = &machine.containers.images;
    for wanted in &arguments.words {
        let Some(image) = images.find(wanted) else {
            if arguments.has("ignore") || arguments.has("force") {
                continue;
            }
            return Err(Failed::Said(format!("{wanted}: image not known"), 1));
        };
        let by_name = !image.id.starts_with(wanted.trim_start_matches("sha256:"));
        if by_name && image.names.len() > 1 {
            let tagged = with_tag(wanted);
            if let Some(name) =
                image.names.iter().find(|name| **name == tagged || name.ends_with(&format!("/{tagged}")))
            {
                images.untag(&image.id, name);
                process.out(format!("Untagged: {name}\n")).await?;
            }
            continue;
        }
        if let Some(user) = users(&machine, &image).first() {
            if !arguments.has("force") {
                return Err(Failed::Said(
                    format!(
                        "image used by {user}: image is in use by a container: consider listing external containers and force-removing image"
                    ),
                    2,
                ));
            }
            for container in machine.containers.of(Engine::Podman).iter().filter(|one| one.image == image.id)
            {
                machine.containers.remove(container);
            }
        }
        images.remove(&machine, &image.id);
        let mut text: String = image.names.iter().map(|name| format!("Untagged: {name}\n")).collect();
        text.push_str(&format!("Deleted: {}\n", image.id));
        process.out(text).await?;
    }
    Ok(())
}
