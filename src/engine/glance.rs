//! What an engine is asked about a move, either by a script on its own host or from here.

use super::{Inspected, Network};

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// A container by name or id.
    Container(String),
    /// An image by name or id.
    Image(String),
    /// A named volume.
    Volume(String),
    /// A network, for the addresses in use on it.
    Network(String),
    /// What all networks are made of.
    Networks,
    /// A secret, which is not read.
    Secret(String),
}

/// What is known of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkFacts {
    /// Addresses in use on it, without prefix lengths.
    pub addresses: Vec<String>,
    /// Its subnets as the engine writes them: `10.88.0.0/16`.
    pub subnets: Vec<String>,
}

/// The answer to a [`Question`] of the same kind; none where there is no such thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The container.
    Container(Option<Box<Inspected>>),
    /// The image's id.
    Image(Option<String>),
    /// Whether the volume is there.
    Volume(bool),
    /// The network.
    Network(Option<NetworkFacts>),
    /// The networks.
    Networks(Vec<Network>),
    /// Whether the secret is there.
    Secret(bool),
}

/// How an engine can be asked by a script on its own host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glance {
    /// The socket.
    pub socket: &'static str,
    /// A URL for each question, in their order; they hold neither blanks nor wild cards.
    pub urls: Vec<String>,
}
