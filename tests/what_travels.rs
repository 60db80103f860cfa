//! What goes along with a container on a lab of real hosts: its networks, addresses, connections and belongings.

#![allow(clippy::unwrap_used, reason = "tests may")]
#![allow(clippy::print_stderr, reason = "measured figures are for whoever runs the test")]

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use support::moving::Scene;
use support::wait_until;

const HOPS: [(&str, &str); 3] = [("h1", "h2"), ("h2", "h3"), ("h3", "h1")];

/// Removes networks and secrets of a test when it ends, whatever its end.
struct Cleared<'a>(&'a Scene, &'static str);

impl Drop for Cleared<'_> {
    fn drop(&mut self) {
        for host in ["h1", "h2", "h3"] {
            let script = format!("{} >/dev/null 2>&1; true", self.1);
            let _ = self.0.lab.command("shell").args([host, "--", "sh", "-c", &script]).output();
        }
    }
}

/// A network's definition without what is the host's own matter.
fn definition(scene: &Scene, host: &str, network: &str) -> serde_json::Value {
    let json = scene.ssh(host, &format!("podman network inspect {network}"));
    let mut value: serde_json::Value = serde_json::from_str(&json).unwrap();
    let network = value[0].as_object_mut().unwrap();
    for key in ["id", "created", "containers"] {
        network.remove(key);
    }
    if let Some(labels) = network.get_mut("labels").and_then(serde_json::Value::as_object_mut) {
        labels.remove("drover.transaction");
        if labels.is_empty() {
            network.remove("labels");
        }
    }
    value[0].take()
}

/// An open connection to Redis from this machine's own network, which is a third one beside those of the two hosts.
struct Client {
    /// Every count that was answered, and how long it took.
    answers: mpsc::Receiver<(u64, Duration)>,
    /// Ends it when it goes.
    stop: mpsc::SyncSender<()>,
    thread: std::thread::JoinHandle<std::io::Result<u64>>,
}

impl Client {
    /// Connects and counts up one after the other, as fast as answers come.
    fn connect(address: String) -> Self {
        let (answered, answers) = mpsc::sync_channel(1 << 20);
        let (stop, stopped) = mpsc::sync_channel(1);
        let thread = std::thread::spawn(move || {
            let stream = wait_until("Redis answers", || TcpStream::connect((address.as_str(), 6379)).ok());
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(Duration::from_secs(60)))?;
            let (mut reader, mut writer) = (BufReader::new(stream.try_clone()?), stream);
            let mut last = 0;
            while stopped.try_recv() == Err(mpsc::TryRecvError::Empty) {
                let asked = Instant::now();
                writer.write_all(b"INCR n\r\n")?;
                let mut answer = String::new();
                reader.read_line(&mut answer)?;
                let count: u64 = answer
                    .trim()
                    .trim_start_matches(':')
                    .parse()
                    .map_err(|_| std::io::Error::other(format!("an answer {answer:?} after {last}")))?;
                if count != last + 1 {
                    return Err(std::io::Error::other(format!("{count} after {last}")));
                }
                last = count;
                let _ = answered.try_send((count, asked.elapsed()));
            }
            Ok(last)
        });
        Self { answers, stop, thread }
    }

    /// Ends it and answers its last count.
    fn end(self) -> std::io::Result<u64> {
        let _ = self.stop.try_send(());
        self.thread.join().unwrap()
    }
}

mod shared {
    use super::*;

    #[test]
    fn networks_that_are_missing_are_made_alike_and_taken_back_after_a_failure() {
        let Some(scene) = Scene::begin() else { return };
        let _cleared = Cleared(&scene, "podman rm -f -t 0 netted; podman network rm wide taken six");
        scene.ssh(
            "h1",
            "podman network create --subnet 10.211.1.0/24 --gateway 10.211.1.9 --ip-range 10.211.1.128/26 --internal \
             --label team=blue --opt mtu=1400 --opt isolate=true wide >/dev/null
             podman network create --ipv6 --subnet 10.211.2.0/24 --subnet fd00:211::/64 --dns 10.211.2.7 \
             --route 10.250.0.0/16,10.211.2.1 --interface-name six0 six >/dev/null",
        );
        let id = scene.run(
            "h1",
            "netted",
            "--network wide:ip=10.211.1.140 --network six localhost/drover/counter:latest",
        );
        let before = [definition(&scene, "h1", "wide"), definition(&scene, "h1", "six")];
        let address = "podman inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.GlobalIPv6Address}} {{.MacAddress}};{{end}}' netted";
        let addresses = scene.ssh("h1", address);

        // A move that fails takes them back: CRIU of the destination is made to fail.
        scene.ssh("h2", "mkdir -p /etc/criu; echo '#!/bin/sh\nexit 1' >/etc/criu/fail; chmod +x /etc/criu/fail; mv /usr/sbin/criu /usr/sbin/criu.away; printf '#!/bin/sh\\ncase \" $* \" in *\" swrk \"*) exit 1 ;; esac\\nexec /usr/sbin/criu.away \"$@\"\\n' >/usr/sbin/criu; chmod +x /usr/sbin/criu");
        let failed = scene.migrate("netted", "h1", "h2");
        scene.ssh("h2", "mv /usr/sbin/criu.away /usr/sbin/criu");
        assert_ne!(failed.code, Some(0), "{failed:#?}");
        assert_eq!(scene.ssh("h2", "podman network ls --quiet"), "podman", "{failed:#?}");
        scene.nothing_left("h2", &[]);
        assert_eq!(scene.ssh("h1", "podman network ls --quiet | sort"), "podman\nsix\nwide");

        for (from, to) in HOPS {
            let seen = wait_until("it has counted", || scene.log(from, "netted").last().copied());
            let moved = scene.migrate("netted", from, to);
            let words: &[&str] =
                if to == "h1" { &[] } else { &["network wide is made there", "network six is made there"] };
            moved.says(0, words);
            scene.counts_on(to, "netted", &id, seen);
            assert_eq!([definition(&scene, to, "wide"), definition(&scene, to, "six")], before);
            assert_eq!(scene.ssh(to, address), addresses);
            let mark = scene
                .ssh(to, "podman network inspect --format '{{index .Labels \"drover.transaction\"}}' wide");
            assert_eq!(mark.len(), if to == "h1" { 0 } else { 16 }, "{mark}");
        }
    }

    #[test]
    fn a_network_that_clashes_is_refused_and_nothing_is_made() {
        let Some(scene) = Scene::begin() else { return };
        let _cleared = Cleared(
            &scene,
            "podman rm -f -t 0 netted; podman network rm other clash mac; ip link del dummy7",
        );
        scene.ssh("h1", "podman network create --subnet 10.212.1.0/24 clash >/dev/null");
        let id = scene.run("h1", "netted", "--network clash localhost/drover/counter:latest");
        scene.ssh("h2", "podman network create --subnet 10.212.0.0/16 other >/dev/null");
        scene
            .migrate("netted", "h1", "h2")
            .says(17, &["10.212.1.0/24 is used by network other", "podman network create"]);
        scene.ssh("h2", "podman network rm other >/dev/null; podman network create --subnet 10.213.1.0/24 clash >/dev/null");
        scene
            .migrate("netted", "h1", "h2")
            .says(17, &["network clash is there, but its subnet is 10.213.1.0/24"]);
        assert_eq!(scene.ssh("h2", "podman network ls --quiet | sort"), "clash\npodman");
        // Whoever does not mind a new address goes on.
        let seen = wait_until("it has counted", || scene.log("h1", "netted").last().copied());
        let mut command = scene.command("netted", "h1", "h2");
        command.args(["--override", "subnet"]);
        Scene::begin_of(command).end().says(0, &["overridden by --override subnet"]);
        scene.counts_on("h2", "netted", &id, seen);
        let address = "podman inspect --format '{{.NetworkSettings.Networks.clash.IPAddress}}' netted";
        assert!(scene.ssh("h2", address).starts_with("10.213.1."));
        scene.ssh("h2", "podman rm -f -t 0 netted >/dev/null");
        scene.ssh("h1", "ip link add dummy7 type veth peer name dummy8; podman network create -d macvlan --subnet 10.214.0.0/24 -o parent=dummy7 mac >/dev/null");
        scene.run("h1", "netted", "--network mac localhost/drover/counter:latest");
        scene.migrate("netted", "h1", "h2").says(17, &["parent interface dummy7 is missing"]);
    }

    #[test]
    fn an_open_connection_survives_on_a_macvlan_and_loses_no_operation() {
        let Some(scene) = Scene::begin() else { return };
        let _cleared = Cleared(&scene, "podman rm -f -t 0 steady; podman network rm lan");
        let own = scene.lab.address("h1");
        let prefix = own.rsplit_once('.').unwrap().0;
        let (address, hardware) = (format!("{prefix}.200"), "02:64:72:00:00:c8");
        scene.ssh("h1", &format!("podman network create -d macvlan --subnet {prefix}.0/24 --gateway {prefix}.1 -o parent=eth0 lan"));
        scene.run(
            "h1",
            "steady",
            &format!("--network lan --ip {address} --mac-address {hardware} localhost/drover/redis:latest"),
        );
        let client = Client::connect(address.clone());
        let mut gaps = Vec::new();
        for (from, to) in HOPS {
            client.answers.recv_timeout(Duration::from_secs(60)).expect("it answers before the move");
            let before = client.answers.try_iter().last();
            let outcome = {
                let mut command = scene.command("steady", from, to);
                command.arg("--json");
                Scene::begin_of(command).end()
            };
            outcome.says(0, &[]);
            let summary = &outcome.json()["summary"];
            assert_eq!(summary["way"], "two-phase");
            let marks = summary["marks"].as_array().unwrap();
            let at = |word: &str| marks.iter().position(|mark| mark["word"] == word).unwrap();
            assert!(at("locked") < at("preparing") && at("preparing") < at("pre-restore"), "{marks:#?}");
            let during: Vec<(u64, Duration)> = client.answers.try_iter().collect();
            let longest = during.iter().map(|(_, gap)| *gap).max().expect("it was answered during the move");
            eprintln!(
                "{from} to {to}: longest gap {longest:.3?}, downtime {} s, before {before:?}",
                summary["downtime"]
            );
            gaps.push(longest);
            // Every answer after the move comes from there.
            client.answers.recv_timeout(Duration::from_secs(60)).expect("it answers after the move");
            let seen = scene.ssh(to, "podman inspect --format '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{.MacAddress}}{{end}}' steady");
            assert_eq!(seen, format!("{address} {hardware}"));
            let process = scene.process(to, "steady");
            assert_eq!(
                scene.ssh(to, &format!("nsenter -t {process} -n nft list tables | grep -c drover; true")),
                "0",
                "nothing is held any more"
            );
            scene.nothing_of_ours(from);
            scene.nothing_of_ours(to);
        }
        let count = client.end().unwrap();
        assert_eq!(
            scene.ssh("h1", "podman exec steady redis-cli get n"),
            count.to_string(),
            "every operation counts"
        );
        assert!(gaps.iter().all(|gap| *gap < Duration::from_secs(20)), "{gaps:?}");
    }

    #[test]
    fn open_connections_are_kept_closed_or_refused_by_choice() {
        let Some(scene) = Scene::begin() else { return };
        let _cleared = Cleared(&scene, "podman rm -f -t 0 served holder");
        scene.run("h1", "served", "--publish 6399:6379 localhost/drover/redis:latest");
        let mut stream =
            wait_until("it is reached", || TcpStream::connect((scene.lab.address("h1"), 6399)).ok());
        let mut answer = [0; 7];
        stream.write_all(b"PING\r\n").unwrap();
        stream.read_exact(&mut answer).unwrap();
        let moving = |from: &str, to: &str, words: &[&str]| {
            let mut command = scene.command("served", from, to);
            command.args(words);
            Scene::begin_of(command).end()
        };
        moving("h1", "h2", &["--tcp", "refuse"]).says(17, &["1 open TCP connections", "--tcp close"]);
        // The address is taken there: without a choice the connection is not given up.
        let address = scene
            .ssh("h1", "podman inspect --format '{{.NetworkSettings.Networks.podman.IPAddress}}' served");
        scene.run("h2", "holder", &format!("--ip {address} localhost/drover/counter:latest"));
        moving("h1", "h2", &[])
            .says(17, &["is in use there, and 1 open TCP connections need it", "--tcp close"]);
        moving("h1", "h2", &["--tcp", "close"])
            .says(0, &["1 open TCP connections are closed, as asked", "gets a new one"]);
        let renewed = scene
            .ssh("h2", "podman inspect --format '{{.NetworkSettings.Networks.podman.IPAddress}}' served");
        assert_ne!(renewed, address);
        let clients =
            "podman exec served redis-cli info clients | tr -d '\\r' | sed -n 's/connected_clients://p'";
        wait_until("the server has noticed", || (scene.ssh("h2", clients) == "1").then_some(()));
        // It listens as before.
        let mut again = TcpStream::connect((scene.lab.address("h2"), 6399)).unwrap();
        again.write_all(b"PING\r\n").unwrap();
        again.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+PONG\r\n");
        // Kept by default where the address goes along, which the check says.
        moving("h2", "h3", &[]).says(0, &["1 open TCP connections are kept, since the address goes along"]);
    }

    #[test]
    fn published_ports_are_remapped_on_request() {
        let Some(scene) = Scene::begin() else { return };
        let _cleared = Cleared(&scene, "podman rm -f -t 0 served");
        scene.run(
            "h1",
            "served",
            "--publish 6398:6379 --publish 127.0.0.1:7001:7001 localhost/drover/redis:latest",
        );
        scene.ssh("h2", "setsid sh -c 'while :; do nc -l -p 6398 2>/dev/null || perl -MSocket -e \"socket S,PF_INET,SOCK_STREAM,6;bind S,sockaddr_in(6398,INADDR_ANY);listen S,1;sleep 600\"; done' >/dev/null 2>&1 </dev/null & sleep 0.2; echo $! >/tmp/blocker");
        let blocked = wait_until("the port is taken", || {
            let outcome = scene.migrate("served", "h1", "h2");
            (outcome.code == Some(17)).then_some(outcome)
        });
        blocked.says(17, &["TCP port 6398 already"]);
        let mut command = scene.command("served", "h1", "h2");
        command.args(["--publish", "6397:6379"]);
        Scene::begin_of(command).end().says(0, &[]);
        let mut stream = TcpStream::connect((scene.lab.address("h2"), 6397)).unwrap();
        stream.write_all(b"PING\r\n").unwrap();
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+PONG\r\n");
        let ports = "podman port served | sort";
        assert_eq!(scene.ssh("h2", ports), "6379/tcp -> 0.0.0.0:6397\n7001/tcp -> 127.0.0.1:7001");
        scene.ssh(
            "h2",
            "pkill -s $(cat /tmp/blocker); kill -9 -- -$(cat /tmp/blocker); rm /tmp/blocker; true",
        );
    }

    #[test]
    fn belongings_go_along() {
        let Some(scene) = Scene::begin() else { return };
        let _cleared = Cleared(
            &scene,
            "podman rm -f -t 0 owner; podman volume rm goods plain conf; podman secret rm token",
        );
        scene.ssh("h1", "printf hush | podman secret create token - >/dev/null
            podman volume create --label team=blue --opt type=tmpfs --opt device=tmpfs --opt o=size=4m,mode=1750 goods >/dev/null");
        let words = "--hostname ship --label role=test --secret token --volume goods:/goods --volume plain:/plain --volume conf:/etc \
            --memory 200m --cpus 0.5 --pids-limit 77 --shm-size 8m --health-cmd 'true # kept' --health-interval 1h \
            --env COLOUR=blue --dns 10.9.8.7 --ulimit nofile=333:444";
        let program = "$|=1; open L, q(>/plain/lock); flock L, 2; while (1) { print ++$n, qq(\\n); select undef, undef, undef, 0.1 }";
        let id =
            scene.run("h1", "owner", &format!("{words} localhost/drover/web:latest perl -e '{program}'"));
        wait_until("it counts", || scene.log("h1", "owner").last().copied());
        scene.ssh("h1", "podman exec owner sh -c 'echo in memory >/dev/shm/note; chmod 640 /dev/shm/note
            echo tide >/goods/a; chown 12:34 /goods/a; mkdir /plain/deep; ln -s ../lock /plain/deep/link; ln /plain/lock /plain/hard
            chown 7:8 /plain; chmod 2750 /plain; rm /etc/group; echo changed >>/etc/passwd'");
        let plain = scene.ssh("h1", "podman volume inspect --format '{{.Mountpoint}}' plain");
        let file = scene.host("h1").path(&format!("{plain}/deep"));
        rustix::fs::lsetxattr(&file, "user.note", b"kept", rustix::fs::XattrFlags::empty()).unwrap();
        let missing = scene.migrate("owner", "h1", "h2");
        missing.says(18, &["secret token is missing there", "podman secret create token FILE"]);
        for host in ["h2", "h3"] {
            scene.ssh(host, "printf hush | podman secret create token - >/dev/null");
        }
        let look = "podman exec owner sh -c 'hostname; cat /dev/shm/note /run/secrets/token; stat -c \"%a %u %g %n\" /dev/shm/note /goods /goods/a /plain /plain/hard
            cat /goods/a; readlink /plain/deep/link; stat -c %h /plain/hard; ls /etc/group 2>&1; tail -n 1 /etc/passwd; echo $COLOUR; grep 10.9 /etc/resolv.conf
            perl -e \"open L, q(</plain/lock); print flock(L, 6) ? q(free) : q(locked), qq(\\n)\"; df -k /dev/shm | tail -n 1 | tr -s \" \" | cut -d \" \" -f 2'
            podman inspect --format '{{.Config.Labels}} {{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.PidsLimit}} {{.Config.Healthcheck}} {{.HostConfig.Ulimits}}' owner
            podman volume inspect --format '{{.Name}} {{.Labels}} {{.Options}}' goods plain
            podman healthcheck run owner && echo healthy
            group=$(podman inspect --format '{{.State.CgroupPath}}' owner)
            for limit in memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us pids/pids.max; do cat /sys/fs/cgroup/${limit%%/*}$group/${limit#*/} /sys/fs/cgroup/${limit%%/*}$group/container/${limit#*/} 2>/dev/null; done
            awk '/open files/' /proc/$(podman inspect --format '{{.State.Pid}}' owner)/limits";
        let before = scene.ssh("h1", look);
        assert!(
            before.contains("locked") && before.contains("healthy") && before.contains("ship"),
            "{before}"
        );
        for (from, to) in HOPS {
            if to == "h1" {
                // The copies of volumes stay on the source until somebody removes them.
                scene.ssh(to, "podman volume rm goods plain conf");
            }
            let seen = *scene.log(from, "owner").last().unwrap();
            scene.migrate("owner", from, to).says(0, &[]);
            // The log is read whole on each host: 1 to n without gap or repetition.
            scene.counts_on(to, "owner", &id, seen);
            assert_eq!(scene.ssh(to, look), before, "{from} to {to}");
            let plain = scene.ssh(to, "podman volume inspect --format '{{.Mountpoint}}' plain");
            let mut value = [0; 16];
            let deep = scene.host(to).path(&format!("{plain}/deep"));
            let length = rustix::fs::lgetxattr(&deep, "user.note", &mut value).unwrap();
            assert_eq!(&value[..length], b"kept");
        }
    }

    #[test]
    fn a_network_that_was_made_goes_when_the_laptop_is_gone() {
        let Some(scene) = Scene::begin() else { return };
        let _cleared = Cleared(&scene, "podman rm -f -t 0 weighty; podman network rm wide");
        scene.ssh("h1", "podman network create --subnet 10.215.1.0/24 wide >/dev/null");
        let program = "$|=1; open F, q(/dev/urandom); read F, $x, 64<<20; while (1) { print ++$n, qq(\\n); select undef, undef, undef, 0.2 }";
        let words = format!("--network wide localhost/drover/web:latest perl -e '{program}'");
        let id = scene.run("h1", "weighty", &words);
        let seen = wait_until("it has filled its memory", || scene.log("h1", "weighty").last().copied());
        scene.host("h2").slow("40mbit");
        let mut moving = scene.start("weighty", "h1", "h2");
        moving.until("prepare ");
        assert_eq!(scene.ssh("h2", "podman network ls --quiet | sort"), "podman\nwide");
        moving.signal(rustix::process::Signal::KILL);
        scene.wait_long("the network is gone", || {
            (scene.ssh("h2", "podman network ls --quiet") == "podman").then_some(())
        });
        scene.host("h2").full_speed();
        scene.counts_on("h1", "weighty", &id, seen);
        scene.nothing_left("h2", &[]);
    }

    #[test]
    fn choices_hold_without_two_phases_too() {
        let Some(scene) = Scene::begin() else { return };
        let _cleared =
            Cleared(&scene, "rm -f /tmp/journal; podman rm -f -t 0 served; podman network rm wide");
        scene.ssh("h1", "podman network create --subnet 10.216.1.0/24 wide >/dev/null");
        scene.run("h1", "served", "--network wide --publish 6396:6379 localhost/drover/redis:latest");
        let mut stream =
            wait_until("it is reached", || TcpStream::connect((scene.lab.address("h1"), 6396)).ok());
        let mut answer = [0; 7];
        stream.write_all(b"PING\r\n").unwrap();
        stream.read_exact(&mut answer).unwrap();
        // While Podman seems to be writing its records they are not read, and the engine's own export is taken.
        scene.ssh("h1", "touch /tmp/journal; setsid sh -c 'while [ -e /tmp/journal ]; do : >>/var/lib/containers/storage/db.sql-journal; sleep 0.02; done' >/dev/null 2>&1 </dev/null &");
        let mut command = scene.command("served", "h1", "h2");
        command.args(["--tcp", "close", "--publish", "6395:6379", "--json"]);
        let outcome = Scene::begin_of(command).end();
        scene.ssh("h1", "rm /tmp/journal");
        outcome.says(0, &[]);
        assert_eq!(outcome.json()["summary"]["way"], "kept-images");
        let mut again = TcpStream::connect((scene.lab.address("h2"), 6395)).unwrap();
        again.write_all(b"PING\r\n").unwrap();
        again.read_exact(&mut answer).unwrap();
        assert_eq!(&answer, b"+PONG\r\n");
        let clients =
            "podman exec served redis-cli info clients | tr -d '\\r' | sed -n 's/connected_clients://p'";
        drop(again);
        wait_until("the server has noticed", || (scene.ssh("h2", clients) == "1").then_some(()));
        assert_eq!(
            scene.ssh("h2", "podman network inspect --format '{{range .Subnets}}{{.Subnet}}{{end}}' wide"),
            "10.216.1.0/24"
        );
        scene.nothing_of_ours("h1");
        scene.nothing_of_ours("h2");
    }
}
