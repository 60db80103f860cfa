//! What a lab is doing.

use serde::{Deserialize, Serialize};

use super::cgroup::{Layout, memory_used, process_count};
use super::host::{Services, podman, services};
use super::places::Places;
use super::record::{HostRecord, Record, check_owner};
use super::{LabError, LabName, machine};

/// A lab as it is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LabStatus {
    /// Its name.
    pub name: LabName,
    /// Whose it is.
    pub owner: String,
    /// Seconds since it was brought up.
    pub uptime: i64,
    /// The fleet file that leads to its hosts.
    pub fleet_file: std::path::PathBuf,
    /// Processors of each host, where limited.
    pub cpus: Option<String>,
    /// Its hosts.
    pub hosts: Vec<HostStatus>,
}

/// How far a host is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HostState {
    /// sshd and Podman answer.
    Up,
    /// It runs, but sshd or Podman does not answer.
    Partial,
    /// It does not run.
    Down,
}

/// One host as it is found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostStatus {
    /// Its name.
    pub name: String,
    /// Its address.
    pub address: String,
    /// How far it is up.
    pub state: HostState,
    /// What keeps it from being up.
    pub problem: Option<String>,
    /// Its first process, seen from this machine.
    pub pid: Option<u32>,
    /// How many processes it has.
    pub processes: usize,
    /// Its memory, in bytes.
    pub memory: u64,
    /// How much of that is used.
    pub memory_used: Option<u64>,
    /// Its containers, running or not.
    pub containers: Vec<ContainerStatus>,
}

/// One container of a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ContainerStatus {
    /// Its name, made printable.
    pub name: String,
    /// What Podman says it is doing, made printable.
    pub state: String,
}

/// Looks at a lab.
pub fn status(name: &LabName) -> Result<LabStatus, LabError> {
    machine::check()?;
    let places = Places::of(name)?;
    let record = Record::load(&places)?;
    check_owner(name, &places, record.as_ref())?;
    let record = record.ok_or_else(|| LabError::NoLab(name.to_string()))?;
    let layout = Layout::read()?;
    let hosts = std::thread::scope(|scope| {
        let threads: Vec<_> = record
            .hosts
            .iter()
            .map(|host| {
                let (record, layout) = (&record, &layout);
                scope.spawn(move || host_status(name, record, layout, host))
            })
            .collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    Ok(LabStatus {
        name: name.clone(),
        owner: record.owner.to_string(),
        uptime: jiff::Timestamp::now().as_second() - record.since,
        fleet_file: places.fleet(),
        cpus: record.cpus.map(|cpus| cpus.to_string()),
        hosts,
    })
}

fn host_status(name: &LabName, record: &Record, layout: &Layout, host: &HostRecord) -> HostStatus {
    let address = record.address(host);
    let group = layout.memory_group(&name.group(&host.name));
    let (state, problem) = match host.init.map(|init| services(&address, init)) {
        None => (HostState::Down, Some("it does not run: “drover lab up” starts it".to_string())),
        Some(Services::Ready) => (HostState::Up, None),
        Some(missing) => (HostState::Partial, Some(missing.to_string())),
    };
    let containers = host
        .init
        .and_then(|init| podman(init, "/v4.0.0/libpod/containers/json?all=true"))
        .map(|body| containers(&body))
        .unwrap_or_default();
    HostStatus {
        name: host.name.clone(),
        address,
        state,
        problem,
        pid: host.init.map(|init| init.pid),
        processes: process_count(&group),
        memory: record.memory.get(),
        memory_used: memory_used(&group),
        containers,
    }
}

#[derive(Deserialize)]
struct Listed {
    #[serde(rename = "Names", default)]
    names: Vec<String>,
    #[serde(rename = "State", default)]
    state: String,
}

fn containers(body: &[u8]) -> Vec<ContainerStatus> {
    let listed: Vec<Listed> = serde_json::from_slice(body).unwrap_or_default();
    let mut containers: Vec<ContainerStatus> = listed
        .into_iter()
        .map(|container| ContainerStatus {
            name: crate::fleet::printable(container.names.first().map_or("", String::as_str)),
            state: crate::fleet::printable(&container.state),
        })
        .collect();
    containers.sort_by(|a, b| a.name.cmp(&b.name));
    containers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn podman_s_list_is_read_and_made_harmless() {
        let body =
            br#"[{"Names":["web"],"State":"running","Pid":7},{"Names":["a\u001b[2J"],"State":"exited"}]"#;
        let containers = containers(body);
        assert_eq!(containers[0].name, "a\u{fffd}[2J");
        assert_eq!(containers[1], ContainerStatus { name: "web".into(), state: "running".into() });
        assert!(super::containers(b"null").is_empty());
    }
}
