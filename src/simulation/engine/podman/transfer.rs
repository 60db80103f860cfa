//! `podman image save` and `load`: images as docker-archives.

use std::time::Duration;

use serde_json::{Value, json};

use super::arguments::parse;
use super::{Done, Failed};
use crate::simulation::digest;
use crate::simulation::engine::archive::{self, Archive};
use crate::simulation::engine::disk;
use crate::simulation::engine::image::OVERLAY;
use crate::simulation::engine::texts;
use crate::simulation::machine::content::Content;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::files::Metadata;
use crate::simulation::machine::open::Access;
use crate::simulation::machine::process::Process;
use crate::simulation::scenario::Stage;

/// Bytes of an image packed or unpacked each second.
const RATE: f64 = 400e6;

/// What members of a docker-archive are like.
const PLAIN: Metadata = Metadata { mode: 0o444, user: 0, group: 0, modified: Duration::ZERO };

/// `podman image save`
pub(super) async fn save(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("image save", "quiet/q output/o= format= compress multi-image-archive/m", words)?;
    let machine = process.machine.clone();
    let [wanted, ..] = arguments.words.as_slice() else {
        return Err(Failed::new("requires at least 1 arg(s), only received 0"));
    };
    let image = machine
        .containers
        .images
        .find(wanted)
        .ok_or_else(|| Failed::new(format!("{wanted}: image not known")))?;
    // By its id it travels without a name.
    let names: Vec<&String> = if image.id.starts_with(wanted.trim_start_matches("sha256:")) {
        Vec::new()
    } else {
        image.names.iter().collect()
    };
    let mut archive = Archive::default();
    let mut layers = Vec::new();
    for layer in &image.layers {
        let node = disk::node(&machine, &format!("{OVERLAY}/{layer}/diff"));
        let node = node.ok_or_else(|| Failed::new(format!("layer {layer}: no such file or directory")))?;
        let mut tar = Archive::default();
        tar.tree("", &node, &|_, _| true);
        let name = format!("{layer}.tar");
        archive.file(&name, PLAIN, &tar.finish());
        layers.push(name);
    }
    let config = format!("{}.json", image.id);
    archive.file(&config, PLAIN, &Content::from(image.text.clone()));
    let manifest = json!([{ "Config": config, "RepoTags": names, "Layers": layers }]);
    archive.file("manifest.json", PLAIN, &Content::from(manifest.to_string()));
    let content = archive.finish();
    machine.spend(Duration::from_secs_f64(content.length() as f64 / RATE)).await;
    let out = match arguments.value("output") {
        Some(path) => process
            .open(path, Access::Write)
            .await
            .map_err(|error| Failed::new(format!("open {path}: {error}")))?,
        None => process.files.get(&1).cloned().ok_or(Errno::BadDescriptor)?,
    };
    for piece in content.pieces() {
        out.write(piece.clone()).await?;
    }
    Ok(())
}

/// `podman image load`
pub(super) async fn load(process: &mut Process, words: &[&str]) -> Done {
    let arguments = parse("image load", "quiet/q input/i= signature-policy=", words)?;
    let machine = process.machine.clone();
    let file = match arguments.value("input") {
        Some(path) => process
            .open(path, Access::Read)
            .await
            .map_err(|error| Failed::new(format!("open {path}: {}", error.to_string().to_lowercase())))?,
        None => process.files.get(&0).cloned().ok_or(Errno::BadDescriptor)?,
    };
    let content = archive::everything(&file).await?;
    if let Some(failure) = machine.reached(Stage::Image, "").await {
        let text = failure.stderr(Stage::Image, machine.plan.runtime, &[("image", "the image")]);
        return Err(Failed::Said(text.trim_start_matches("Error: ").to_owned(), failure.exit_code));
    }
    let full = |path: &str, error: Errno| {
        Failed::new(format!(
            "copying layers and metadata: writing blob: storing blob to file {path:?}: write {path}: {}",
            error.to_string().to_lowercase()
        ))
    };
    if !disk::has_room(&machine, "/var/tmp", content.length()) {
        return Err(full("/var/tmp/container_images_storage", Errno::NoSpace));
    }
    machine.spend(Duration::from_secs_f64(content.length() as f64 / RATE)).await;
    let unreadable = || {
        Failed::new(
            "payload does not match any of the supported image formats:\n * oci: open /var/tmp/podman/index.json: not a directory\n \
             * oci-archive: creating temp directory: unexpected EOF\n * docker-archive: loading tar component \"manifest.json\": unexpected EOF\n \
             * dir: open /var/tmp/podman/manifest.json: not a directory",
        )
    };
    let members =
        archive::decompressed(content).and_then(|plain| archive::read(&plain)).map_err(|_| unreadable())?;
    let find = |name: &str| archive::file(&members, name).cloned();
    let manifest = find("manifest.json").ok_or_else(unreadable)?;
    let manifest: Value = serde_json::from_slice(&manifest.whole()).map_err(|_| unreadable())?;
    for one in manifest.as_array().into_iter().flatten() {
        let config = one.get("Config").and_then(Value::as_str).and_then(&find).ok_or_else(unreadable)?;
        let text = String::from_utf8_lossy(&config.whole()).into_owned();
        let parsed: Value = serde_json::from_str(&text).map_err(|_| unreadable())?;
        let known = texts(parsed.pointer("/rootfs/diff_ids"));
        let layers: Option<Vec<Content>> = texts(one.get("Layers")).iter().map(|name| find(name)).collect();
        let layers = layers.ok_or_else(unreadable)?;
        for (layer, known) in layers.iter().zip(&known) {
            let hash = digest(layer.whole());
            if format!("sha256:{hash}") != *known {
                return Err(Failed::new(format!(
                    "copying layers and metadata: writing blob: layer digest sha256:{hash} does not match config's DiffID {known:?}"
                )));
            }
        }
        let names = texts(one.get("RepoTags"));
        let image = machine
            .containers
            .images
            .install(&machine, &text, &layers, &names)
            .map_err(|error| full(OVERLAY, error))?;
        if !arguments.has("quiet") {
            let mut progress = String::from("Getting image source signatures\n");
            for layer in &known {
                progress.push_str(&format!("Copying blob {layer}\n"));
            }
            progress.push_str(&format!(
                "Copying config sha256:{}\nWriting manifest to image destination",
                image.id
            ));
            process.complain(progress).await;
        }
        let said = names.first().cloned().unwrap_or_else(|| format!("sha256:{}", image.id));
        process.out(format!("Loaded image: {said}\n")).await?;
    }
    Ok(())
}
