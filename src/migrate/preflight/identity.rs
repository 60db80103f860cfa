//! Whether name, ports and addresses of the container are free at the destination.

use super::{Destination, Fit, List, Source};
use crate::fleet::printable;
use crate::migrate::Severity;

pub(super) fn identity(list: &mut List, source: &Source, destination: &Destination) {
    let name = printable(&source.container.name);
    match &destination.namesake {
        None => list.pass("name", format!("the name {name} is free on {}", destination.host)),
        Some(other) => list.add(
            "name",
            Severity::Error,
            Some(&destination.host),
            format!("a container {} is there already", printable(other)),
            format!("podman rename or podman rm it on {}", destination.host),
        ),
    }
    // Only TCP listeners are known; the engine itself refuses a UDP port that is taken.
    for port in source.container.ports.iter().filter(|port| port.container_port.ends_with("/tcp")) {
        if destination.facts.listening.contains(&port.host_port) {
            list.add(
                "port",
                Severity::Error,
                Some(&destination.host),
                format!("something listens on port {} already, which {name} publishes", port.host_port),
                format!("ss -ltnp 'sport = :{}'  (says what it is)", port.host_port),
            );
        }
    }
    for plan in &destination.network_plans {
        let (network, command) = (printable(&plan.network.name), printable(&plan.command));
        let mut refuse = |seen: String, fix: String| {
            list.add("network", Severity::Error, Some(&destination.host), seen, fix);
        };
        match &plan.fit {
            Fit::There => {}
            Fit::Missing => list.add(
                "network",
                Severity::Info,
                Some(&destination.host),
                format!("network {network} is made there, like the one on {}", source.host),
                "",
            ),
            Fit::Different(difference) => refuse(
                format!("network {network} is there, but {}", printable(difference)),
                format!(
                    "podman network rm {network}, if nothing needs it; then drover makes one like the source's"
                ),
            ),
            Fit::Impossible(reason) => refuse(
                format!("network {network} is missing and cannot be made: {}", printable(reason)),
                format!("{command}  (with what is free there)"),
            ),
        }
    }
}
