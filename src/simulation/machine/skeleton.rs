//! The files of a freshly installed system, and what a boot makes of them.

use std::sync::Arc;
use std::time::Duration;

use super::Machine;
use super::content::Content;
use super::files::{Device, Filesystem, Inode, Kind, Metadata, Node};
use super::namespace::{Mount, Namespace};
use super::programs;
use crate::simulation::digest;
use crate::simulation::scenario::HostPlan;

/// The mount table of a host and the files behind it.
pub(super) fn namespace(
    plan: &HostPlan,
    calendar: Duration,
    [disk, devices, run, shared_memory]: [&Arc<Filesystem>; 4],
) -> Namespace {
    let builder = Builder { disk, modified: calendar.saturating_sub(plan.boot) };
    let root = builder.directory(0o755);
    for path in ["bin", "sbin", "lib"] {
        let target = Kind::Link(format!("usr/{path}"));
        let _ = root.insert(path, Inode::new(disk, target, builder.metadata(0o777)));
    }
    for (path, mode) in [
        ("usr/bin", 0o755),
        ("usr/sbin", 0o755),
        ("usr/lib", 0o755),
        ("usr/local/bin", 0o755),
        ("usr/share/containers", 0o755),
        ("etc/containers", 0o755),
        ("etc/criu", 0o755),
        ("root", 0o700),
        ("home", 0o755),
        ("srv", 0o755),
        ("mnt", 0o755),
        ("dev", 0o755),
        ("proc", 0o555),
        ("sys", 0o555),
        ("run", 0o755),
        ("tmp", 0o1777),
        ("var/tmp", 0o1777),
        ("var/log", 0o755),
        ("var/lib/containers/storage/overlay", 0o700),
        ("var/lib/docker", 0o710),
    ] {
        builder.path(&root, path, mode);
    }
    if let Ok(var) = root.entry("var") {
        let _ = var.insert("run", Inode::new(disk, Kind::Link("/run".into()), builder.metadata(0o777)));
    }
    builder.file(&root, "etc/hostname", format!("{}\n", plan.name));
    builder.file(&root, "etc/os-release", os_release(plan));
    builder.file(&root, "etc/hosts", format!("127.0.0.1 localhost\n127.0.1.1 {}\n", plan.name));
    builder.file(&root, "etc/passwd", "root:x:0:0:root:/root:/bin/sh\n");
    builder.file(&root, "etc/group", "root:x:0:\n");
    builder.file(&root, "etc/machine-id", machine_id(plan));
    if plan.podman.is_some() {
        builder.file(
            &root,
            "usr/share/containers/storage.conf",
            "[storage]\ndriver = \"overlay\"\nrunroot = \"/run/containers/storage\"\n\
             graphroot = \"/var/lib/containers/storage\"\n",
        );
    }
    for name in programs::installed(plan) {
        builder.program(&root, name);
    }
    let namespace = Namespace::new(root.clone());
    let mount = |at: &str, root: Node, filesystem: &Filesystem, options: &str| {
        namespace.mount(Mount {
            at: at.into(),
            root,
            kind: filesystem.kind.into(),
            source: filesystem.source.clone(),
            options: options.into(),
        });
    };
    let metadata = builder.metadata(0o755);
    mount("/", root, disk, "rw,relatime");
    let dev = Inode::directory(devices, metadata);
    for (name, device) in [("null", Device::Null), ("zero", Device::Zero), ("full", Device::Full)] {
        let _ = dev.insert(name, Inode::new(devices, Kind::Device(device), builder.metadata(0o666)));
    }
    for (name, target) in [
        ("stdin", "/proc/self/fd/0"),
        ("stdout", "/proc/self/fd/1"),
        ("stderr", "/proc/self/fd/2"),
        ("fd", "/proc/self/fd"),
    ] {
        let _ = dev.insert(name, Inode::new(devices, Kind::Link(target.into()), builder.metadata(0o777)));
    }
    let _ = dev.insert("shm", Inode::directory(devices, builder.metadata(0o1777)));
    mount("/dev", dev, devices, "rw,nosuid,relatime");
    mount("/run", Inode::directory(run, metadata), run, "rw,nosuid,nodev,noexec,relatime");
    let shm = Inode::directory(shared_memory, builder.metadata(0o1777));
    mount("/dev/shm", shm, shared_memory, "rw,nosuid,nodev");
    namespace
}

/// What is in memory only is lost without power.
pub(super) fn forget_memory(machine: &Machine) {
    for place in ["/run", "/dev/shm"] {
        let Ok(found) = machine.namespace.find("/", place, super::namespace::LastLink::Follow) else {
            continue;
        };
        empty(&found.node);
    }
}

/// What a boot makes in memory. The services that listen in /run put their sockets there themselves.
pub(super) fn fill_memory(machine: &Machine) {
    forget_memory(machine);
}

/// Takes everything out of a directory.
fn empty(directory: &Node) {
    for name in directory.names().unwrap_or_default() {
        if let Ok(node) = directory.entry(&name)
            && node.is_directory()
        {
            empty(&node);
        }
        let _ = directory.remove(&name);
    }
}

fn os_release(plan: &HostPlan) -> String {
    let pretty = &plan.distribution;
    let id = pretty.split_whitespace().next().unwrap_or("linux").to_ascii_lowercase();
    let version: String = pretty
        .split_whitespace()
        .find(|word| word.starts_with(|c: char| c.is_ascii_digit()))
        .unwrap_or_default()
        .into();
    format!("PRETTY_NAME=\"{pretty}\"\nNAME=\"{pretty}\"\nVERSION_ID=\"{version}\"\nID={id}\n")
}

fn machine_id(plan: &HostPlan) -> String {
    digest(plan.name.as_str())[..32].to_owned() + "\n"
}

/// Makes files on a fresh disk, where there is room for all of them.
struct Builder<'a> {
    disk: &'a Arc<Filesystem>,
    modified: Duration,
}

impl Builder<'_> {
    fn metadata(&self, mode: u32) -> Metadata {
        Metadata { mode, user: 0, group: 0, modified: Duration::from_secs(self.modified.as_secs()) }
    }

    fn directory(&self, mode: u32) -> Node {
        Inode::directory(self.disk, self.metadata(mode))
    }

    /// The directory at a path, made with those above it.
    fn path(&self, root: &Node, path: &str, mode: u32) -> Node {
        let mut here = root.clone();
        for name in path.split('/') {
            here = match here.entry(name) {
                Ok(node) => node,
                Err(_) => {
                    let made = self.directory(0o755);
                    let _ = here.insert(name, made.clone());
                    made
                }
            };
        }
        here.change(|metadata| metadata.mode = mode);
        here
    }

    fn file(&self, root: &Node, path: &str, content: impl Into<Content>) {
        self.file_with(root, path, content, 0o644);
    }

    fn file_with(&self, root: &Node, path: &str, content: impl Into<Content>, mode: u32) {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = if above.is_empty() { root.clone() } else { self.path(root, above, 0o755) };
        // A disk that is full from the beginning has less on it.
        if let Ok(file) = Inode::file(self.disk, content, self.metadata(mode)) {
            let _ = parent.insert(name, file);
        }
    }

    /// A program's file says which program it is, see [`programs`].
    fn program(&self, root: &Node, name: &str) {
        self.file_with(root, &format!("usr/bin/{name}"), format!("\u{7f}ELF {name}\n"), 0o755);
    }
}
