use proptest::prelude::*;

use super::*;

const ID: &str = "5bc2f59787b1ca84e2dced6d12283c51cacee2757b1c96eb6f4de6d7c597d96f";

/// A sample of a cgroup v1 machine, as its loop printed it.
const V1: &str = "\
/proc/stat:cpu  112714 0 21097 288602 766 0 326 1841 0 0
/proc/meminfo:MemTotal:       24684084 kB
/proc/meminfo:MemAvailable:   24087472 kB
/proc/meminfo:SwapTotal:          1000 kB
/proc/meminfo:SwapFree:            400 kB
/proc/loadavg:0.00 0.12 0.42 1/176 7784
/proc/diskstats: 254       0 vda 109155 12706 7173290 54835 118969 79550 19497536 64353 0 19876 122827 17477 56 4319472 2447 26944 1191
/proc/diskstats: 254       1 vda1 100 0 7000000 1 1 0 100 0 0 0 0 0 0 0 0 0 0
/proc/diskstats: 259       0 nvme0n1 1 0 10 1 1 0 20 0 0 0 0 0 0 0 0 0 0
/proc/diskstats: 259       1 nvme0n1p1 1 0 10 1 1 0 20 0 0 0 0 0 0 0 0 0 0
/proc/net/dev:    lo:    3281      30    0    0    0     0          0         0     3281      30    0    0    0     0       0          0
/proc/net/dev:  eth0: 653812325   15084    0    0    0     0          0         0   701344    7924    0    0    0     0       0          0
/proc/net/dev:podman0:     224       3    0    0    0     0          0         3     1054      13    0    0    0     0       0          0
/proc/net/dev: veth0:     308       4    0    0    0     0          0         0     1920      24    0    0    0     0       0          0
/proc/pressure/cpu:some avg10=1.25 avg60=0.00 avg300=0.63 total=110782908
/proc/pressure/memory:some avg10=0.00 avg60=0.00 avg300=0.00 total=0
/proc/pressure/io:some avg10=0.50 avg60=0.00 avg300=0.12 total=8016230
cpuacct/libpod_parent/libpod-ID/cpuacct.usage:123456789
memory/libpod_parent/libpod-ID/memory.usage_in_bytes:1048576
memory/libpod_parent/libpod-ID/memory.stat:inactive_file 4096
memory/libpod_parent/libpod-ID/memory.stat:total_inactive_file 8192
memory/libpod_parent/libpod-ID/memory.limit_in_bytes:9223372036854771712
pids/libpod_parent/libpod-ID/pids.current:3
memory/libpod_parent/libpod-conmon-ID/memory.usage_in_bytes:1
";

/// The files of version 2, after the kernel's documentation (admin-guide/cgroup-v2).
const V2: &str = "\
/proc/meminfo:MemTotal:       2097152 kB
/proc/meminfo:MemAvailable:   1048576 kB
machine.slice/libpod-ID.scope/cpu.stat:usage_usec 2500000
machine.slice/libpod-ID.scope/memory.current:3145728
machine.slice/libpod-ID.scope/memory.stat:inactive_file 1048576
machine.slice/libpod-ID.scope/memory.max:536870912
machine.slice/libpod-ID.scope/pids.current:7
system.slice/docker-0bc2f59787b1ca84e2dced6d12283c51cacee2757b1c96eb6f4de6d7c597d96f.scope/cpu.stat:usage_usec 1
system.slice/docker-0bc2f59787b1ca84e2dced6d12283c51cacee2757b1c96eb6f4de6d7c597d96f.scope/memory.current:100
system.slice/docker-0bc2f59787b1ca84e2dced6d12283c51cacee2757b1c96eb6f4de6d7c597d96f.scope/memory.max:max
";

fn frame(text: &str) -> Frame {
    let lines = text.replace("ID", ID).lines().map(str::to_string).collect();
    Frame { sequence: 1, uptime: 10.0, clock: 1_700_000_000.25, processors: 2, lines }
}

#[test]
fn a_version_1_host() {
    let reading = Reading::parse(&frame(V1)).unwrap();
    let usage = Usage {
        cpu_nanoseconds: Some(123_456_789),
        memory: Some(1 << 20),
        inactive_file: Some(8192),
        memory_limit: None,
        pids: Some(3),
    };
    assert_eq!(
        reading,
        Reading {
            sequence: 1,
            uptime: 10.0,
            clock_ms: 1_700_000_000_250,
            processors: 2,
            cpu: Some(CpuTicks { total: 112_714 + 21_097 + 288_602 + 766 + 326 + 1841, idle: 288_602 + 766 }),
            memory_total: 24_684_084 * 1024,
            memory_available: 24_087_472 * 1024,
            swap_used: 600 * 1024,
            load: [0.0, 0.12, 0.42],
            disk: Some(((7_173_290 + 10) * 512, (19_497_536 + 20) * 512)),
            net: Some((653_812_325, 701_344)),
            pressure: Some(Pressure { cpu: 1.25, memory: 0.0, io: 0.5 }),
            containers: BTreeMap::from([(ContainerId(ID.into()), usage)]),
        }
    );
}

#[test]
fn a_version_2_host() {
    let reading = Reading::parse(&frame(V2)).unwrap();
    assert_eq!(reading.pressure, None);
    assert_eq!(reading.disk, None);
    let usages: Vec<&Usage> = reading.containers.values().collect();
    let podman = Usage {
        cpu_nanoseconds: Some(2_500_000_000),
        memory: Some(3 << 20),
        inactive_file: Some(1 << 20),
        memory_limit: Some(512 << 20),
        pids: Some(7),
    };
    let docker = Usage { cpu_nanoseconds: Some(1000), memory: Some(100), ..Usage::default() };
    assert_eq!(usages, [&docker, &podman]);
}

#[test]
fn containers_are_found_in_every_layout() {
    for path in [
        "memory/libpod_parent/libpod-ID/f",
        "libpod_parent/0123/libpod-ID/f",
        "machine.slice/machine-libpod_pod_01.slice/libpod-ID.scope/f",
        "docker/ID/f",
        "cpuacct/system.slice/docker-ID.scope/f",
    ] {
        assert_eq!(container_file(&path.replace("ID", ID)), Some((ContainerId(ID.into()), "f")), "{path}");
    }
    for path in ["libpod_parent/libpod-conmon-ID/f", "docker/buildkit/f", "f", "", "docker/../ID"] {
        assert_eq!(container_file(&path.replace("ID", ID)), None, "{path}");
    }
}

#[test]
fn without_memory_there_is_no_sample() {
    assert_eq!(Reading::parse(&frame("/proc/loadavg:1 2 3\n")), Err(NoSample));
}

proptest! {
    #[test]
    fn nonsense_never_panics(lines in proptest::collection::vec(nonsense(), 0..40)) {
        let mut lines = lines;
        lines.push("/proc/meminfo:MemTotal: 1 kB".into());
        let frame = Frame { lines, ..frame("") };
        if let Ok(reading) = Reading::parse(&frame) {
            prop_assert!(reading.memory_available <= reading.memory_total);
            prop_assert!(reading.load.iter().all(|load| load.is_finite()));
        }
    }
}

fn nonsense() -> impl Strategy<Value = String> {
    let mutated =
        (any::<prop::sample::Index>(), any::<prop::sample::Index>(), ".{0,3}").prop_map(|(line, at, new)| {
            let all = format!("{V1}{V2}").replace("ID", ID);
            let lines: Vec<&str> = all.lines().collect();
            let mut text: Vec<char> = line.get(&lines).chars().collect();
            let at = at.index(text.len());
            text.splice(at..(at + 1), new.chars());
            text.into_iter().collect()
        });
    let number =
        prop_oneof![Just(u64::MAX.to_string()), Just("-1".into()), Just("1e999".into()), Just("é".into())];
    let replaced = (any::<prop::sample::Index>(), number).prop_map(|(line, number)| {
        let lines: Vec<&str> = V1.lines().collect();
        let line = line.get(&lines);
        line.split(' ')
            .map(|word| if word.parse::<u64>().is_ok() { &number } else { word })
            .collect::<Vec<_>>()
            .join(" ")
    });
    prop_oneof![mutated, replaced, any::<String>()]
}
