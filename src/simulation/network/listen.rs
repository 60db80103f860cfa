//! The same hosts for others: a loopback port each, for plain ssh and for another drover.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;

use super::Network;
use crate::simulation::machine::Machine;
use crate::simulation::scenario::Place;
use crate::simulation::world::World;

/// A host's port.
#[derive(Clone, Debug)]
pub struct Door {
    /// The host.
    pub machine: Arc<Machine>,
    /// Where it listens.
    pub address: SocketAddr,
}

/// Opens a loopback port for each host, and serves whoever comes as long as the runtime lives. Only whoever has
/// the operator's key is let in.
pub async fn listen(world: &Arc<World>) -> io::Result<Vec<Door>> {
    let mut doors = Vec::new();
    for machine in world.machines() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        doors.push(Door { machine: machine.clone(), address });
        let (network, machine) = (Network::from(world, Place::Laptop), machine.clone());
        tokio::spawn(async move {
            loop {
                // A client that has already gone is no reason to stop.
                let Ok((stream, _)) = listener.accept().await else { continue };
                let _ = stream.set_nodelay(true);
                let (network, machine) = (network.clone(), machine.clone());
                tokio::spawn(async move {
                    // A host that is off does not answer; the stream is closed, which TCP cannot say otherwise.
                    let _ = network.reach(&machine, stream).await;
                });
            }
        });
    }
    Ok(doors)
}
