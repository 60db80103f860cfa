use std::collections::BTreeSet;

use super::*;
use crate::engine::Codec;

#[test]
fn the_script_runs_here_and_its_output_is_read() {
    let own = std::process::id().to_string();
    let mut child = std::process::Command::new("sh")
        .args(["-c", SCRIPT, "drover", &format!("pid={own}"), "upper=src", "volume=tests"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"file /etc\nfile /no such file\n").unwrap();
    let output = child.wait_with_output().unwrap();
    let sight = read(&String::from_utf8_lossy(&output.stdout));
    let facts = &sight.facts;
    assert!(facts.memory_total > facts.memory_available && facts.memory_available > 0, "{facts:?}");
    assert!(facts.upper > 0 && facts.volumes > 0, "{facts:?}");
    assert!(facts.free_disk > 0 && !facts.architecture.is_empty() && facts.user.is_some(), "{facts:?}");
    assert!(!facts.cpu_flags.is_empty() && !facts.known.is_empty() && facts.processors > 0, "{facts:?}");
    assert_eq!(sight.files, [FileKind::Directory, FileKind::Missing]);
    assert!(sight.scan.tasks.iter().any(|task| task.state != '?'), "{:?}", sight.scan);
}

#[test]
fn lines_are_read_and_strange_ones_passed_over() {
    let sight = read(
        "user 0\nMemTotal 2048\nlistening 1F90\nlistening zz\nmissing zstd\ncriu 4.2.1\ncriu-check good\n\
         memory 15\n\u{7f}\nnonsense\nanswers\n{\"a\":\nuser 7}\n\nanswer-code 200\n\nanswer-code 404\nanswers-end\n\
         cgroup 1 cpu memory\nsystem 6.18.1 x86_64\nfree 3 4096 /dev/shm\nlacks uffd\nruntime-lacks crun\nglibc glibc 2.36",
    );
    let facts = &sight.facts;
    assert_eq!(facts.user, Some(0));
    assert_eq!(facts.listening, BTreeSet::from([8080]));
    assert_eq!(facts.container_memory, Some(15));
    assert_eq!(facts.codec(), Codec::Gzip);
    assert!(facts.criu_works && facts.criu_lacks.contains("uffd") && facts.runtimes.contains("crun"));
    assert_eq!((facts.kernel.as_str(), facts.free_memory_files), ("6.18.1", 12_288));
    assert_eq!((facts.cgroup_version, facts.glibc.as_str()), (1, "2.36"));
    assert_eq!(sight.answers, [(200, "{\"a\":user 7}".to_owned()), (404, String::new())]);
}

#[test]
fn a_scan_is_read() {
    let sight = read(
        "process 12 3 S 0 my app\nprocess 14 12 Z 0 child\nprocess 20 3 S 99 sh\nsockets 100 101 102\n\
         fd /proc/12/fd/3 /tmp/a b (deleted)\nkind /proc/12/fd/3 2097152 0 f\nkind /proc/12/fd/4 5 1 f\n\
         map /proc/12/maps:7f01-7f02 rw-s 00000000 00:01 5 /tmp/m (deleted)\n\
         map /proc/12/maps:7f03-7f04 rw-s 00000000 00:01 5 /[aio] (deleted)\n\
         tcp 0100007F:1F90 0100007F:9000 01 100\ntcp 0200000A:1F90 0300000A:9000 01 101\n\
         tcp 00000000:1F90 00000000:0000 0A 102\ntcp 0200000A:1F90 0300000A:9000 01 999\n\
         unix 100 555\nunix 101 102\nlock POSIX 12 00:1:2\nlock POSIX 77 00:1:2\nfaults 10 100\nfaults 12 300\n\
         mount shared:5 /data x\nfreezer FROZEN",
    );
    let scan = &sight.scan;
    assert_eq!(scan.tasks[0].name, "my app");
    assert_eq!(scan.joined(12).map(|task| task.pid).collect::<Vec<_>>(), [20]);
    let file = &scan.open["/proc/12/fd/3"];
    assert_eq!((file.target.as_str(), file.size, file.links), ("/tmp/a b (deleted)", 2 << 20, 0));
    assert!(scan.open["/proc/12/map_files/7f01-7f02"].mapped && scan.mappings.contains("aio"));
    assert_eq!((scan.connections().count(), scan.tcp_in(10).count()), (1, 1));
    assert_eq!((scan.outer_unix(), scan.own_locks()), (1, (1, Some("00:1:2".to_owned()))));
    assert_eq!(scan.growth(), Some(200.0 * 4096.0 / 2.0));
    assert!(scan.frozen && scan.shared_mounts == [("shared:5".to_owned(), "/data x".to_owned())]);
}

#[test]
fn slow_facts_are_recalled_only_for_the_same_boot_and_tools() {
    let known = HostFacts { known: "boot:1".into(), criu: "4.2.1".into(), ..HostFacts::default() };
    for (text, criu) in [
        ("known boot:1\nslow known", "4.2.1"),
        ("known boot:2\nslow known", ""),
        ("known boot:1\ncriu 5.0", "5.0"),
    ] {
        let mut facts = read(text).facts;
        facts.recall(Some(&known));
        assert_eq!(facts.criu, criu, "{text}");
    }
}

#[test]
fn a_host_that_lacked_something_is_looked_at_anew() {
    let able = HostFacts { criu_works: true, runtimes: ["crun".into()].into(), ..HostFacts::default() };
    assert!(able.is_able());
    assert!(!HostFacts { criu_works: false, ..able.clone() }.is_able());
    assert!(!HostFacts { missing: ["zstd".into()].into(), ..able.clone() }.is_able());
    assert!(!HostFacts { libcriu: Some(false), ..able }.is_able());
}

#[test]
fn a_clock_is_known_as_well_as_the_round_trip_allows() {
    let mut facts = read("clock 1000.5\nclock 1000.6").facts;
    facts.set_clock(Duration::from_millis(100), Duration::from_millis(400));
    let clock = facts.clock.unwrap();
    assert!((clock.offset - 1000.3).abs() < 1e-6 && (clock.margin - 0.1).abs() < 1e-6, "{clock:?}");
}
