//! The way to the simulated hosts: wires that take time, and an SSH server behind each.
//!
//! In comes somebody who dials, inside this process ([`Network`]) or over a loopback port ([`listen`]); out goes a
//! stream to the host's SSH server. Both go over the same [`wire`]s.

pub mod listen;
mod server;
mod terminal;
pub mod wire;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream};

use super::machine::{Machine, Power};
use super::scenario::Place;
use super::world::World;
use crate::ssh::{Dial, Duplex};
pub use server::Keys;
use wire::Direction;

/// Linux asks three times, a second apart, who has an address before it says that nobody has.
const NO_ANSWER: Duration = Duration::from_secs(3);

/// What a kernel holds for a connection in each direction before the sender waits.
const SOCKET_BUFFER: usize = 256 << 10;

/// Somebody's way to the hosts of a world.
#[derive(Clone, Debug)]
pub struct Network {
    world: Arc<World>,
    from: Place,
}

impl Network {
    /// The network as it is seen from somewhere.
    pub fn from(world: &Arc<World>, from: Place) -> Self {
        Self { world: world.clone(), from }
    }

    /// Connects a stream with a host's SSH server.
    pub(crate) async fn reach<S>(&self, machine: &Arc<Machine>, near: S) -> io::Result<()>
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let wire = self.world.wire(&self.from, &Place::Host(machine.plan.name.clone()));
        wire.pass().await;
        if *machine.power().borrow() == Power::Off {
            self.world.clock.wire_sleep(NO_ANSWER).await;
            return Err(io::ErrorKind::HostUnreachable.into());
        }
        let (far_wire, far) = tokio::io::duplex(SOCKET_BUFFER);
        let boots = machine.boots();
        let carrying = wire.carry(near, far_wire, {
            let far = machine.clone();
            let near = match &self.from {
                Place::Host(name) => self.world.machine(name).cloned(),
                Place::Laptop => None,
            };
            move |direction, bytes| {
                let (received, sent) = if direction == Direction::There { (bytes, 0) } else { (0, bytes) };
                far.meter.carried(received, sent);
                if let Some(near) = &near {
                    near.meter.carried(sent, received);
                }
            }
        });
        let (world, server) = (self.world.clone(), machine.clone());
        tokio::spawn(async move {
            let mut power = server.power();
            tokio::pin!(carrying);
            tokio::select! {
                biased;
                // A host without power says nothing more, not even that its programs have ended.
                _ = power.wait_for(|power| *power == Power::Off) => {}
                () = &mut carrying => return,
            }
            restarted(&server, boots).await;
            // Until here the streams stay open; a host that comes back resets what it knows nothing of.
        });
        tokio::spawn(server::serve(world, machine.clone(), far));
        Ok(())
    }
}

/// Waits until a machine has been started anew: it knows nothing of older connections and resets them.
async fn restarted(machine: &Arc<Machine>, boots: u32) {
    let mut power = machine.power();
    loop {
        if machine.boots() != boots && *power.borrow_and_update() == Power::On {
            return;
        }
        if power.changed().await.is_err() {
            return;
        }
    }
}

#[async_trait]
impl Dial for Network {
    async fn dial(&self, address: &str, _port: u16) -> io::Result<Box<dyn Duplex>> {
        let machine = self.world.machine_at(address).ok_or(io::ErrorKind::NotFound)?;
        let (near, near_wire): (DuplexStream, DuplexStream) = tokio::io::duplex(SOCKET_BUFFER);
        self.reach(&machine, near_wire).await?;
        Ok(Box::new(near))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::scenario::Scenario;
    use crate::ssh::{Command, NoPrompter, Prompter, Purpose, Remote};

    const HOSTS: &str = "[[hosts]]\nname = 'h1'\n[[hosts]]\nname = 'h2'\n";

    /// Bytes that passed a machine's network, received and sent.
    fn traffic(machine: &Machine) -> [f64; 2] {
        machine.meter.read(machine).network
    }

    #[tokio::test(start_paused = true)]
    async fn a_host_counts_what_its_connections_carry() {
        let scenario = Scenario::parse("test", HOSTS, "test.toml".as_ref(), None).unwrap();
        let world = World::begin(scenario, Duration::from_secs(1_767_600_000)).unwrap();
        let prompter: Arc<dyn Prompter> = Arc::new(NoPrompter);
        let host = world.fleet().hosts[0].clone();
        let reached = world.connector().unwrap().connect(&host, Purpose::Commands, &prompter).await.unwrap();
        let machine = world.machine(&host.name).unwrap();
        let before = traffic(machine);
        let count = Command::new("sh").arguments(["-c", "wc -c; head -c 300000 /dev/zero"]);
        let output = reached.output(&count, &vec![7; 1_000_000]).await.unwrap();
        assert_eq!(output.stdout.len(), "1000000\n".len() + 300_000);
        world.clock.sleep(Duration::from_secs(1)).await;
        let after = traffic(machine);
        let [received, sent] = [after[0] - before[0], after[1] - before[1]];
        // A little more for SSH itself.
        assert!((1_000_000.0..1_050_000.0).contains(&received), "{received}");
        assert!((300_000.0..330_000.0).contains(&sent), "{sent}");
        let other = world.machines().find(|other| other.plan.name != host.name).unwrap();
        assert_eq!(traffic(other), [0.0, 0.0]);
    }
}
