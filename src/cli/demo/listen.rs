//! `drover demo --listen`: the simulated hosts on loopback ports, for plain ssh and for another drover.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::signal::unix::{SignalKind, signal};

use crate::cli::exit::Exit;
use crate::cli::table;
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
    DirBuilder::new().mode(0o700).recursive(true).create(directory)?;
    let file = |name: &str, text: &str| -> anyhow::Result<PathBuf> {
        let path = directory.join(name);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(text.as_bytes())?;
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
        fleet += &format!("\n[hosts.{name}]\naddress = \"{ip}\"\nport = {port}\nuser = \"root\"\n");
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
