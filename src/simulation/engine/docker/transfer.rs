//! Images as archives: `docker save` and `load`, `GET /images/get` and `POST /images/load`.

use std::time::Duration;

use hyper::StatusCode;
use serde_json::{Map, Value, json};

use super::arguments::{parse, some};
use super::{Done, Failed, OVERLAY, Refused};
use crate::simulation::digest;
use crate::simulation::engine::archive::{self, Archive};
use crate::simulation::engine::disk;
use crate::simulation::engine::image::{Image, with_tag};
use crate::simulation::engine::texts;
use crate::simulation::machine::Machine;
use crate::simulation::machine::content::Content;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::files::Metadata;
use crate::simulation::machine::open::Access;
use crate::simulation::machine::process::Process;
use crate::simulation::scenario::{Runtime, Stage};

/// Bytes of an image packed or unpacked each second.
const RATE: f64 = 400e6;

const PLAIN: Metadata = Metadata { mode: 0o644, user: 0, group: 0, modified: Duration::ZERO };

/// What is said of an image that is not here.
pub(super) fn no_such_image(wanted: &str) -> Refused {
    Refused::new(StatusCode::NOT_FOUND, format!("No such image: {}", with_tag(wanted)))
}

/// Packs images into one archive, in the layout that Docker has had since 25.
pub(super) async fn pack(machine: &Machine, wanted: &[&str]) -> Result<Content, Refused> {
    let mut archive = Archive::default();
    let (mut manifest, mut repositories) = (Vec::new(), Map::new());
    for wanted in wanted {
        let image = machine.containers.docker.images.find(wanted).ok_or_else(|| no_such_image(wanted))?;
        let blob = |hash: &str| format!("blobs/sha256/{hash}");
        let mut layers = Vec::new();
        for layer in &image.layers {
            let node = disk::node(machine, &format!("{OVERLAY}/{layer}/diff"));
            let node = node.ok_or_else(|| {
                Refused::internal(format!("open {OVERLAY}/{layer}/diff: no such file or directory"))
            })?;
            let mut tar = Archive::default();
            tar.tree("", &node, &|_, _| true);
            archive.file(&blob(layer), PLAIN, &tar.finish());
            layers.push(blob(layer));
        }
        archive.file(&blob(&image.id), PLAIN, &Content::from(image.text.clone()));
        let names = names(&image, wanted);
        for name in &names {
            if let Some((repository, tag)) = name.rsplit_once(':') {
                repositories.insert(repository.to_owned(), json!({ tag: image.layers.last() }));
            }
        }
        manifest.push(json!({ "Config": blob(&image.id), "RepoTags": names, "Layers": layers }));
    }
    archive.file("manifest.json", PLAIN, &Content::from(Value::Array(manifest).to_string()));
    archive.file("oci-layout", PLAIN, &Content::from("{\"imageLayoutVersion\": \"1.0.0\"}"));
    archive.file("repositories", PLAIN, &Content::from(Value::Object(repositories).to_string()));
    let content = archive.finish();
    machine.spend(Duration::from_secs_f64(content.length() as f64 / RATE)).await;
    Ok(content)
}

/// By its id an image travels without a name.
fn names(image: &Image, wanted: &str) -> Vec<String> {
    if image.id.starts_with(wanted.trim_start_matches("sha256:")) { Vec::new() } else { image.names.clone() }
}

/// Takes images out of an archive; what is said of each.
pub(super) async fn unpack(machine: &Machine, content: Content) -> Result<Vec<String>, Refused> {
    if let Some(failure) = machine.reached(Stage::Image, "").await {
        let text = failure.stderr(Stage::Image, Runtime::Runc, &[("image", "the image")]);
        return Err(Refused::internal(text.trim_start_matches("Error: ")));
    }
    if !disk::has_room(machine, "/var/lib/docker", content.length()) {
        return Err(Refused::internal(
            "Error processing tar file(exit status 1): write /layer.tar: no space left on device",
        ));
    }
    machine.spend(Duration::from_secs_f64(content.length() as f64 / RATE)).await;
    let broken = || Refused::internal("Error processing tar file(exit status 1): unexpected EOF");
    let members =
        archive::decompressed(content).and_then(|plain| archive::read(&plain)).map_err(|_| broken())?;
    let find = |name: &str| archive::file(&members, name).cloned();
    let missing = |name: &str| {
        let place =
            format!("/var/lib/docker/tmp/docker-import-{}", machine.clock.now().as_nanos() % 1_000_000_000);
        Refused::internal(format!("open {place}/{name}: no such file or directory"))
    };
    let manifest = find("manifest.json").ok_or_else(|| missing("repositories"))?;
    let manifest: Value = serde_json::from_slice(&manifest.whole()).map_err(|_| broken())?;
    let mut said = Vec::new();
    for one in manifest.as_array().into_iter().flatten() {
        let name = one.get("Config").and_then(Value::as_str).unwrap_or_default();
        let config = find(name).ok_or_else(|| missing(name))?;
        let text = String::from_utf8_lossy(&config.whole()).into_owned();
        let parsed: Value = serde_json::from_str(&text).map_err(|_| broken())?;
        let known = texts(parsed.pointer("/rootfs/diff_ids"));
        let mut layers = Vec::new();
        for name in texts(one.get("Layers")) {
            layers.push(find(&name).ok_or_else(|| missing(&name))?);
        }
        if layers.len() != known.len() {
            return Err(Refused::internal(format!(
                "invalid manifest, layers length mismatch: expected {}, got {}",
                layers.len(),
                known.len()
            )));
        }
        for (layer, known) in layers.iter().zip(&known) {
            let hash = format!("sha256:{}", digest(layer.whole()));
            if hash != *known {
                return Err(Refused::internal(format!(
                    "invalid diffID for layer 0: expected {known:?}, got {hash:?}"
                )));
            }
        }
        let names = texts(one.get("RepoTags"));
        let image =
            machine.containers.docker.images.install(machine, &text, &layers, &names).map_err(|error| {
                Refused::internal(format!(
                    "Error processing tar file(exit status 1): write {OVERLAY}: {}",
                    error.to_string().to_lowercase()
                ))
            })?;
        said.push(match names.as_slice() {
            [] => format!("Loaded image ID: sha256:{}\n", image.id),
            names => names.iter().map(|name| format!("Loaded image: {name}\n")).collect(),
        });
    }
    Ok(said)
}

/// `docker save`
pub(super) async fn save(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("save", "output/o=", words)?;
    some("save", &arguments.words)?;
    let machine = process.machine.clone();
    let content = pack(&machine, &arguments.words).await?;
    let out = match arguments.value("output") {
        Some(path) => process
            .open(path, Access::Write)
            .await
            .map_err(|error| Failed::new(format!("failed to save image: open {path}: {error}")))?,
        None => process.files.get(&1).cloned().ok_or(Errno::BadDescriptor)?,
    };
    for piece in content.pieces() {
        out.write(piece.clone()).await?;
    }
    Ok(())
}

/// `docker load`
pub(super) async fn load(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("load", "quiet/q input/i=", words)?;
    let machine = process.machine.clone();
    let file = match arguments.value("input") {
        Some(path) => process
            .open(path, Access::Read)
            .await
            .map_err(|error| Failed::new(format!("open {path}: {}", error.to_string().to_lowercase())))?,
        None => process.files.get(&0).cloned().ok_or(Errno::BadDescriptor)?,
    };
    let content = archive::everything(&file).await?;
    // Said without the daemon's name before it.
    let said = unpack(&machine, content).await.map_err(|refused| Failed::new(refused.message))?;
    process.out(said.concat()).await?;
    Ok(())
}
