//! What Podman's inspect says of a container's peculiarities. All of it may be missing in other versions.

use serde_json::Value;

use crate::engine::Particulars;

/// Reads them.
pub fn particulars(container: &Value) -> Particulars {
    let text = |pointer: &str| {
        container.pointer(pointer).and_then(Value::as_str).map(str::to_owned).unwrap_or_default()
    };
    let list = |pointer: &str| container.pointer(pointer).and_then(Value::as_array).into_iter().flatten();
    let words =
        |pointer: &str| list(pointer).filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
    let field = |value: &Value, name: &str| {
        value.get(name).and_then(Value::as_str).map(str::to_owned).unwrap_or_default()
    };
    let volumes = list("/Mounts").filter(|mount| field(mount, "Type") == "volume");
    let foreign = volumes
        .map(|mount| (field(mount, "Name"), field(mount, "Driver")))
        .filter(|(_, driver)| !driver.is_empty() && driver != "local");
    let special = list("/Mounts").filter(|mount| field(mount, "Type") == "bind").flat_map(|mount| {
        let options = mount.get("Options").and_then(Value::as_array).into_iter().flatten();
        let option =
            |option: &Value| option.as_str().filter(|word| *word == "src-nofollow").map(str::to_owned);
        let propagation = field(mount, "Propagation");
        let shared = matches!(propagation.as_str(), "shared" | "rshared" | "slave" | "rslave");
        let words = options.filter_map(option).chain(shared.then_some(propagation)).collect::<Vec<_>>();
        let place = field(mount, "Destination");
        words.into_iter().map(move |word| (place.clone(), word))
    });
    Particulars {
        restart_policy: text("/HostConfig/RestartPolicy/Name"),
        exec_sessions: list("/ExecIDs").count(),
        dependencies: words("/Dependencies"),
        pid_mode: text("/HostConfig/PidMode"),
        ipc_mode: text("/HostConfig/IpcMode"),
        devices: list("/HostConfig/Devices").map(|device| field(device, "PathOnHost")).collect(),
        cgroup_manager: text("/HostConfig/CgroupManager"),
        cpuset: text("/HostConfig/CpusetCpus"),
        restored: container.pointer("/State/Restored").and_then(Value::as_bool).unwrap_or_default(),
        foreign_volumes: foreign.collect(),
        special_mounts: special.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peculiarities_are_read_and_may_be_missing() {
        let value = serde_json::json!({
            "State": {"Restored": true}, "ExecIDs": ["a"], "Dependencies": [],
            "Mounts": [
                {"Type": "volume", "Name": "v", "Driver": "nfs"},
                {"Type": "volume", "Name": "w", "Driver": "local"},
                {"Type": "bind", "Destination": "/x", "Options": ["rbind", "src-nofollow"], "Propagation": "rshared"},
                {"Type": "bind", "Destination": "/y", "Options": ["rbind"], "Propagation": "rprivate"},
            ],
            "HostConfig": {"RestartPolicy": {"Name": "always"}, "PidMode": "host", "IpcMode": "shareable",
                "Devices": [{"PathOnHost": "/dev/kvm"}], "CgroupManager": "systemd", "CpusetCpus": "0-3"},
        });
        let read = particulars(&value);
        assert_eq!(read.foreign_volumes, [("v".to_owned(), "nfs".to_owned())]);
        let special = [("/x", "src-nofollow"), ("/x", "rshared")];
        assert_eq!(read.special_mounts, special.map(|(place, word)| (place.to_owned(), word.to_owned())));
        assert!(read.restored && read.exec_sessions == 1 && read.devices == ["/dev/kvm"]);
        assert_eq!((read.restart_policy.as_str(), read.pid_mode.as_str()), ("always", "host"));
        assert_eq!(particulars(&serde_json::json!({})), Particulars::default());
    }
}
