//! /proc: the files that tell how a host is doing. Formats after proc(5) and the kernel's own printing
//! functions (fs/proc/, block/genhd.c, net/core/net-procfs.c).

use std::fmt::Write as _;
use std::sync::Arc;

use super::{Maker, Names};
use crate::simulation::machine::Machine;
use crate::simulation::machine::files::{Living, Node};
use crate::simulation::scenario::{Architecture, Peculiarity};

/// Ticks per second in which /proc/stat counts.
const TICKS: f64 = 100.0;

const FILES: [&str; 13] = [
    "cmdline",
    "cpuinfo",
    "diskstats",
    "filesystems",
    "loadavg",
    "locks",
    "meminfo",
    "mounts",
    "net",
    "pressure",
    "self",
    "stat",
    "swaps",
];
const MORE: [&str; 4] = ["sys", "uptime", "version", "thread-self"];

/// /proc itself.
pub(super) struct Root(pub Maker);

impl Living for Root {
    fn names(&self) -> Vec<String> {
        let numbers = self.0.machine().map(|machine| super::processes::numbers(&machine)).unwrap_or_default();
        let files = FILES.iter().chain(&MORE).map(|name| (*name).to_owned());
        numbers.into_iter().map(|number| number.to_string()).chain(files).collect()
    }

    fn entry(&self, name: &str) -> Option<Node> {
        let maker = &self.0;
        if let Ok(number) = name.parse::<u32>() {
            return super::processes::directory(maker, number);
        }
        let path = format!("/proc/{name}");
        let file = |make: fn(&Arc<Machine>) -> String| Some(maker.file(&path, make));
        match name {
            "cmdline" => file(|machine| {
                format!("BOOT_IMAGE=/boot/vmlinuz-{} root=/dev/vda1 ro quiet\n", machine.plan.kernel)
            }),
            "cpuinfo" => file(cpuinfo),
            "diskstats" => file(diskstats),
            "filesystems" => file(|_| {
                "nodev\tsysfs\nnodev\ttmpfs\nnodev\tproc\nnodev\tcgroup\nnodev\tcgroup2\nnodev\toverlay\n\text4\n".into()
            }),
            "loadavg" => file(loadavg),
            "locks" => file(locks),
            "meminfo" => file(meminfo),
            "mounts" => Some(maker.link(&path, "self/mounts")),
            "net" => Some(net(maker, None)),
            "pressure" => Some(pressure(maker)),
            "self" | "thread-self" => super::processes::directory(maker, 1),
            "stat" => file(stat),
            "swaps" => file(|_| "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n".into()),
            "sys" => Some(sys(maker)),
            "uptime" => file(uptime),
            "version" => file(|machine| {
                format!(
                    "Linux version {} (gcc 14.2.0, GNU ld 2.44) #1 SMP PREEMPT_DYNAMIC\n",
                    machine.plan.kernel
                )
            }),
            _ => None,
        }
    }
}

fn locks(machine: &Arc<Machine>) -> String {
    let containers = machine.containers.running();
    let holders = containers.iter().filter(|container| container.is(Peculiarity::FileLock));
    let pids = holders.filter_map(|container| container.pid()).enumerate();
    pids.map(|(index, pid)| {
        format!("{}: POSIX  ADVISORY  WRITE {pid} fe:01:{} 0 EOF\n", index + 1, 131_000 + index)
    })
    .collect()
}

fn uptime(machine: &Arc<Machine>) -> String {
    let up = machine.uptime().as_secs_f64();
    let idle = up * f64::from(machine.plan.cores) - machine.meter.read(machine).processor;
    format!("{up:.2} {:.2}\n", idle.max(0.0))
}

fn stat(machine: &Arc<Machine>) -> String {
    let counters = machine.meter.read(machine);
    let cores = machine.plan.cores;
    // Before the world began the host was as idle as hosts are.
    let total = machine.uptime().as_secs_f64() * f64::from(cores) * TICKS;
    let used = (counters.processor + machine.up_before().as_secs_f64() * 0.05) * TICKS;
    let line = |name: &str, parts: f64| {
        let (used, total) = (used / parts, total / parts);
        let (user, system) = (used * 0.8, used * 0.2);
        let idle = (total - used).max(0.0);
        format!("{name} {user:.0} 0 {system:.0} {idle:.0} 0 0 0 0 0 0\n")
    };
    let mut text = line("cpu ", 1.0);
    for core in 0..cores {
        text += &line(&format!("cpu{core}"), f64::from(cores));
    }
    let boot = machine.calendar().saturating_sub(machine.uptime()).as_secs();
    let running = counters.load[0].ceil().max(1.0);
    let _ = write!(
        text,
        "intr 0\nctxt 0\nbtime {boot}\nprocesses 4821\nprocs_running {running}\nprocs_blocked 0\n"
    );
    text
}

fn meminfo(machine: &Arc<Machine>) -> String {
    let plan = &machine.plan;
    let kibibytes = |bytes: u64| bytes / 1024;
    let available = machine.memory_available();
    let cached = machine.shared_memory.used() + available / 8;
    let free = available.saturating_sub(available / 8);
    let mut text = String::new();
    for (name, bytes) in [
        ("MemTotal", plan.memory),
        ("MemFree", free),
        ("MemAvailable", available),
        ("Buffers", plan.memory / 256),
        ("Cached", cached),
        ("SwapCached", 0),
        ("SwapTotal", plan.swap),
        ("SwapFree", plan.swap.saturating_sub(machine.swap_used())),
        ("Dirty", 0),
        ("AnonPages", plan.memory.saturating_sub(available + cached)),
        ("Shmem", machine.shared_memory.used()),
    ] {
        let _ = writeln!(text, "{:<16}{:>8} kB", format!("{name}:"), kibibytes(bytes));
    }
    text
}

fn loadavg(machine: &Arc<Machine>) -> String {
    let load = machine.meter.read(machine).load;
    let processes = machine.processes.all().len() + 90;
    format!("{:.2} {:.2} {:.2} {}/{processes} 4821\n", load[0], load[1], load[2], load[0].ceil().max(1.0))
}

fn diskstats(machine: &Arc<Machine>) -> String {
    let disk = machine.meter.read(machine).disk;
    let [read, written] = disk.map(|bytes| (bytes / 512.0) as u64);
    let line = |minor: u32, name: &str| {
        format!(
            " 254       {minor} {name} {} 0 {read} {} {} 0 {written} {} 0 {} {} 0 0 0 0 0 0\n",
            read / 32,
            read / 900,
            written / 32,
            written / 700,
            (read + written) / 1200,
            (read + written) / 800,
        )
    };
    line(0, "vda") + &line(1, "vda1")
}

fn cpuinfo(machine: &Arc<Machine>) -> String {
    let plan = &machine.plan;
    let flags = plan.cpu_flags.join(" ");
    let mut text = String::new();
    for core in 0..plan.cores {
        let _ = match plan.architecture {
            Architecture::X86_64 => write!(
                text,
                "processor\t: {core}\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 85\n\
                 model name\t: {}\nstepping\t: 7\nmicrocode\t: 0x1\ncpu MHz\t\t: 2095.078\n\
                 cache size\t: 28160 KB\nphysical id\t: 0\nsiblings\t: {}\ncore id\t\t: {core}\n\
                 cpu cores\t: {}\nfpu\t\t: yes\nflags\t\t: {flags}\nbogomips\t: 4190.15\n\n",
                plan.cpu_model, plan.cores, plan.cores
            ),
            Architecture::Aarch64 => write!(
                text,
                "processor\t: {core}\nBogoMIPS\t: 50.00\nFeatures\t: {flags}\nCPU implementer\t: 0x41\n\
                 CPU architecture: 8\nCPU variant\t: 0x3\nCPU part\t: 0xd0c\nCPU revision\t: 1\n\n"
            ),
        };
    }
    text
}

fn pressure(maker: &Maker) -> Node {
    let inner = maker.clone();
    let make = move |name: &str| {
        let which = match name {
            "cpu" => Some(0),
            "memory" => Some(1),
            _ => None,
        };
        let text = move |machine: &Arc<Machine>| {
            let counters = machine.meter.read(machine);
            let average = which.map_or(0.0, |index: usize| counters.pressure[index]);
            let total = counters.waited * 1e6;
            let some = format!(
                "some avg10={average:.2} avg60={:.2} avg300={:.2} total={total:.0}\n",
                average * 0.8,
                average * 0.5
            );
            some + "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
        };
        Some(inner.file(&format!("/proc/pressure/{name}"), text))
    };
    maker.living("/proc/pressure", Names { names: vec!["cpu", "io", "memory"], make: Box::new(make) })
}

/// /proc/net of the host, or of a container's process.
pub(super) fn net(maker: &Maker, process: Option<u32>) -> Node {
    let inner = maker.clone();
    let make = move |name: &str| {
        let path = format!("/proc/{process:?}/net/{name}");
        match name {
            "dev" => Some(inner.file(&path, dev)),
            "tcp" => Some(inner.file(&path, move |machine| tcp(machine, process))),
            "tcp6" | "udp" | "unix" => Some(inner.file(&path, |_| TCP_HEADER.to_owned())),
            _ => None,
        }
    };
    maker
        .living("/proc/net", Names { names: vec!["dev", "tcp", "tcp6", "udp", "unix"], make: Box::new(make) })
}

fn dev(machine: &Arc<Machine>) -> String {
    let [received, sent] = machine.meter.read(machine).network;
    let line = |name: &str, received: f64, sent: f64| {
        format!(
            "{name:>6}: {received:7.0} {:7.0}    0    0    0     0          0         0 {sent:8.0} {:7.0}    0    0    0     0       0          0\n",
            received / 900.0,
            sent / 900.0
        )
    };
    "Inter-|   Receive                                                |  Transmit\n face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n".to_owned()
        + &line("lo", 0.0, 0.0)
        + &line("eth0", received, sent)
}

/// The number of the first socket.
pub(super) const FIRST_SOCKET: usize = 10_000;

const TCP_HEADER: &str =
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

/// Listening (0A) and established (01) sockets, as net/ipv4/tcp_ipv4.c prints them.
fn tcp(machine: &Arc<Machine>, process: Option<u32>) -> String {
    let mut text = TCP_HEADER.to_owned();
    for (line, socket) in machine.sockets(process).into_iter().enumerate() {
        let (remote, state) = match socket.peer {
            Some(port) => (format!("0100000A:{port:04X}"), "01"),
            None => ("00000000:0000".to_owned(), "0A"),
        };
        let _ = writeln!(
            text,
            "{line:4}: 00000000:{:04X} {remote} {state} 00000000:00000000 00:00000000 00000000     0        0 {} 1 0000000000000000 100 0 0 10 0",
            socket.port,
            FIRST_SOCKET + line
        );
    }
    text
}

fn sys(maker: &Maker) -> Node {
    let inner = maker.clone();
    let make = move |_: &str| {
        let deeper = inner.clone();
        let make = move |name: &str| {
            let path = format!("/proc/sys/kernel/{name}");
            match name {
                "hostname" => Some(deeper.file(&path, |machine| format!("{}\n", machine.plan.name))),
                "osrelease" => Some(deeper.file(&path, |machine| format!("{}\n", machine.plan.kernel))),
                "ostype" => Some(deeper.file(&path, |_| "Linux\n".into())),
                "pid_max" => Some(deeper.file(&path, |_| "32768\n".into())),
                "random" => {
                    let boot = deeper.clone();
                    let make = move |name: &str| {
                        let path = format!("/proc/sys/kernel/random/{name}");
                        Some(boot.file(&path, |machine| format!("{}\n", machine.boot_id())))
                    };
                    let names = Names { names: vec!["boot_id"], make: Box::new(make) };
                    Some(deeper.living(&path, names))
                }
                _ => None,
            }
        };
        let names = vec!["hostname", "osrelease", "ostype", "pid_max", "random"];
        Some(inner.living("/proc/sys/kernel", Names { names, make: Box::new(make) }))
    };
    maker.living("/proc/sys", Names { names: vec!["kernel"], make: Box::new(make) })
}
