//! What about the container itself allows a move or forbids it.

use super::{List, Source};
use crate::fleet::{ContainerStatus, printable};
use crate::migrate::Severity;

pub(super) fn container(list: &mut List, source: &Source) {
    let Source { host, container, .. } = source;
    let name = printable(&container.name);
    match container.status {
        ContainerStatus::Running => list.pass("running", format!("{name} runs on {host}")),
        ContainerStatus::Paused => list.add(
            "running",
            Severity::Error,
            Some(host),
            format!("{name} is paused, and the engine does not checkpoint a paused container"),
            format!("podman unpause {name}"),
        ),
        _ => list.add(
            "running",
            Severity::Error,
            Some(host),
            format!("{name} does not run, so there is nothing to move"),
            format!("podman start {name}"),
        ),
    }
    if container.auto_remove {
        list.add(
            "auto-remove",
            Severity::Error,
            Some(host),
            format!("{name} was started with --rm: the engine would delete it when it is frozen, and with it the way back"),
            "start it again without --rm",
        );
    }
    if let Some(unit) = &container.systemd_unit {
        let unit = printable(unit);
        list.add(
            "systemd",
            Severity::Error,
            Some(host),
            format!("{name} is started by the systemd unit {unit}, which would start a second one when this one leaves"),
            format!("systemctl disable --now {unit}, start the container by podman, and move that"),
        );
    }
    if let Some(pod) = &container.pod {
        let pod = printable(pod);
        list.add(
            "pod",
            Severity::Error,
            Some(host),
            format!("{name} belongs to pod {pod}; pods are not moved yet"),
            "",
        );
    }
    if container.terminal {
        list.add(
            "terminal",
            Severity::Warning,
            Some(host),
            format!("{name} has a terminal (-t); whoever is attached to it is cut off"),
            "",
        );
    }
    if let Some(other) = container.network_mode.strip_prefix("container:") {
        let other = printable(other);
        list.add(
            "network",
            Severity::Error,
            Some(host),
            format!("{name} shares the network of container {other}; it cannot leave alone"),
            "",
        );
    }
    if container.storage_driver != "overlay" {
        list.add(
            "storage",
            Severity::Error,
            Some(host),
            format!(
                "storage driver is {}; the difference to the image can only be read from overlay",
                printable(&container.storage_driver)
            ),
            "set driver = \"overlay\" in /etc/containers/storage.conf",
        );
    }
    if !matches!(container.log_driver.as_str(), "k8s-file" | "json-file") {
        list.add(
            "log",
            Severity::Warning,
            Some(host),
            format!(
                "output goes to {}; what was written so far stays on {host}",
                printable(&container.log_driver)
            ),
            "",
        );
    }
}
