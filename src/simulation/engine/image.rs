//! Images: layers as directories of the machine's file system, and a configuration whose hash is the id.
//!
//! The image of a workload is built the same everywhere, so that two hosts with the same reference have the
//! same image. What an image is built of is built once for all hosts.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::archive::{self, Archive, Member, What};
use super::disk;
use super::pages::noise;
use crate::simulation::digest;
use crate::simulation::locked;
use crate::simulation::machine::Machine;
use crate::simulation::machine::content::Content;
use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::files::{Filesystem, Inode, Kind, Metadata, Node};
use crate::simulation::machine::pipe::Pipe;
use crate::simulation::scenario::{Architecture, Workload};

/// Where Podman keeps layers.
pub const OVERLAY: &str = "/var/lib/containers/storage/overlay";

/// One image on one machine.
#[derive(Clone, Debug, PartialEq)]
pub struct Image {
    /// The hash of its configuration.
    pub id: String,
    /// The hash of its manifest.
    pub digest: String,
    /// Its references, the newest last.
    pub names: Vec<String>,
    /// The hashes of its layers, the lowest first.
    pub layers: Vec<String>,
    /// Bytes of its layers.
    pub size: u64,
    /// Its configuration, byte for byte.
    pub text: String,
    /// Its configuration.
    pub config: Value,
}

impl Image {
    /// A list of strings in its configuration.
    fn words(&self, key: &str) -> Vec<String> {
        super::texts(self.config.pointer(&format!("/config/{key}")))
    }

    /// What it runs.
    pub fn command(&self) -> Vec<String> {
        self.words("Cmd")
    }

    /// Its environment.
    pub fn environment(&self) -> Vec<String> {
        self.words("Env")
    }

    /// Where its command begins.
    pub fn directory(&self) -> &str {
        self.config.pointer("/config/WorkingDir").and_then(Value::as_str).unwrap_or("/")
    }

    /// When it was made.
    pub fn created(&self) -> &str {
        self.config.get("created").and_then(Value::as_str).unwrap_or(super::time::NEVER)
    }

    /// What runs in it, by the label that every image of a scenario has.
    pub fn workload(&self) -> Option<Workload> {
        let word = self.config.pointer("/config/Labels/drover.workload").and_then(Value::as_str)?;
        WORKLOADS.into_iter().find(|workload| workload.word() == word)
    }
}

const WORKLOADS: [Workload; 5] =
    [Workload::Counter, Workload::Redis, Workload::Web, Workload::Looper, Workload::Idle];

/// The images of a machine.
#[derive(Debug)]
pub struct Images {
    /// Where their layers are.
    root: &'static str,
    all: Mutex<Vec<Image>>,
}

impl Default for Images {
    fn default() -> Self {
        Self::under(OVERLAY)
    }
}

impl Images {
    /// None yet, with layers in a directory of their engine.
    pub fn under(root: &'static str) -> Self {
        Self { root, all: Mutex::default() }
    }

    /// All of them, the newest first, as `podman images` lists them.
    pub fn all(&self) -> Vec<Image> {
        locked(&self.all).iter().rev().cloned().collect()
    }

    /// An image by its reference, the end of it, its id or the beginning of that.
    pub fn find(&self, wanted: &str) -> Option<Image> {
        let images = locked(&self.all);
        let tagged = with_tag(wanted);
        let named = images.iter().find(|image| {
            image.names.iter().any(|name| *name == tagged || name.ends_with(&format!("/{tagged}")))
        });
        let id = wanted.trim_start_matches("sha256:");
        let is_id = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        named.or_else(|| images.iter().find(|image| is_id && image.id.starts_with(id))).cloned()
    }

    /// Gives an image one more name, which any other image then loses.
    pub fn tag(&self, id: &str, name: &str) {
        let name = with_tag(name);
        for image in locked(&self.all).iter_mut() {
            image.names.retain(|other| *other != name);
            if image.id == id {
                image.names.push(name.clone());
            }
        }
    }

    /// Takes a name away; the name that was taken away, when there was one.
    pub fn untag(&self, id: &str, name: &str) {
        if let Some(image) = locked(&self.all).iter_mut().find(|image| image.id == id) {
            image.names.retain(|other| other != name);
        }
    }

    /// Takes an image away, with those of its layers that no other image has.
    pub fn remove(&self, machine: &Machine, id: &str) {
        let mut images = locked(&self.all);
        let Some(index) = images.iter().position(|image| image.id == id) else { return };
        let image = images.remove(index);
        for layer in &image.layers {
            if !images.iter().any(|other| other.layers.contains(layer)) {
                disk::remove(machine, &format!("{}/{layer}", self.root));
                disk::remove(machine, &format!("{}/l/{}", self.root, link_name(layer)));
            }
        }
    }

    /// Takes a configuration and the layers it names, each as a tar archive. What is there already stays.
    pub fn install(
        &self,
        machine: &Machine,
        text: &str,
        layers: &[Content],
        names: &[String],
    ) -> Result<Image, Errno> {
        let config: Value = serde_json::from_str(text).map_err(|_| Errno::Invalid)?;
        let known = config.pointer("/rootfs/diff_ids").and_then(Value::as_array);
        let layer_ids: Vec<String> = known
            .into_iter()
            .flatten()
            .filter_map(|id| Some(id.as_str()?.trim_start_matches("sha256:").to_owned()))
            .collect();
        let id = digest(text);
        if self.find(&id).is_none() {
            for (layer, tar) in layer_ids.iter().zip(layers) {
                unpack_layer(machine, self.root, layer, tar)?;
            }
            let manifest = json!({ "config": id, "layers": layer_ids }).to_string();
            let size = layers.iter().map(Content::length).sum::<u64>() + text.len() as u64;
            let image = Image {
                digest: format!("sha256:{}", digest(manifest)),
                names: Vec::new(),
                layers: layer_ids,
                size,
                text: text.into(),
                config,
                id: id.clone(),
            };
            locked(&self.all).push(image);
        }
        for name in names {
            self.tag(&id, name);
        }
        self.find(&id).ok_or(Errno::NotFound)
    }

    /// The image of a workload under a reference, made where it is missing.
    pub fn provide(&self, machine: &Machine, workload: Workload, reference: &str) -> Result<Image, Errno> {
        let reference = with_tag(reference);
        if let Some(image) = self.find(&reference) {
            return Ok(image);
        }
        let built = built(workload, &reference, machine.plan.architecture);
        self.install(machine, &built.text, std::slice::from_ref(&built.layer), &[reference])
    }
}

/// A reference that says its tag.
pub fn with_tag(reference: &str) -> String {
    let last = reference.rsplit('/').next().unwrap_or(reference);
    if last.contains(':') || last.contains('@') {
        reference.to_owned()
    } else {
        format!("{reference}:latest")
    }
}

/// The short name under which a layer is mounted: 26 letters, as Podman's own.
pub fn link_name(layer: &str) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = digest(layer);
    hash.as_bytes()
        .chunks(2)
        .take(26)
        .filter_map(|pair| usize::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .filter_map(|byte| LETTERS.get(byte % 32).map(|letter| char::from(*letter)))
        .collect()
}

fn unpack_layer(machine: &Machine, root: &str, layer: &str, tar: &Content) -> Result<(), Errno> {
    let place = format!("{root}/{layer}");
    if disk::node(machine, &place).is_some() {
        return Ok(());
    }
    let diff = disk::directory(machine, &format!("{place}/diff"), 0o755)?;
    let members = archive::read(tar).map_err(|_| Errno::Invalid)?;
    let unpacked = unpack(&diff, &members);
    if let Err(error) = unpacked {
        disk::remove(machine, &place);
        return Err(error);
    }
    let name = link_name(layer);
    disk::put(machine, &format!("{place}/link"), name.clone(), 0o644)?;
    disk::link(machine, &format!("{root}/l/{name}"), &format!("../{layer}/diff"))
}

/// Puts the members of an archive into a directory, in the place of what is there.
pub fn unpack(root: &Node, members: &[Member]) -> Result<(), Errno> {
    for member in members {
        let mut parent = root.clone();
        let mut names: Vec<&str> =
            member.path.split('/').filter(|name| !name.is_empty() && *name != ".").collect();
        let Some(last) = names.pop() else {
            root.change(|metadata| *metadata = member.metadata);
            continue;
        };
        for name in names {
            let like = Metadata { mode: 0o755, ..member.metadata };
            parent = disk::within(&parent, name, || like)?;
        }
        put_member(root, &parent, last, member)?;
    }
    Ok(())
}

fn put_member(root: &Node, parent: &Node, name: &str, member: &Member) -> Result<(), Errno> {
    if matches!(member.what, What::Directory) {
        let directory = disk::within(parent, name, || member.metadata)?;
        directory.change(|metadata| *metadata = member.metadata);
        return Ok(());
    }
    let node = match &member.what {
        What::File(content) => Inode::file(&parent.filesystem, content.clone(), member.metadata)?,
        What::Link(target) => Inode::new(&parent.filesystem, Kind::Link(target.clone()), member.metadata),
        What::Fifo => Inode::new(&parent.filesystem, Kind::Fifo(Pipe::new()), member.metadata),
        What::HardLink(target) => {
            let mut here = root.clone();
            for name in target.split('/').filter(|name| !name.is_empty() && *name != ".") {
                here = here.entry(name)?;
            }
            here
        }
        What::Directory | What::Other => return Ok(()),
    };
    if let Ok(old) = parent.entry(name) {
        disk::empty(&old);
        parent.remove(name)?;
    }
    parent.insert(name, node)
}

/// What an image is made of.
struct Built {
    text: String,
    layer: Content,
}

/// Images are made at the beginning of 2026, long before every scenario.
const MADE: Duration = Duration::from_secs(1_767_225_600);

fn built(workload: Workload, reference: &str, architecture: Architecture) -> Arc<Built> {
    type Known = BTreeMap<String, Arc<Built>>;
    static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);
    let key = format!("{reference} {} {architecture}", workload.word());
    let known = locked(&KNOWN).get(&key).cloned();
    known.unwrap_or_else(|| {
        let built = Arc::new(build(workload, reference, architecture));
        locked(&KNOWN).insert(key, built.clone());
        built
    })
}

/// What the image of a workload is made of: its configuration and its files, without making it anywhere.
pub fn contents(workload: Workload, reference: &str, architecture: Architecture) -> (Value, Vec<Member>) {
    let built = built(workload, &with_tag(reference), architecture);
    // They were written by this program.
    (serde_json::from_str(&built.text).unwrap_or_default(), archive::read(&built.layer).unwrap_or_default())
}

fn build(workload: Workload, reference: &str, architecture: Architecture) -> Built {
    let layer = layer(workload);
    let hash = digest(layer.whole());
    let (command, ports, directory): (Value, &[u16], Option<&str>) = match workload {
        Workload::Counter => (json!(["/usr/local/bin/counter"]), &[], None),
        Workload::Redis => (
            json!([
                "/usr/bin/redis-server",
                "--save",
                "",
                "--appendonly",
                "no",
                "--bind",
                "0.0.0.0",
                "--protected-mode",
                "no",
                "--enable-debug-command",
                "yes"
            ]),
            &[6379],
            Some("/data"),
        ),
        Workload::Web => (json!(["/usr/local/bin/web"]), &[8080], None),
        Workload::Looper => (json!(["/bin/sh", "-c", "while :; do :; done"]), &[], None),
        Workload::Idle => (json!(["/bin/sleep", "infinity"]), &[], None),
    };
    let created = super::time::stamp(MADE);
    let mut config = json!({
        "created": created,
        "architecture": match architecture {
            Architecture::X86_64 => "amd64",
            Architecture::Aarch64 => "arm64",
        },
        "os": "linux",
        "config": {
            "Env": ["PATH=/usr/local/bin:/usr/bin:/bin"],
            "Cmd": command,
            "Labels": { "drover.workload": workload.word() },
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{hash}")] },
        "history": [{
            "created": created,
            "created_by": format!("/bin/sh -c #(nop) ADD file:{hash} in / "),
            "comment": format!("imported for {reference}"),
        }],
    });
    if let Some(inner) = config.get_mut("config").and_then(Value::as_object_mut) {
        if !ports.is_empty() {
            let ports: serde_json::Map<String, Value> =
                ports.iter().map(|port| (format!("{port}/tcp"), json!({}))).collect();
            inner.insert("ExposedPorts".into(), Value::Object(ports));
        }
        if let Some(directory) = directory {
            inner.insert("WorkingDir".into(), json!(directory));
        }
    }
    Built { text: config.to_string(), layer }
}

/// The applets of the shell's multi-call program in every image.
pub const APPLETS: [&str; 24] = [
    "sh",
    "cat",
    "echo",
    "ls",
    "sleep",
    "stat",
    "md5sum",
    "sha256sum",
    "find",
    "tar",
    "vi",
    "ps",
    "kill",
    "wget",
    "id",
    "env",
    "grep",
    "head",
    "tail",
    "wc",
    "dd",
    "rm",
    "mkdir",
    "touch",
];

const COUNTER: &str = "#!/bin/sh
# Counts seconds on standard output and in a file that the image already has.
trap 'exit 0' TERM INT
read -r count </srv/count
while :; do
    count=$((count + 1))
    echo \"$count\" >/srv/count
    echo \"$count\"
    sleep 1
done
";

/// The one layer of a workload's image, as a tar archive.
fn layer(workload: Workload) -> Content {
    let scratch = Filesystem::new("tmpfs", "tmpfs", u64::MAX);
    let metadata = |mode| Metadata { mode, user: 0, group: 0, modified: MADE };
    let root = Inode::directory(&scratch, metadata(0o755));
    // Into a file system without bounds everything goes.
    let put = |path: &str, kind: Option<Kind>, mode: u32| {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut parent = root.clone();
        for name in above.split('/').filter(|name| !name.is_empty()) {
            match disk::within(&parent, name, || metadata(0o755)) {
                Ok(node) => parent = node,
                Err(_) => return,
            }
        }
        let node = match kind {
            Some(kind) => Inode::new(&scratch, kind, metadata(mode)),
            None => Inode::directory(&scratch, metadata(mode)),
        };
        let _ = parent.insert(name, node);
    };
    let file = |bytes: Vec<u8>| Some(Kind::File(Mutex::new(Content::from(Bytes::from(bytes)))));
    for directory in ["dev", "proc", "run", "srv", "sys", "usr/bin", "usr/local/bin"] {
        put(directory, None, 0o755);
    }
    put("tmp", None, 0o1777);
    put("bin/busybox", file(program("busybox", 256 << 10)), 0o755);
    for applet in APPLETS {
        put(&format!("bin/{applet}"), Some(Kind::Link("busybox".into())), 0o777);
    }
    put("etc/passwd", file(b"root:x:0:0:root:/:/bin/sh\n".to_vec()), 0o644);
    put("etc/group", file(b"root:x:0:\n".to_vec()), 0o644);
    match workload {
        Workload::Counter => {
            put("srv/count", file(b"0\n".to_vec()), 0o644);
            put("usr/local/bin/counter", file(COUNTER.into()), 0o755);
        }
        Workload::Redis => {
            put("data", None, 0o755);
            put("usr/bin/redis-server", file(program("redis-server", 2 << 20)), 0o755);
            put("usr/bin/redis-cli", file(program("redis-cli", 512 << 10)), 0o755);
        }
        Workload::Web => {
            put("usr/bin/perl", file(program("perl", 1 << 20)), 0o755);
            put(
                "usr/local/bin/web",
                file(b"#!/usr/bin/perl\n# Answers each GET with their number.\n".to_vec()),
                0o755,
            );
        }
        Workload::Looper | Workload::Idle => {}
    }
    let mut archive = Archive::default();
    archive.tree("", &root, &|_, _| true);
    archive.finish()
}

/// A program's file: its first line says which program it is, see
/// [`programs`](crate::simulation::machine::programs).
fn program(name: &str, length: usize) -> Vec<u8> {
    let mut bytes = format!("\u{7f}ELF {name}\n").into_bytes();
    let seed = name.bytes().fold(17, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(u64::from(byte)));
    bytes.extend_from_slice(&noise(seed, length));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::machine::machine_for_tests;

    #[tokio::test]
    async fn an_image_is_the_same_on_two_machines_and_found_by_parts_of_its_name() {
        let (one, two) = (machine_for_tests(), machine_for_tests());
        let name = Workload::Counter.image();
        let first = one.containers.images.provide(&one, Workload::Counter, &name).unwrap();
        let second = two.containers.images.provide(&two, Workload::Counter, &name).unwrap();
        assert_eq!(first, second);
        assert_eq!(first.workload(), Some(Workload::Counter));
        for wanted in ["counter", "drover/counter:latest", &first.id[..6], &name] {
            assert_eq!(one.containers.images.find(wanted).as_ref(), Some(&first), "{wanted}");
        }
        assert_eq!(one.containers.images.find("unter"), None);
        let layer = format!("{OVERLAY}/{}/diff", first.layers[0]);
        assert_eq!(disk::read(&one, &format!("{layer}/srv/count")).unwrap().whole(), "0\n");
        let linked = format!("{OVERLAY}/l/{}/srv/count", link_name(&first.layers[0]));
        assert!(disk::node(&one, &linked).is_some());
        one.containers.images.remove(&one, &first.id);
        assert!(disk::node(&one, &layer).is_none());
    }
}
