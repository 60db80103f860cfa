//! Which control group hierarchies there are, and the groups of the lab's hosts in them.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::places::Places;
use super::program::run;
use super::{LabError, LabName};

/// The hierarchies of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// v1 controllers, with or without a v2 tree beside them.
    Separate {
        /// Name (as the mount option has it) and path of each mounted hierarchy.
        mounted: Vec<(String, PathBuf)>,
        /// Controllers mounted nowhere. They have to be claimed for v1: while one is left to v2, crun
        /// refuses to work (“cgroups in hybrid mode not supported”).
        unmounted: Vec<String>,
        /// The v2 tree beside them.
        unified: Option<PathBuf>,
    },
    /// Only the v2 tree.
    Unified(PathBuf),
}

impl Layout {
    /// The layout of this machine.
    pub fn read() -> Result<Self, LabError> {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let controllers = std::fs::read_to_string("/proc/cgroups").unwrap_or_default();
        Self::from(&mounts, &controllers)
            .ok_or_else(|| LabError::Kernel("no control groups are mounted under /sys/fs/cgroup".into()))
    }

    fn from(mountinfo: &str, controllers: &str) -> Option<Self> {
        let enabled: Vec<&str> = controllers
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| {
                let fields: Vec<&str> = line.split_whitespace().collect();
                (fields.get(3) == Some(&"1")).then(|| fields[0])
            })
            .collect();
        let mut mounted: Vec<(String, PathBuf)> = Vec::new();
        let mut unified = None;
        for line in mountinfo.lines() {
            let Some((before, after)) = line.split_once(" - ") else { continue };
            let (Some(path), Some(kind), Some(options)) =
                (before.split(' ').nth(4), after.split(' ').next(), after.split(' ').nth(2))
            else {
                continue;
            };
            let path = Path::new(path);
            match kind {
                "cgroup2" if unified.is_none() => unified = Some(path.to_path_buf()),
                "cgroup" => {
                    let name = hierarchy_name(options, &enabled);
                    // The same hierarchy may be mounted a second time elsewhere.
                    if !name.is_empty() && !mounted.iter().any(|(known, _)| *known == name) {
                        mounted.push((name, path.to_path_buf()));
                    }
                }
                _ => {}
            }
        }
        if mounted.is_empty() {
            return unified.map(Self::Unified);
        }
        // Podman, crun and CRIU look for these; others (net_cls, perf_event, …) stay where they are.
        let wanted = ["cpu", "cpuacct", "cpuset", "memory", "devices", "freezer", "blkio", "pids", "hugetlb"];
        let unmounted = wanted
            .iter()
            .filter(|name| enabled.contains(name))
            .filter(|name| !mounted.iter().any(|(known, _)| known.split(',').any(|part| part == **name)))
            .map(|name| (*name).to_string())
            .collect();
        Some(Self::Separate { mounted, unmounted, unified })
    }

    /// The hierarchies as join.sh and sweep.sh take them.
    pub fn arguments(&self) -> Vec<String> {
        match self {
            Self::Unified(path) => vec![format!("unified:{}", path.display())],
            Self::Separate { mounted, unmounted, unified } => mounted
                .iter()
                .map(|(_, path)| format!("at:{}", path.display()))
                .chain(unmounted.iter().map(|name| format!("mount:{name}")))
                .chain(unified.iter().map(|path| format!("at:{}", path.display())))
                .collect(),
        }
    }

    /// What a host mounts inside, as enter.sh takes it.
    pub fn inside(&self) -> String {
        match self {
            Self::Unified(_) => "unified".into(),
            Self::Separate { mounted, unmounted, unified } => mounted
                .iter()
                .map(|(name, _)| name.as_str())
                .chain(unmounted.iter().map(String::as_str))
                .chain(unified.iter().map(|_| "cgroup2"))
                .collect::<Vec<_>>()
                .join(" "),
        }
    }

    /// Where a host's memory is accounted.
    pub fn memory_group(&self, group: &str) -> PathBuf {
        match self {
            Self::Unified(path) => path.join(group),
            Self::Separate { mounted, .. } => mounted
                .iter()
                .find(|(name, _)| name.split(',').any(|part| part == "memory"))
                .map_or_else(|| PathBuf::from("/sys/fs/cgroup/memory"), |(_, path)| path.clone())
                .join(group),
        }
    }

    /// Names of the groups of a lab that exist in any hierarchy that is mounted.
    pub fn groups_of(&self, lab: &LabName) -> Vec<String> {
        let roots: Vec<&PathBuf> = match self {
            Self::Unified(path) => vec![path],
            Self::Separate { mounted, unified, .. } => {
                mounted.iter().map(|(_, path)| path).chain(unified).collect()
            }
        };
        let mut groups: Vec<String> = roots
            .iter()
            .filter_map(|root| std::fs::read_dir(root).ok())
            .flat_map(|entries| entries.flatten())
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|group| is_group_of(lab, group))
            .collect();
        groups.sort();
        groups.dedup();
        groups
    }
}

/// The mount option that names a v1 hierarchy: its controllers, or `name=systemd`.
fn hierarchy_name(options: &str, controllers: &[&str]) -> String {
    options
        .split(',')
        .filter(|option| option.starts_with("name=") || controllers.contains(option))
        .collect::<Vec<_>>()
        .join(",")
}

/// Whether a group is one of this lab's hosts, and not one of a lab whose name begins alike.
fn is_group_of(lab: &LabName, group: &str) -> bool {
    group
        .strip_prefix(&lab.group("h"))
        .is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Ends all processes in groups and removes these.
pub(super) fn sweep(layout: &Layout, places: &Places, groups: &[String]) -> Result<(), LabError> {
    if groups.is_empty() {
        return Ok(());
    }
    run(
        "ending the hosts' processes",
        Command::new("unshare")
            .args(["--mount", "--", "sh", "-c", include_str!("scripts/sweep.sh"), "sweep"])
            .arg(places.mounts())
            .arg(groups.join(" "))
            .args(layout.arguments()),
    )
    .map(drop)
}

/// How many processes are in a group and below it.
pub(super) fn process_count(group: &Path) -> usize {
    let own = std::fs::read_to_string(group.join("cgroup.procs")).map_or(0, |text| text.lines().count());
    let below: usize = std::fs::read_dir(group)
        .map(|entries| {
            entries
                .flatten()
                .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
                .map(|entry| process_count(&entry.path()))
                .sum()
        })
        .unwrap_or(0);
    own + below
}

/// Memory that a group uses, in bytes.
pub(super) fn memory_used(group: &Path) -> Option<u64> {
    ["memory.usage_in_bytes", "memory.current"]
        .iter()
        .find_map(|name| std::fs::read_to_string(group.join(name)).ok())
        .and_then(|text| text.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTROLLERS: &str = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t1\t1\t1\ncpuacct\t1\t1\t1\n\
        memory\t4\t1\t1\nhugetlb\t0\t1\t1\npids\t8\t1\t0\nnet_cls\t0\t1\t1\n";

    #[test]
    fn v1_beside_an_empty_v2_tree() {
        let mounts = "30 29 0:25 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n\
            31 30 0:26 / /sys/fs/cgroup/cpu,cpuacct rw shared:1 - cgroup cgroup rw,cpu,cpuacct\n\
            32 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
            33 30 0:28 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd\n\
            34 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
            35 30 0:27 / /elsewhere rw - cgroup cgroup rw,memory\n";
        let layout = Layout::from(mounts, CONTROLLERS).unwrap();
        assert_eq!(layout.inside(), "cpu,cpuacct memory name=systemd hugetlb cgroup2");
        assert_eq!(
            layout.arguments(),
            [
                "at:/sys/fs/cgroup/cpu,cpuacct",
                "at:/sys/fs/cgroup/memory",
                "at:/sys/fs/cgroup/systemd",
                "mount:hugetlb",
                "at:/sys/fs/cgroup/unified"
            ]
        );
        assert_eq!(layout.memory_group("g"), Path::new("/sys/fs/cgroup/memory/g"));
    }

    #[test]
    fn v2_alone() {
        let mounts = "30 29 0:25 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        let layout = Layout::from(mounts, CONTROLLERS).unwrap();
        assert_eq!(layout, Layout::Unified("/sys/fs/cgroup".into()));
        assert_eq!(layout.inside(), "unified");
        assert_eq!(layout.arguments(), ["unified:/sys/fs/cgroup"]);
        assert_eq!(Layout::from("", CONTROLLERS), None);
    }

    #[test]
    fn groups_of_labs_with_like_names_are_told_apart() {
        let lab: LabName = "a".parse().unwrap();
        assert!(is_group_of(&lab, "drover-a-h12"));
        for other in ["drover-a-h", "drover-a-h1x", "drover-a-h1-h2", "drover-b-h1", "drover-ab-h1"] {
            assert!(!is_group_of(&lab, other), "{other}");
        }
    }
}
