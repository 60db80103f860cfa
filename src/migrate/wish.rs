//! What an operator may choose for a move beside the container and its hosts.

use serde::{Deserialize, Serialize};

use crate::engine::PublishedPort;

/// What shall become of open TCP connections. Without a choice they are kept where the address goes along, and the move is
/// refused where it cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Tcp {
    /// They go along; the move is refused when the address cannot
    Keep,
    /// The container finds them closed
    Close,
    /// The container is moved only when it has none
    Refuse,
}

/// A port of the container that shall be reached by another port of the destination: `HOST:CONTAINER`, or
/// `HOST:CONTAINER/udp`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Publish {
    host: u16,
    container: u16,
    protocol: Protocol,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        }
    }
}

/// Why a text is no pair of ports.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("“{0}” is not HOST:CONTAINER, two port numbers from 1 to 65535, with /udp behind it for UDP")]
pub struct NoPorts(String);

impl std::str::FromStr for Publish {
    type Err = NoPorts;

    fn from_str(text: &str) -> Result<Self, NoPorts> {
        let parse = || {
            let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
            let (host, container) = ports.split_once(':')?;
            let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
            let protocol = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp]
                .into_iter()
                .find(|known| known.word() == protocol)?;
            Some(Self { host: port(host)?, container: port(container)?, protocol })
        };
        parse().ok_or_else(|| NoPorts(crate::fleet::printable(text)))
    }
}

impl TryFrom<String> for Publish {
    type Error = NoPorts;

    fn try_from(text: String) -> Result<Self, NoPorts> {
        text.parse()
    }
}

impl From<Publish> for String {
    fn from(publish: Publish) -> Self {
        format!("{}:{}", publish.host, publish.container_port())
    }
}

impl Publish {
    fn container_port(&self) -> String {
        format!("{}/{}", self.container, self.protocol.word())
    }

    /// The ports of a container as they shall be: those that are named are replaced or added, the others stay.
    pub fn remapped(wishes: &[Self], ports: Vec<PublishedPort>) -> Vec<PublishedPort> {
        let wished =
            |port: &PublishedPort| wishes.iter().any(|wish| wish.container_port() == port.container_port);
        let address = |container_port: &str| {
            let port = ports.iter().find(|port| port.container_port == container_port);
            port.map(|port| port.host_address.clone()).unwrap_or_default()
        };
        let new: Vec<PublishedPort> = wishes
            .iter()
            .map(|wish| PublishedPort {
                host_address: address(&wish.container_port()),
                host_port: wish.host,
                container_port: wish.container_port(),
            })
            .collect();
        ports.into_iter().filter(|port| !wished(port)).chain(new).collect()
    }

    /// All ports of a container in the engine's words, when any of them is another; otherwise none.
    pub fn words(wishes: &[Self], ports: &[PublishedPort]) -> Vec<String> {
        if wishes.is_empty() {
            return Vec::new();
        }
        let word = |port: &PublishedPort| {
            let address = match port.host_address.as_str() {
                "" => String::new(),
                address if address.contains(':') => format!("[{address}]:"),
                address => format!("{address}:"),
            };
            format!("{address}{}:{}", port.host_port, port.container_port)
        };
        ports.iter().map(word).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_ports_are_replaced_and_the_others_stay() {
        let port = |address: &str, host_port: u16, container_port: &str| PublishedPort {
            host_address: address.into(),
            host_port,
            container_port: container_port.into(),
        };
        let ports =
            vec![port("127.0.0.1", 8080, "80/tcp"), port("", 53, "53/udp"), port("::1", 443, "443/tcp")];
        let wishes: Vec<Publish> = ["8081:80", "9000:9/udp"].map(|text| text.parse().unwrap()).into();
        let remapped = Publish::remapped(&wishes, ports.clone());
        let words = Publish::words(&wishes, &remapped);
        assert_eq!(words, ["53:53/udp", "[::1]:443:443/tcp", "127.0.0.1:8081:80/tcp", "9000:9/udp"]);
        assert_eq!(Publish::remapped(&[], ports.clone()), ports);
        assert!(Publish::words(&[], &ports).is_empty());
    }

    #[test]
    fn only_pairs_of_ports_are_read() {
        for text in ["80", "0:80", "80:0", "a:80", "80:80/icmp", "70000:1", "1.2.3.4:80:80", ""] {
            assert!(text.parse::<Publish>().is_err(), "{text}");
        }
        let publish: Publish = "8081:80/udp".parse().unwrap();
        assert_eq!(String::from(publish), "8081:80/udp");
    }
}
