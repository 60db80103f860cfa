//! What about the container itself allows a move or forbids it.

use super::{List, Source};
use crate::fleet::ContainerStatus;

pub(super) fn container(list: &mut List, source: &Source) {
    let Source { host, container, scan, .. } = source;
    let (name, host, kind) = (&container.name, Some(host), &container.particulars);
    match container.status {
        ContainerStatus::Running => list.pass("running", format!("{name} runs on {}", source.host)),
        ContainerStatus::Paused => list.found("paused", host, format!("{name} is paused"), &[]),
        _ => list.found("running", host, format!("{name} does not run"), &[]),
    }
    if scan.frozen && container.status == ContainerStatus::Running {
        list.found("frozen", host, "its control group is frozen although the engine says that it runs", &[]);
    }
    if container.auto_remove {
        list.found("auto-remove", host, format!("{name} was started with --rm"), &[]);
    }
    if let Some(unit) = &container.systemd_unit {
        list.found(
            "systemd",
            host,
            format!("{name} is started by the systemd unit {unit}"),
            &[("unit", unit)],
        );
    } else if !matches!(kind.restart_policy.as_str(), "" | "no") {
        let seen = format!("{name} has the restart policy “{}”", kind.restart_policy);
        list.found("restart-policy", host, seen, &[]);
    }
    if let Some(pod) = &container.pod {
        list.found("pod", host, format!("{name} belongs to pod {pod}"), &[]);
    } else if let Some(other) = container.network_mode.strip_prefix("container:") {
        list.found("shared-network", host, format!("{name} shares the network of container {other}"), &[]);
    } else if !kind.dependencies.is_empty() {
        let others: Vec<&str> = kind.dependencies.iter().map(|id| id.get(..12).unwrap_or(id)).collect();
        list.found("dependencies", host, format!("{name} depends on {}", others.join(", ")), &[]);
    }
    if kind.restored {
        list.found("restored", host, format!("{name} was restored from a checkpoint before"), &[]);
    }
    if container.terminal {
        list.found("terminal", host, format!("{name} has a terminal (-t)"), &[]);
    }
    if container.storage_driver != "overlay" {
        list.found("storage", host, format!("storage driver is {}", container.storage_driver), &[]);
    }
    if !matches!(container.log_driver.as_str(), "k8s-file" | "json-file") {
        list.found("log", host, format!("output goes to {}", container.log_driver), &[]);
    }
    if kind.pid_mode == "host" {
        list.found("pid-mode", host, format!("{name} has no process numbers of its own (--pid host)"), &[]);
    }
    if kind.ipc_mode == "host" {
        list.found("ipc-mode", host, format!("{name} shares the host's System V memory (--ipc host)"), &[]);
    }
}
