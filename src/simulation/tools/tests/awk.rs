//! awk against mawk: all programs of drover's scripts, and what people type.

use super::Twins;
use crate::simulation::machine::machine_for_tests;
use crate::simulation::machine::programs::run_words;

const MEMORY: &[u8] =
    b"cache 8192\nrss 4096\nanon 123456789\nshmem 77\ntotal_rss 99999999999\ntotal_shmem 5\n";
const SOCKETS: &[u8] = b"  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1\n   1: 0100007F:0016 0200000A:D2F0 01 00000000:00000000 00:00000000 00000000     0        0 12346 1\n";
const GROUPS: &[u8] = b"12:freezer:/libpod_parent/libpod-ab\n4:memory:/libpod_parent/libpod-ab:x\n0::/machine.slice/libpod-ab.scope\n";
const MOUNTS: &[u8] = b"proc /proc proc rw 0 0\noverlay /merged overlay rw,lowerdir=/a:/b,upperdir=/u 0 0\noverlay /merged overlay second 0 0\n";
const STORAGE: &[u8] =
    b"[storage]\n# graphroot = \"/no\"\n  graphroot = \"/srv/containers\"\ndriver=\"overlay\"\n";
const TABLE: &[u8] = b"Filesystem 1-blocks Used Available Capacity Mounted on\ntmpfs 100 5 95 5% /dev/shm\n";

/// The programs that stand between single quotes after `awk` in a script.
fn programs(script: &str) -> Vec<(Vec<String>, String)> {
    let mut found = Vec::new();
    for part in script.split("awk ").skip(1) {
        let Some((options, rest)) = part.split_once('\'') else { continue };
        // `-F'"'`: the first quoted thing is the separator.
        let (mut options, mut rest) = (options.to_owned(), rest);
        if options.ends_with("-F") {
            let (separator, after) = rest.split_once('\'').unwrap();
            options.push_str(separator);
            rest = after.split_once('\'').unwrap().1;
        }
        let Some((program, _)) = rest.split_once('\'') else { continue };
        if options.contains(['(', ')', ';', '|', '`', '\n']) || program.contains("$(") {
            continue;
        }
        let options = options.replace("\"$merged\"", "/merged");
        found.push((options.split_whitespace().map(str::to_owned).collect(), program.to_owned()));
    }
    found
}

#[tokio::test(start_paused = true)]
async fn the_programs_of_drovers_scripts_give_what_mawk_gives() {
    let Some(twins) = Twins::new().await else { return };
    if std::process::Command::new("mawk").arg("-W").arg("version").output().is_err() {
        return;
    }
    let scripts = [
        include_str!("../../../migrate/scripts/probe.sh"),
        include_str!("../../../migrate/scripts/scan.sh"),
        include_str!("../../../migrate/scripts/view.sh"),
        include_str!("../../../engine/podman/depart.sh"),
    ];
    let all: Vec<_> = scripts.iter().flat_map(|script| programs(script)).collect();
    assert_eq!(all.len(), 15, "{all:?}");
    for (options, program) in &all {
        for input in
            [MEMORY, SOCKETS, GROUPS, MOUNTS, STORAGE, TABLE, b"Version: 4.1.1\n", b"", b"anon 1\nshmem 2\n"]
        {
            let mut words = vec!["mawk"];
            words.extend(options.iter().map(String::as_str));
            words.push(program);
            twins.same(&words, input).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_people_type_gives_what_mawk_gives() {
    let Some(twins) = Twins::new().await else { return };
    if std::process::Command::new("mawk").arg("-W").arg("version").output().is_err() {
        return;
    }
    twins.file("table", TABLE).await;
    twins.file("latin", b"caf\xe9 \x85x\xa0y z\n").await;
    for words in [
        &["mawk", "{print $1}"][..],
        &["mawk", "{print NR, NF, $NF}", "table"],
        &["mawk", "NR==1{next}{print}", "table"],
        &["mawk", "{if (NR==1) next; print}", "table"],
        &["mawk", "/tmpfs/{found=1; exit} END{exit !found}", "table"],
        &["mawk", "/none/{found=1; exit} END{exit !found}", "table"],
        &["mawk", "BEGIN{exit 3} END{print \"e\"}"],
        &["mawk", "{exit 3; print \"no\"} END{exit}"],
        &["mawk", "NR<4{s+=$2} END{print s}"],
        &["mawk", "{n[$1]++} !seen[NR%2]++{print} END{print n[\"rss\"]}"],
        &["mawk", "NR<4{s+=$2} END{printf \"%.2f %d %s\\n\", s/7, s, s}"],
        &["mawk", "{a[$1]=$2} END{print a[\"rss\"], length(a)}"],
        &["mawk", "{n++} END{for (i=1;i<=3;i++) print i*n; while (i>1) i--; print i}"],
        &["mawk", "-F:", "{print $2}", "table"],
        &["mawk", "-F", "[ %]+", "{print $5}", "table"],
        &["mawk", "-v", "n=10", "BEGIN{print (n>9), n+1, n \"x\"}"],
        &["mawk", "-v", "OFS=-", "{$1=$1; print}", "table"],
        &["mawk", "{print $1, x}", "x=3", "table"],
        &["mawk", "{gsub(/[0-9]/, \"<&>\"); print}", "table"],
        &["mawk", "{sub(\"s\", \"S\"); print toupper($1), substr($0, 2, 3), index($0, \"a\")}", "table"],
        &["mawk", "{print length, length($1)}", "latin"],
        &["mawk", "{print $1}", "latin"],
        &["mawk", "{n=split($0, p, / /); print n, p[1]}", "table"],
        &["mawk", "BEGIN{print 1e6, 0.1+0.2, 1/3, 100000000, 2^30, -7%3, 1e-7}"],
        &["mawk", "BEGIN{printf \"%5d|%-5s|%05.1f|%x|%c\\n\", 42, \"ab\", 3.14, 255, 65}"],
        &["mawk", "BEGIN{x=\"a\"; print x==\"a\" ? \"yes\" : \"no\"; print 1==1.0, \"a\"<\"b\", !x}"],
        &["mawk", "function f(a, b) {return a+b} BEGIN{print f(1,2)}"],
        &["mawk", "NR==1,NR==2{print NR}", "table"],
        &["mawk", "$2>50", "table"],
        &["mawk", "!/tmpfs/", "table"],
        &["mawk", "match($0, /[0-9]+/){print RSTART, RLENGTH}", "table"],
        &["mawk", "END{print NR, $0}", "table"],
        &["mawk", "{print FILENAME, FNR}", "table", "latin"],
        &["mawk", "BEGIN{while (i<3) {i++; if (i==2) continue; print i}; do { j++ } while (j<5); print j}"],
        &["mawk", "{print; nextfile}", "table"],
        &["mawk", "BEGIN{a[1]; if (1 in a) print \"in\"; delete a[1]; if (!(1 in a)) print \"out\"}"],
        &["mawk", "{print > \"/dev/stdout\"}", "table"],
        &["mawk", "{print}", "/nonexistent"],
        &["mawk", "{print}", "table", "/nonexistent"],
        &["mawk", "-v", "x", "BEGIN{}"],
    ] {
        twins.same(words, MEMORY).await;
    }
}

#[tokio::test]
async fn nothing_of_this_machine_can_be_reached() {
    let machine = machine_for_tests();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("made");
    let path = file.display();
    for program in [
        format!("BEGIN {{ system(\"touch {path}\") }}"),
        format!("BEGIN {{ print 1 > \"{path}\" }}"),
        format!("BEGIN {{ printf \"1\" >> \"{path}\" }}"),
        format!("BEGIN {{ print 1 | \"cat >{path}\" }}"),
        format!("BEGIN {{ \"echo >{path}\" | getline }}"),
        "BEGIN { while ((getline line < \"/etc/passwd\") > 0) print line }".to_owned(),
        "{ if (1) { x[system(\"id\")] } }".to_owned(),
        "function f() { return system(\"id\") } BEGIN { f() }".to_owned(),
        "BEGIN { print PROCINFO[\"pid\"] }".to_owned(),
        "function f() { f() } BEGIN { f() }".to_owned(),
        "function f() { g() } function g() { f() } BEGIN { f() }".to_owned(),
        format!("BEGIN {{ print {}1{} }}", "(".repeat(5000), ")".repeat(5000)),
        format!("BEGIN {{ print {}1 }}", "! ".repeat(5000)),
        "BEGIN { while (1) { } }".to_owned(),
    ] {
        let (code, out, errors) = run_words(&machine, &["awk", &program], b"x\n").await;
        assert_eq!((code, out.as_str()), (2, ""), "{program}");
        assert!(errors.starts_with("awk: "), "{program}: {errors}");
    }
    assert!(!file.exists());
    let machine = machine_for_tests();
    let calls = [
        ("BEGIN { print ENVIRON[\"HOME\"], length(ENVIRON[\"CARGO\"]) }", "/root 0\n"),
        ("BEGIN { for (name in ENVIRON) print name }", "HOME\nLOGNAME\nPATH\nSHELL\nUSER\n"),
        ("BEGIN { print systime(), strftime(\"%Y\") }", "1760000000 2025\n"),
    ];
    for (program, expected) in calls {
        let (code, out, errors) = run_words(&machine, &["awk", program], b"").await;
        // The world's clock goes on while it starts.
        assert_eq!((code, out.as_str(), errors.as_str()), (0, expected, ""), "{program}");
    }
    let random = "BEGIN { print rand(), rand(); srand(); print rand() }";
    let once = run_words(&machine_for_tests(), &["awk", random], b"").await;
    assert_eq!(once, run_words(&machine_for_tests(), &["awk", random], b"").await);
}
