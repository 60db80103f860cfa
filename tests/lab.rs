//! The lab on the real machine: its hosts, its repairs, and that nothing of it stays behind.

#![allow(clippy::unwrap_used, reason = "tests may")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use support::{Lab, wait_until};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn get(address: &str) -> u64 {
    let mut stream = TcpStream::connect((address, 8080)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().last().unwrap().parse().unwrap()
}

/// Tests on one lab. Their names stand together, so they run together and the lab comes up once.
mod shared {
    use super::*;

    #[test]
    fn three_hosts_with_podman_and_criu_answer_over_ssh() {
        let Some(lab) = Lab::shared() else { return };
        for host in ["h1", "h2", "h3"] {
            assert_eq!(lab.ssh(host, "hostname"), host);
            lab.ssh(
                host,
                "podman run --rm --network=none --entrypoint=true x 2>/dev/null; podman info >/dev/null",
            );
            lab.ssh(host, "criu check && command -v dockerd runc");
        }
        assert_eq!(lab.ssh("h1", "ssh h3 hostname"), "h3", "hosts reach each other by name");
        assert!(lab.status()["hosts"].as_array().unwrap().iter().all(|host| host["state"] == "up"));
    }

    #[test]
    fn each_host_has_memory_of_its_own() {
        let Some(lab) = Lab::shared() else { return };
        assert_eq!(lab.ssh("h2", "awk '/MemTotal/ {print $2}' /proc/meminfo"), (2 << 20).to_string());
    }

    #[test]
    fn the_samples_run_on_the_first_host_and_their_images_only_there() {
        let Some(lab) = Lab::shared() else { return };
        let count = |script: &str| lab.ssh("h1", script).parse::<u64>().unwrap();
        let first = count("podman logs counter | tail -n 1");
        let later = wait_until("the counter counts", || {
            Some(count("podman logs counter | tail -n 1")).filter(|later| *later > first)
        });
        let file = count("podman exec counter cat /srv/count");
        assert!(file >= later && file <= later + 60, "{file} is not about {later}");
        let address = lab.address("h1");
        let got = get(&address);
        assert_eq!(get(&address), got + 1);
        assert_eq!(lab.ssh("h1", "podman exec redis redis-cli set k v"), "OK");
        assert_eq!(lab.ssh("h1", "podman exec redis redis-cli get k"), "v");
        assert_eq!(lab.ssh("h2", "podman images --quiet"), "");
    }

    #[test]
    fn another_users_lab_is_refused_by_name() {
        let Some(lab) = Lab::shared() else { return };
        for verb in ["up", "down", "status"] {
            let output = lab.command(verb).env("SUDO_UID", "54321").output().unwrap();
            assert!(!output.status.success(), "{verb} went through");
            let said = text(&output.stderr);
            assert!(said.contains("belongs to") && said.contains("left alone"), "{verb}: {said}");
        }
        assert_eq!(lab.ssh("h1", "hostname"), "h1", "the lab was left alone");
    }

    #[test]
    fn being_looked_at_often_shuts_nobody_out() {
        let Some(lab) = Lab::shared() else { return };
        // sshd has penalties for clients that say hello and go; they would begin to bite after some fifteen.
        for _ in 0..40 {
            lab.status();
        }
        assert_eq!(lab.ssh("h1", "hostname"), "h1");
    }

    #[test]
    fn its_files_are_private() {
        use std::os::unix::fs::PermissionsExt;
        let Some(lab) = Lab::shared() else { return };
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&lab.state()), 0o700);
        assert_eq!(mode(&lab.state().join("keys/id_ed25519")), 0o600);
        let fleet = std::fs::read_to_string(lab.fleet_file()).unwrap();
        let fleet: toml::Table = fleet.parse().unwrap();
        assert_eq!(fleet["hosts"].as_table().unwrap().len(), 3);
    }
}

/// Everything on this machine that carries a lab's mark.
fn traces(name: &str) -> Vec<String> {
    let group = format!("drover-{name}-h");
    let mut traces = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let process = entry.path();
        // A process that has ended holds nothing, though its parent may not have asked for it yet.
        let ended = std::fs::read_to_string(process.join("stat"))
            .is_ok_and(|stat| stat.rsplit(')').next().is_some_and(|rest| rest.trim_start().starts_with('Z')));
        let read =
            |file: &str| std::fs::read(process.join(file)).map(|bytes| text(&bytes)).unwrap_or_default();
        if ended || !process.join("stat").exists() || process.ends_with(std::process::id().to_string()) {
            continue;
        }
        if read("cgroup").contains(&group) {
            traces.push(format!("process {}", process.display()));
        }
        if read("cmdline").contains(&format!("/run/drover/lab/{name}/")) {
            traces.push(format!("process {}", process.display()));
        }
        if read("mountinfo").contains(&format!("/drover/lab/{name}/")) {
            traces.push(format!("a mount of process {}", process.display()));
        }
    }
    let links = text(&Command::new("ip").args(["-oneline", "link"]).output().unwrap().stdout);
    let mark = format!("drover lab {name}");
    traces.extend(links.lines().filter(|line| line.contains(&mark)).map(String::from));
    let found =
        Command::new("find").args(["/sys/fs/cgroup", "-name", &format!("{group}*")]).output().unwrap();
    traces.extend(text(&found.stdout).lines().map(String::from));
    traces
}

#[test]
fn down_leaves_nothing_and_may_be_repeated() {
    let Some(lab) = Lab::unused("d") else { return };
    let up = lab.up(&["--hosts", "2", "--memory", "256M", "--cpus", "0.5"]);
    assert!(up.status.success(), "{}", text(&up.stderr));
    assert!(!traces(&lab.name).is_empty(), "the traces of a running lab are found");
    lab.ssh("h2", "setsid sleep 1000 >/dev/null 2>&1 </dev/null & echo started");
    for _ in 0..2 {
        let down = lab.command("down").output().unwrap();
        assert!(down.status.success(), "{}", text(&down.stderr));
        assert_eq!(traces(&lab.name), [""; 0]);
        assert!(!lab.state().exists());
    }
}

#[test]
fn up_adds_hosts_and_says_what_it_does_not_change() {
    let Some(lab) = Lab::unused("a") else { return };
    assert!(lab.up(&["--hosts", "1", "--memory", "256M"]).status.success());
    let pid = lab.status()["hosts"][0]["pid"].clone();
    assert!(lab.up(&["--hosts", "2"]).status.success());
    let status = lab.status();
    assert_eq!(status["hosts"].as_array().unwrap().len(), 2);
    assert_eq!(status["hosts"][0]["pid"], pid, "the first host was left running");
    assert_eq!(lab.ssh("h1", "ssh h2 hostname"), "h2");
    let up = lab.up(&["--hosts", "1", "--memory", "1G"]);
    assert!(up.status.success());
    let said = text(&up.stderr);
    assert!(said.contains("keeps them") && said.contains("of memory and keep it"), "{said}");
    assert_eq!(lab.status()["hosts"].as_array().unwrap().len(), 2);
}

#[test]
fn a_host_keeps_its_disk_through_a_power_cut() {
    let Some(lab) = Lab::unused("k") else { return };
    assert!(lab.up(&["--hosts", "1", "--memory", "512M"]).status.success());
    lab.ssh("h1", "echo kept >/root/file && podman exec redis redis-cli set k v && sync");
    assert!(lab.command("kill").arg("h1").status().unwrap().success());
    assert_eq!(lab.status()["hosts"][0]["state"], "down");
    assert!(lab.command("start").arg("h1").status().unwrap().success());
    assert_eq!(lab.ssh("h1", "cat /root/file"), "kept");
    assert_eq!(lab.ssh("h1", "podman ps --quiet"), "", "containers are as a power cut left them");
    lab.ssh("h1", "podman start redis");
    assert!(lab.command("down").arg("--keep").status().unwrap().success());
    assert_eq!(traces(&lab.name), [""; 0]);
    assert!(lab.up(&[]).status.success());
    assert_eq!(lab.ssh("h1", "cat /root/file"), "kept");
    assert_eq!(lab.ssh("h1", "podman ps --quiet | wc -l"), "3");
}

#[test]
fn an_up_that_was_killed_is_repaired_by_up_and_by_down() {
    let Some(lab) = Lab::unused("r") else { return };
    // Ever later moments: nothing yet, a group, a running first process, the samples under way.
    let upper = lab.state().join("hosts/h1/upper/var/log");
    let moments: [&dyn Fn() -> bool; 4] = [
        &|| lab.state().join("lab.json").exists(),
        &|| {
            Path::new("/sys/fs/cgroup/memory").join(format!("drover-{}-h1", lab.name)).exists()
                || Path::new("/sys/fs/cgroup").join(format!("drover-{}-h1", lab.name)).exists()
        },
        &|| upper.join("drover-init.log").exists(),
        &|| {
            lab.state().join("hosts/h1/containers/overlay-containers/containers.json").exists()
                || lab.state().join("hosts/h1/containers/storage/overlay-containers/containers.json").exists()
        },
    ];
    for (index, moment) in moments.iter().enumerate() {
        for repair in ["up", "down"] {
            let mut up = lab.command("up");
            let mut up =
                up.args(["--hosts", "2", "--memory", "512M"]).stderr(Stdio::piped()).spawn().unwrap();
            wait_until("the moment has come", || {
                (moment() || up.try_wait().unwrap().is_some()).then_some(())
            });
            up.kill().unwrap();
            up.wait().unwrap();
            if repair == "up" {
                let output = lab.up(&[]);
                assert!(output.status.success(), "moment {index}: {}", text(&output.stderr));
                assert_eq!(lab.ssh("h1", "podman ps --quiet | wc -l"), "3", "moment {index}");
                assert_eq!(lab.ssh("h2", "hostname"), "h2", "moment {index}");
            }
            let output = lab.command("down").output().unwrap();
            assert!(output.status.success(), "moment {index}: {}", text(&output.stderr));
            assert_eq!(traces(&lab.name), [""; 0], "moment {index}");
        }
    }
}

#[test]
fn two_ups_at_once_make_one_lab() {
    let Some(lab) = Lab::unused("w") else { return };
    let spawn = || {
        let mut command = lab.command("up");
        command
            .args(["--hosts", "1", "--memory", "512M"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let ups = [spawn(), spawn()];
    for mut up in ups {
        let said: Vec<String> =
            BufReader::new(up.stderr.take().unwrap()).lines().map(Result::unwrap).collect();
        assert!(up.wait().unwrap().success(), "{said:?}");
    }
    assert_eq!(lab.status()["hosts"].as_array().unwrap().len(), 1);
}

#[test]
fn the_samples_travel_with_podman_s_own_commands() {
    let Some(lab) = Lab::unused("p") else { return };
    assert!(lab.up(&["--hosts", "2", "--memory", "1G"]).status.success());
    let address = |host| lab.address(host);
    let got = get(&address("h1"));
    lab.ssh("h1", "podman exec redis redis-cli set k v");
    for name in ["counter", "redis", "web"] {
        let script = format!(
            "set -e; podman save localhost/drover/{name}:latest | ssh h2 podman load --quiet
             podman container checkpoint --export /tmp/{name}.tar --tcp-established {name}
             podman logs {name} | tail -n 1 >/tmp/{name}.last
             rsync /tmp/{name}.tar h2:/tmp/{name}.tar
             ssh h2 podman container restore --import /tmp/{name}.tar --tcp-established"
        );
        lab.ssh("h1", &script);
    }
    assert_eq!(get(&address("h2")), got + 1);
    assert_eq!(lab.ssh("h2", "podman exec redis redis-cli get k"), "v");
    let last: u64 = lab.ssh("h1", "cat /tmp/counter.last").parse().unwrap();
    wait_until("the counter counts on", || {
        lab.ssh("h2", "podman logs counter | tail -n 1").parse::<u64>().ok().filter(|count| *count > last)
    });
}
