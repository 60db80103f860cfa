//! What can only be seen on a simulated host: mounts, its own name, its processes.

use std::sync::Arc;

use crate::simulation::machine::machine_for_tests;
use crate::simulation::machine::process::Process;
use crate::simulation::machine::programs::{run_process, run_words, start_program};
use crate::simulation::machine::{Machine, namespace::LastLink};

async fn done(machine: &Arc<Machine>, lines: &str) {
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words: Vec<&str> = line.split(' ').collect();
        let ran = run_words(machine, &words, b"").await;
        assert_eq!((ran.0, ran.2.as_str()), (0, ""), "{line}");
    }
}

async fn out(machine: &Arc<Machine>, line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    run_words(machine, &words, b"").await.1
}

#[tokio::test(start_paused = true)]
async fn overlays_are_mounted_as_the_kernel_mounts_them() {
    let machine = machine_for_tests();
    done(
        &machine,
        "mkdir -p /l/a:b /l/two /l/up /l/work /l/view /l/written
        touch /l/a:b/one /l/two/one /l/two/two /l/up/three
        mount -t overlay drover -o ro,index=off,lowerdir=/l/up:/l/a\\:b:/l/two /l/view
        mount -t overlay second -o lowerdir=/l/two,upperdir=/l/up,workdir=/l/work /l/written
        touch /l/written/four
        rm /l/written/two
        mountpoint -q /l/view",
    )
    .await;
    assert_eq!(out(&machine, "ls /l/view").await, "four\none\nthree\n", "a whiteout hides what is below");
    assert_eq!(out(&machine, "find /l/up -printf %P:%y\\n").await, ":d\nfour:f\nthree:f\ntwo:c\n");
    let (code, _, errors) = run_words(&machine, &["touch", "/l/view/x"], b"").await;
    assert_eq!((code, errors.as_str()), (1, "touch: cannot touch '/l/view/x': Read-only file system\n"));
    let table = out(&machine, "mount -t overlay").await;
    assert_eq!(
        table.lines().next(),
        Some("drover on /l/view type overlay (ro,relatime,index=off,lowerdir=/l/up:/l/a\\:b:/l/two)")
    );
    // What is mounted in a namespace of its own is mounted nowhere else.
    done(&machine, "unshare --mount --propagation private -- umount -l /l/view").await;
    assert_eq!(out(&machine, "ls /l/view").await, "four\none\nthree\n");
    done(&machine, "umount /l/view").await;
    assert_eq!(out(&machine, "ls /l/view").await, "");
    for (line, expected) in [
        ("umount /l/view", "umount: /l/view: not mounted.\n"),
        ("umount /l/none", "umount: /l/none: no mount point specified.\n"),
        (
            "mount -t overlay x -o lowerdir=/l/two,upperdir=/l/up,workdir=/l/work /none",
            "mount: /none: mount point does not exist.\n",
        ),
        ("mount -t odd x /l/view", "mount: /l/view: unknown filesystem type 'odd'.\n"),
    ] {
        let words: Vec<&str> = line.split(' ').collect();
        let (code, _, errors) = run_words(&machine, &words, b"").await;
        assert_eq!((code, errors.as_str()), (32, expected), "{line}");
    }
    let (code, _, errors) = run_words(
        &machine,
        &["mount", "-t", "overlay", "x", "-o", "lowerdir=/l/none:/l/two", "/l/view"],
        b"",
    )
    .await;
    assert!(code == 32 && errors.contains("wrong fs type, bad option, bad superblock on x"), "{errors}");
    // Paths may begin in the working directory.
    let mut process = Process::new(&machine);
    process.directory = "/l".into();
    let words = ["mount", "-t", "overlay", "x", "-o", "lowerdir=up:two", "view"];
    assert_eq!(run_process(process, &words, b"").await.0, 0);
    assert_eq!(out(&machine, "ls /l/view").await, "four\none\nthree\n");
}

#[tokio::test(start_paused = true)]
async fn sizes_are_those_of_the_file_system() {
    let machine = machine_for_tests();
    let before = machine.disk.used();
    done(&machine, "mkdir /d\ntruncate -s 10000 /d/file\nln /d/file /d/again\nmkdir /d/m\nmount -t tmpfs t /d/m\ntruncate -s 5000 /d/m/other").await;
    assert_eq!(machine.disk.used() - before, 10_000);
    assert_eq!(out(&machine, "du -s -x -B1 --apparent-size /d").await, format!("{}\t/d\n", 4096 + 10_000));
    assert_eq!(
        out(&machine, "du -s -B1 --apparent-size /d").await,
        format!("{}\t/d\n", 4096 + 10_000 + 4096 + 5000)
    );
    assert_eq!(out(&machine, "du -sh /d/file").await, "12K\t/d/file\n");
    let disk = out(&machine, "df -P -B1 /d/file").await;
    let (title, row) = disk.trim_end().split_once('\n').unwrap();
    assert_eq!(
        title.split_whitespace().collect::<Vec<_>>().join(" "),
        "Filesystem 1-blocks Used Available Capacity Mounted on"
    );
    let cells: Vec<&str> = row.split_whitespace().collect();
    let (size, used) = (machine.disk.capacity(), machine.disk.used());
    assert_eq!(
        cells,
        ["/dev/vda1", &size.to_string(), &used.to_string(), &(size - used).to_string(), "21%", "/"]
    );
    assert!(out(&machine, "df -h").await.lines().any(|line| line.ends_with(" /d/m")));
    let (code, _, errors) = run_words(&machine, &["df", "/none"], b"").await;
    assert_eq!((code, errors.as_str()), (1, "df: /none: No such file or directory\n"));
}

#[tokio::test(start_paused = true)]
async fn a_host_says_who_it_is() {
    let machine = machine_for_tests();
    for (line, expected) in [
        ("uname -r", "6.12.48+deb13-amd64\n"),
        ("uname -m", "x86_64\n"),
        ("uname", "Linux\n"),
        ("uname -sn", "Linux h1\n"),
        ("hostname", "h1\n"),
        ("id -u", "0\n"),
        ("id", "uid=0(root) gid=0(root) groups=0(root)\n"),
        ("whoami", "root\n"),
        ("nproc", "2\n"),
        ("which cat nothing", "/usr/bin/cat\n"),
        ("pwd", "/root\n"),
        ("sudo -n -- id -un", "root\n"),
        ("sudo -n true", ""),
        ("env A=b printenv A", "b\n"),
        ("date +%s", "1760000000\n"),
        ("stat -f -c %T /dev/shm", "tmpfs\n"),
        ("ls -l /dev/null", "crw-rw-rw- 1 root root 1, 3 Oct  6 08:53 /dev/null\n"),
    ] {
        assert_eq!(out(&machine_for_tests(), line).await, expected, "{line}");
    }
    assert!(out(&machine, "uptime").await.contains(" up 3 days, 0 min,  1 user,"));
    let (code, _, errors) = run_words(&machine, &["sudo", "nothing"], b"").await;
    assert_eq!((code, errors.as_str()), (1, "sudo: nothing: command not found\n"));
}

#[tokio::test(start_paused = true)]
async fn processes_are_listed_and_ended() {
    let machine = machine_for_tests();
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut process = Process::new(&machine);
    process.files.insert(1, process.null().unwrap());
    let mut running = start_program(process, words("sleep 1000"));
    assert!(running.id > 1);
    tokio::task::yield_now().await;
    let listed = out(&machine, &format!("ps -p {} -o pid=,args=", running.id)).await;
    assert_eq!(listed.trim(), format!("{} sleep 1000", running.id));
    assert!(out(&machine, "ps -e -o pid,comm").await.lines().any(|line| line.ends_with(" sleep")));
    assert!(
        out(&machine, "ps aux")
            .await
            .lines()
            .any(|line| line.starts_with("root") && line.ends_with(" sleep 1000"))
    );
    done(&machine, &format!("kill -0 {}\nkill -KILL {}", running.id, running.id)).await;
    assert_eq!(running.wait().await, 137);
    let (code, _, errors) = run_words(&machine, &["kill", "31999"], b"").await;
    assert_eq!((code, errors.as_str()), (1, "kill: sending signal to 31999 failed: No such process\n"));
    assert!(machine.namespace.find("/", "/usr/bin/ps", LastLink::Follow).is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_network_is_what_the_kernel_says() {
    let machine = machine_for_tests();
    // Plain files in the place of the kernel's own, so that it is known what they say.
    done(&machine, "mount -t tmpfs none /proc\nmkdir /proc/net").await;
    let tables = [
        ("/proc/net/dev", "Inter-|   Receive\n face |bytes\n    lo: 0 0\n  eth0: 5 0\n"),
        (
            "/proc/net/tcp",
            "  sl  local_address rem_address   st tx_queue rx_queue\n   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 0\n   \
             1: 0100007F:0016 0200000A:D2F0 01 00000000:00000000 0\n",
        ),
    ];
    for (path, text) in tables {
        assert_eq!(run_words(&machine, &["tee", path], text.as_bytes()).await.0, 0);
    }
    let listening = "State  Recv-Q Send-Q Local Address:Port Peer Address:Port\n\
        LISTEN 0      4096       127.0.0.1:8080         0.0.0.0:*\n";
    assert_eq!(out(&machine, "ss -tln").await, listening);
    assert!(out(&machine, "ss -tn").await.contains("127.0.0.1:22"));
    let interfaces = out(&machine, "ip -br addr").await;
    assert!(interfaces.starts_with("lo               UNKNOWN        127.0.0.1/8 ::1/128"), "{interfaces}");
    assert!(interfaces.contains("eth0             UP"), "{interfaces}");
    assert_eq!(run_words(&machine, &["ip", "nonsense"], b"").await.0, 1);
}
