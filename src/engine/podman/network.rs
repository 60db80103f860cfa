//! Networks of Podman: read from its JSON, made anew by its command line.

use super::{API, Way};
use super::{Podman, SOCKET};
use crate::engine::api::ask;
use crate::engine::{EngineError, Network, TRANSACTION_LABEL};
use crate::ssh::Command;
use hyper::Method;

/// All networks, or their names' inspections; some versions print `null` for none.
const INSPECT_ALL: &str = "names=$(podman network ls --quiet) && [ -n \"$names\" ] || { echo '[]'; exit 0; }
podman network inspect $names";

/// Removes what a transaction has made and nobody uses; Podman refuses what is in use. $1 the transaction
const REMOVE: &str = "for network in $(podman network ls --quiet --filter \"label=$2=$1\"); do
    podman network rm -- \"$network\" >/dev/null 2>&1
done
[ -z \"$(podman network ls --quiet --filter \"label=$2=$1\")\" ]";

/// The networks of a host.
pub(super) async fn all(podman: &Podman) -> Result<Vec<Network>, EngineError> {
    let body = match podman.way {
        Way::Socket => {
            let path = format!("{API}/networks/json");
            let (status, body) = ask(&*podman.remote, SOCKET, Method::GET, &path).await?;
            if !status.is_success() {
                return Err(podman.refused(&format!("{status}: {}", String::from_utf8_lossy(&body))));
            }
            body.to_vec()
        }
        Way::CommandLine => podman.remote.run(&Command::script(INSPECT_ALL, [""])).await?,
    };
    serde_json::from_slice(&body).map_err(|error| podman.unreadable("networks", error))
}

/// The arguments of `podman` that make a network like this one.
pub(super) fn create(network: &Network, transaction: Option<&str>) -> Vec<String> {
    let mut words: Vec<String> = ["network", "create", "--driver", &network.driver].map(String::from).into();
    let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
    // Ranges and gateways belong to subnets by their order, so those that have them come first.
    let mut subnets = network.subnets.clone();
    subnets.sort_by_key(|subnet| (subnet.gateway.is_none(), subnet.lease_range.is_none()));
    for subnet in subnets {
        add("--subnet", subnet.subnet);
        if let Some(gateway) = subnet.gateway {
            add("--gateway", gateway);
        }
        if let Some(range) = subnet.lease_range {
            add("--ip-range", format!("{}-{}", range.start_ip, range.end_ip));
        }
    }
    for route in &network.routes {
        let metric = route.metric.map(|metric| format!(",{metric}")).unwrap_or_default();
        add("--route", format!("{},{}{metric}", route.destination, route.gateway));
    }
    for server in &network.name_servers {
        add("--dns", server.clone());
    }
    for (name, value) in &network.options {
        add("--opt", format!("{name}={value}"));
    }
    if let Some(driver) = network.addresses.get("driver").filter(|driver| *driver != "host-local") {
        add("--ipam-driver", driver.clone());
    }
    let mode_is_managed = network.options.get("mode").is_none_or(|mode| mode != "unmanaged");
    match network.parent() {
        Some(parent) if mode_is_managed => add("--opt", format!("parent={parent}")),
        _ if network.named_interface() => add("--interface-name", network.interface.clone()),
        _ => {}
    }
    for (name, value) in network.labels.iter().filter(|(name, _)| *name != TRANSACTION_LABEL) {
        add("--label", format!("{name}={value}"));
    }
    if let Some(transaction) = transaction {
        add("--label", format!("{TRANSACTION_LABEL}={transaction}"));
    }
    for (option, wanted) in
        [("--ipv6", network.ipv6), ("--internal", network.internal), ("--disable-dns", !network.dns)]
    {
        if wanted {
            words.push(option.to_owned());
        }
    }
    words.extend(["--".to_owned(), network.name.clone()]);
    words
}

/// Removes the networks that a transaction has made, save those in use; fails when one is left.
pub(super) fn remove(transaction: &str) -> Command {
    Command::script(REMOVE, [transaction, TRANSACTION_LABEL])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed by Podman 5.4.2 on a lab host.
    const MACVLAN: &str = r#"{"name":"mac","id":"f9af","driver":"macvlan","network_interface":"eth0",
        "created":"2026-11-21T19:13:50.339090592Z","subnets":[{"subnet":"10.78.4.0/24","gateway":"10.78.4.1",
        "lease_range":{"start_ip":"10.78.4.129","end_ip":"10.78.4.191"}}],"ipv6_enabled":false,"internal":false,
        "dns_enabled":false,"labels":{"a":"b","drover.transaction":"0"},"ipam_options":{"driver":"host-local"},
        "containers":{}}"#;
    const BRIDGE: &str = r#"{"name":"br","driver":"bridge","network_interface":"br9","subnets":[{"subnet":"10.99.1.0/24",
        "gateway":"10.99.1.1"},{"subnet":"fd00:99::/64","gateway":"fd00:99::1"}],"routes":[{"destination":"10.1.0.0/16",
        "gateway":"10.99.1.1"}],"ipv6_enabled":true,"internal":true,"dns_enabled":true,"labels":null,
        "network_dns_servers":["9.9.9.9"],"options":{"isolate":"true","mtu":"1400"},"ipam_options":{"driver":"host-local"}}"#;

    #[test]
    fn a_network_is_made_like_the_one_that_was_read() {
        let network: Network = serde_json::from_str(MACVLAN).unwrap();
        assert_eq!(
            create(&network, Some("12ab")).join(" "),
            "network create --driver macvlan --subnet 10.78.4.0/24 --gateway 10.78.4.1 --ip-range 10.78.4.129-10.78.4.191 \
             --opt parent=eth0 --label a=b --label drover.transaction=12ab --disable-dns -- mac"
        );
        let network: Network = serde_json::from_str(BRIDGE).unwrap();
        assert_eq!(
            create(&network, None).join(" "),
            "network create --driver bridge --subnet 10.99.1.0/24 --gateway 10.99.1.1 --subnet fd00:99::/64 \
             --gateway fd00:99::1 --route 10.1.0.0/16,10.99.1.1 --dns 9.9.9.9 --opt isolate=true --opt mtu=1400 \
             --interface-name br9 --ipv6 --internal -- br"
        );
    }
}
