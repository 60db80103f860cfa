//! `drover demo --listen`: the simulated hosts on loopback ports, for plain ssh and for another drover.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::exit::Exit;
use crate::cli::{own_fleet, table};
use crate::simulation::network::listen::{Door, listen};
use crate::simulation::world::World;

/// Listens until the process is told to end.
pub async fn run(world: &Arc<World>) -> anyhow::Result<Exit> {
    let doors = listen(world).await?;
    // Gone with the process that wrote it, however it ends by itself.
    let directory = tempfile::Builder::new().prefix("drover-demo-").tempdir()?;
    let files = write(world, &doors, directory.path())?;
    let mut terminated = signal(SignalKind::terminate())?;
    let mut hung_up = signal(SignalKind::hangup())?;
    {
        let mut out = std::io::stdout().lock();
        let rows: Vec<Vec<String>> = doors
            .iter()
            .map(|door| vec![door.machine.plan.name.to_string(), door.address.to_string()])
            .collect();
        for line in table::lines(&["HOST", "ADDRESS"], &rows) {
            writeln!(out, "{line}")?;
        }
        let first = doors.first().map(|door| door.machine.plan.name.to_string()).unwrap_or_default();
        writeln!(out, "\nSimulated hosts; only whoever can read these files gets in:")?;
        writeln!(out, "  fleet file  {}", files.fleet.display())?;
        writeln!(out, "  ssh         ssh -F {} {first}", files.configuration.display())?;
        writeln!(out, "  drover      drover --fleet {}", files.fleet.display())?;
        writeln!(out, "Ctrl-C ends them and removes the files.")?;
        out.flush()?;
    }
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminated.recv() => {}
        _ = hung_up.recv() => {}
    }
    directory.close()?;
    Ok(Exit::Done)
}

/// What was written for others.
struct Files {
    fleet: PathBuf,
    configuration: PathBuf,
}

fn write(world: &World, doors: &[Door], directory: &Path) -> anyhow::Result<Files> {
    let file = |name: &str, text: &str| -> anyhow::Result<PathBuf> {
        let path = directory.join(name);
        own_fleet::write_new(&path, text)?;
        Ok(path)
    };
    let key = file("key", &world.keys.operator_text()?)?;
    let mut known = String::new();
    let mut configuration = String::new();
    let mut fleet = format!(
        "# Simulated hosts of “drover demo --listen”; they are there as long as it runs.\ntitle = {}\n",
        toml::Value::String(format!("simulated: {}", world.scenario.title))
    );
    for door in doors {
        let (ip, port, name) = (door.address.ip(), door.address.port(), &door.machine.plan.name);
        known += &world.keys.known(&format!("[{ip}]:{port}"))?;
        configuration += &format!(
            "Host {name}\n  HostName {ip}\n  Port {port}\n  User root\n  IdentityFile {}\n  IdentitiesOnly yes\n  \
             IdentityAgent none\n  UserKnownHostsFile {}\n  StrictHostKeyChecking yes\n",
            quoted(&key),
            quoted(&directory.join("known_hosts")),
        );
        let heading = own_fleet::heading(name);
        fleet += &format!("\n{heading}\naddress = \"{ip}\"\nport = {port}\nuser = \"root\"\n");
        fleet += "identity = [\"key\"]\nknown_hosts = [\"known_hosts\"]\n";
    }
    file("known_hosts", &known)?;
    let configuration = file("ssh_config", &configuration)?;
    let fleet = file("fleet.toml", &fleet)?;
    Ok(Files { fleet, configuration })
}

/// A path as a word of ssh_config(5).
fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.display())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::time::Duration;

    use super::*;
    use crate::fleet::{Environment, Fleet};
    use crate::simulation::scenario::Scenario;

    #[tokio::test]
    async fn what_is_written_is_a_fleet_of_the_hosts_whatever_they_are_called() {
        let text = "[[hosts]]\nname = 'a.example.org'\n[[hosts]]\nname = '0-x_y'\n";
        let scenario = Scenario::parse("test", text, Path::new("test.toml"), None).unwrap();
        let world = World::begin(scenario, Duration::from_secs(1_767_600_000)).unwrap();
        let doors = listen(&world).await.unwrap();
        let directory = tempfile::tempdir().unwrap();
        let files = write(&world, &doors, directory.path()).unwrap();
        let text = std::fs::read_to_string(&files.fleet).unwrap();
        let fleet = Fleet::parse(&text, &files.fleet, &Environment::default()).unwrap();
        let mut hosts: Vec<_> = fleet.hosts.iter().map(|host| (host.name.to_string(), host.port)).collect();
        hosts.sort();
        let mut expected: Vec<_> = doors
            .iter()
            .map(|door| (door.machine.plan.name.to_string(), Some(door.address.port())))
            .collect();
        expected.sort();
        assert_eq!(hosts, expected);
        assert_eq!(hosts.len(), 2);
        for file in std::fs::read_dir(directory.path()).unwrap() {
            let file = file.unwrap();
            let mode = file.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{}", file.path().display());
        }
    }
}
