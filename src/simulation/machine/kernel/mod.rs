//! What the kernel says of itself: /proc and /sys, made up from the world whenever they are read.

pub mod cgroups;
pub mod meter;
mod proc;
mod processes;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::Machine;
use super::files::{Figure, Inode, Kind, Living, Metadata, Node};
use super::namespace::Mount;

/// Mounts /proc and /sys.
pub(super) fn mount(machine: &Arc<Machine>) {
    let weak = Arc::downgrade(machine);
    let place = |at: &str, kind: &str, source: &str, options: &str, root: Node| {
        machine.namespace.mount(Mount {
            at: at.into(),
            root,
            kind: kind.into(),
            source: source.into(),
            options: options.into(),
        });
    };
    let maker = Maker(weak);
    let usual = "rw,nosuid,nodev,noexec,relatime";
    place("/proc", "proc", "proc", usual, maker.living("/proc", proc::Root(maker.clone())));
    place(
        "/sys",
        "sysfs",
        "sysfs",
        usual,
        maker.tree("/sys", &[("fs", &[("cgroup", &[])]), ("module", &[("overlay", &[])])]),
    );
    cgroups::mount(machine, &maker);
}

/// Makes nodes for what is made up. Holds the machine weakly: the machine holds what it mounts.
#[derive(Clone)]
pub(super) struct Maker(Weak<Machine>);

/// A tree of directories by name.
type Tree<'a> = &'a [(&'a str, &'a [(&'a str, &'a [&'a str])])];

impl Maker {
    pub fn machine(&self) -> Option<Arc<Machine>> {
        self.0.upgrade()
    }

    fn node(&self, path: &str, kind: Kind, mode: u32) -> Node {
        let mut hasher = DefaultHasher::new();
        path.hash(&mut hasher);
        let metadata = Metadata { mode, user: 0, group: 0, modified: Duration::ZERO };
        match self.machine() {
            Some(machine) => Inode::made_up(&machine.kernel, hasher.finish() >> 16, kind, metadata),
            // Nobody looks at files of a machine that is gone.
            None => {
                let filesystem = super::files::Filesystem::new("proc", "proc", 0);
                Inode::made_up(&filesystem, 1, kind, metadata)
            }
        }
    }

    /// A file made by a function of the machine.
    pub fn file(&self, path: &str, make: impl Fn(&Arc<Machine>) -> String + Send + Sync + 'static) -> Node {
        let machine = self.0.clone();
        let figure = move || machine.upgrade().map(|machine| make(&machine).into_bytes()).unwrap_or_default();
        self.node(path, Kind::Figure(Box::new(figure)), 0o444)
    }

    /// A file that can be written, too.
    pub fn figure(&self, path: &str, mode: u32, figure: impl Figure + 'static) -> Node {
        self.node(path, Kind::Figure(Box::new(figure)), mode)
    }

    /// A directory that is made up.
    pub fn living(&self, path: &str, living: impl Living + 'static) -> Node {
        self.node(path, Kind::Living(Arc::new(living)), 0o555)
    }

    /// A link.
    pub fn link(&self, path: &str, target: impl Into<String>) -> Node {
        self.node(path, Kind::Link(target.into()), 0o777)
    }

    /// Plain directories.
    fn tree(&self, path: &str, tree: Tree<'_>) -> Node {
        let directory = |path: &str| self.node(path, Kind::Directory(Default::default()), 0o755);
        let root = directory(path);
        for (name, below) in tree {
            let path = format!("{path}/{name}");
            let node = directory(&path);
            for (name, leaves) in *below {
                let path = format!("{path}/{name}");
                let inner = directory(&path);
                for leaf in *leaves {
                    let _ = inner.insert(leaf, directory(&format!("{path}/{leaf}")));
                }
                let _ = node.insert(name, inner);
            }
            let _ = root.insert(name, node);
        }
        root
    }
}

/// Makes what stands behind a name.
type MakeEntry = Box<dyn Fn(&str) -> Option<Node> + Send + Sync>;

/// A directory with a fixed list of names, each made when it is asked for.
pub(super) struct Names {
    pub names: Vec<&'static str>,
    pub make: MakeEntry,
}

impl Living for Names {
    fn names(&self) -> Vec<String> {
        self.names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn entry(&self, name: &str) -> Option<Node> {
        if self.names.contains(&name) { (self.make)(name) } else { None }
    }
}
