//! Moves on a lab of real hosts: what a container is before, it is afterwards, and nothing stays behind.

#![allow(clippy::unwrap_used, reason = "tests may")]

mod support;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::TcpStream;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use support::moving::Scene;
use support::tree::Tree;

const HOPS: [(&str, &str); 3] = [("h1", "h2"), ("h2", "h3"), ("h3", "h1")];

fn get(address: &str) -> u64 {
    let mut stream = TcpStream::connect((address, 8080)).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: web\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.lines().last().unwrap().parse().unwrap()
}

fn id(scene: &Scene, host: &str, name: &str) -> String {
    scene.ssh(host, &format!("podman inspect --format '{{{{.Id}}}}' {name}"))
}

/// Checks the figures of a move that went well.
fn judge(json: &serde_json::Value, container: &str, from: &str, to: &str) {
    assert_eq!(json["result"], "moved", "{json}");
    let summary = &json["summary"];
    assert_eq!(summary["request"], serde_json::json!({ "container": container, "from": from, "to": to }));
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    let total = number(&summary["total"]);
    let stages = summary["stages"].as_array().unwrap();
    let words: Vec<&str> = stages.iter().map(|stage| stage["stage"].as_str().unwrap()).collect();
    assert_eq!(summary["way"], "two-phase");
    let all = ["checks", "prepare", "checkpoint", "transfer", "restore", "verify", "remove"];
    assert_eq!(words, all, "the stages in their order");
    let mut end = 0.0;
    for stage in stages {
        let start = number(&stage["start"]);
        assert!(start >= end - 1e-6, "stages do not overlap: {stage}");
        assert!(start - end < 0.5, "and nothing that takes long is left out: {stage}");
        end = start + number(&stage["seconds"]);
    }
    assert!(end <= total && total - end < 0.5, "the stages end with the move: {end} of {total}");
    let begin_of =
        |word: &str| number(&stages[words.iter().position(|other| *other == word).unwrap()]["start"]);
    let verified = begin_of("verify") - begin_of("checkpoint");
    let downtime = number(&summary["downtime"]);
    assert!(
        downtime > 0.0 && downtime < verified,
        "downtime {downtime}, from the order to freeze to restored {verified}"
    );
    let marks: Vec<&str> =
        summary["marks"].as_array().unwrap().iter().map(|mark| mark["word"].as_str().unwrap()).collect();
    for words in ["waiting", "frozen", "dumped", "pre-restore", "post-resume", "committed"].windows(2) {
        let place = |word: &str| marks.iter().position(|mark| *mark == word);
        assert!(place(words[0]) < place(words[1]) && place(words[0]).is_some(), "{words:?} in {marks:?}");
    }
    assert!(number(&summary["bytes"]) > 0.0 && number(&summary["wire_bytes"]) > 0.0);
}

/// Tests on one lab. Their names stand together, so they run together and the lab comes up once.
mod shared {
    use super::*;

    #[test]
    fn the_counter_counts_on_through_three_hops() {
        let Some(scene) = Scene::begin() else { return };
        let id = scene.counter("h1", "hopper");
        for (from, to) in HOPS {
            let seen = support::wait_until("it has counted", || scene.log(from, "hopper").last().copied());
            let mut command = scene.command("hopper", from, to);
            command.arg("--json");
            let outcome = Scene::begin_of(command).end();
            outcome.says(0, &[]);
            judge(&outcome.json(), "hopper", from, to);
            scene.counts_on(to, "hopper", &id, seen);
            let file: u64 = scene.ssh(to, "podman exec hopper cat /srv/count").parse().unwrap();
            let log = *scene.log(to, "hopper").last().unwrap();
            assert!(file == log || file + 1 == log, "the file has {file}, the log {log}");
            scene.nothing_of_ours(to);
            let others: &[&str] = if from == "h1" { &["counter", "redis", "web"] } else { &[] };
            if from != "h1" {
                scene.nothing_left(from, others);
            } else {
                scene.nothing_of_ours(from);
                assert_eq!(scene.ssh(from, "podman ps -a --format '{{.Names}}' | sort"), others.join("\n"));
            }
        }
    }

    #[test]
    fn redis_keeps_ten_thousand_keys() {
        let Some(scene) = Scene::begin() else { return };
        let id = id(&scene, "h1", "redis");
        let fill = "podman exec redis redis-cli eval 'for i = 1, 10000 do redis.call(\"SET\", \"key:\" .. i, \"value \" .. i * i) end return 1' 0";
        assert_eq!(scene.ssh("h1", fill), "1");
        let read = "podman exec redis redis-cli eval 'local right = 0 for i = 1, 10000 do if redis.call(\"GET\", \"key:\" .. i) == \"value \" .. i * i then right = right + 1 end end return {right, redis.call(\"DBSIZE\")}' 0";
        let before = scene.ssh("h1", "podman exec redis redis-cli debug digest; true");
        for (from, to) in HOPS {
            scene.migrate("redis", from, to).says(0, &[]);
            assert_eq!(scene.ssh(to, read), "10000\n10000");
            assert_eq!(scene.ssh(to, "podman exec redis redis-cli debug digest; true"), before);
            assert_eq!(scene.places(&id), BTreeSet::from([to.to_owned()]));
            scene.nothing_of_ours(from);
            scene.nothing_of_ours(to);
        }
    }

    #[test]
    fn web_answers_with_the_next_count_after_each_hop() {
        let Some(scene) = Scene::begin() else { return };
        let mut count = get(&scene.lab.address("h1"));
        for (from, to) in HOPS {
            scene.migrate("web", from, to).says(0, &[]);
            count += 1;
            assert_eq!(get(&scene.lab.address(to)), count);
            assert!(TcpStream::connect((scene.lab.address(from), 8080)).is_err(), "{from} answers no more");
            scene.nothing_of_ours(from);
        }
    }

    #[test]
    fn every_kind_of_change_to_the_files_arrives() {
        let Some(scene) = Scene::begin() else { return };
        scene.run("h1", "tree", "localhost/drover/web:latest sh -c 'while :; do sleep 1000; done'");
        let merged = |host: &str| {
            let format = "podman inspect --format '{{.GraphDriver.Data.MergedDir}}' tree";
            scene.host(host).path(&scene.ssh(host, format))
        };
        let root = merged("h1");
        change(&root);
        let before = Tree::of(&root);
        for (from, to) in HOPS {
            scene.migrate("tree", from, to).says(0, &[]);
            let differences = before.differences(&Tree::of(&merged(to)));
            assert!(differences.is_empty(), "{from} to {to}: {differences:#?}");
        }
    }
}

/// Changes a container's files in every way that a file system knows.
fn change(root: &Path) {
    let at = |name: &str| root.join(name);
    let mode = |name: &str, mode| fs::set_permissions(at(name), Permissions::from_mode(mode)).unwrap();
    // Files of the image: modified, other mode, other owner, deleted, renamed.
    fs::OpenOptions::new().append(true).open(at("etc/passwd")).unwrap().write_all(b"a:x:1:1:a:/:\n").unwrap();
    mode("etc/group", 0o640);
    chown(at("usr/bin/perl"), Some(123), Some(456)).unwrap();
    mode("usr/bin/perl", 0o4755);
    fs::remove_file(at("bin/vi")).unwrap();
    fs::rename(at("bin/wget"), at("bin/fetch")).unwrap();
    // Directories of the image: other mode and owner, deleted, deleted and made again, renamed.
    mode("tmp", 0o1733);
    chown(at("srv"), Some(7), Some(8)).unwrap();
    let perl = at("usr/lib").join(format!("{}-linux-gnu/perl-base", std::env::consts::ARCH));
    fs::remove_dir_all(perl.join("Exporter")).unwrap();
    // Without overlay's redirect_dir only programs rename such a directory, by copying it.
    match fs::rename(perl.join("warnings"), perl.join("renamed")) {
        Err(error) if error.kind() == std::io::ErrorKind::CrossesDevices => {
            fs::create_dir(perl.join("renamed")).unwrap();
            fs::rename(perl.join("warnings/register.pm"), perl.join("renamed/register.pm")).unwrap();
            fs::remove_dir_all(perl.join("warnings")).unwrap();
        }
        renamed => renamed.unwrap(),
    }
    fs::remove_dir_all(at("usr/local")).unwrap();
    fs::create_dir_all(at("usr/local/bin")).unwrap();
    fs::write(at("usr/local/bin/only this"), "new").unwrap();
    // New things.
    fs::create_dir_all(at("new/empty")).unwrap();
    mode("new/empty", 0o1777);
    chown(at("new"), Some(1000), Some(1000)).unwrap();
    fs::write(at("new/a"), "hard").unwrap();
    fs::hard_link(at("new/a"), at("new/b")).unwrap();
    fs::hard_link(at("new/a"), at("srv/c")).unwrap();
    fs::hard_link(at("bin/busybox"), at("new/busybox")).unwrap();
    symlink("a", at("new/link")).unwrap();
    symlink("/no/such\nplace", at("new/dangling")).unwrap();
    lchown(at("new/dangling"), Some(5), Some(6)).unwrap();
    for name in [
        "with space",
        "with\nnewline",
        "'single' \"double\"",
        "-leading",
        "$(echo) `x` \\",
        "ünïcödé",
        "*?[a]",
    ] {
        fs::write(at("new").join(name), name).unwrap();
    }
    fs::write(root.join("new").join(OsStr::from_bytes(b"not\xff\xfeUTF-8")), "x").unwrap();
    let long = "n".repeat(255);
    fs::create_dir(at("new").join(&long)).unwrap();
    fs::write(at("new").join(&long).join(&long), "long").unwrap();
    let fifo = at("new/fifo");
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, 0o620.into(), 0).unwrap();
    let null = rustix::fs::makedev(1, 3);
    let device = at("new/null");
    rustix::fs::mknodat(rustix::fs::CWD, &device, rustix::fs::FileType::CharacterDevice, 0o666.into(), null)
        .unwrap();
    let mut sparse = fs::File::create(at("new/sparse")).unwrap();
    sparse.seek(SeekFrom::Start(8 << 20)).unwrap();
    sparse.write_all(b"end").unwrap();
    fs::write(at("new/nothing"), "").unwrap();
    fs::write(at("new/setuid"), "#!/bin/sh\n").unwrap();
    chown(at("new/setuid"), Some(1000), Some(0)).unwrap();
    mode("new/setuid", 0o6711);
    let mut random = vec![0; 20 << 20];
    fs::File::open("/dev/urandom").unwrap().read_exact(&mut random).unwrap();
    fs::write(at("new/large"), random).unwrap();
    let attribute = |path: &Path, name: &str, value: &[u8]| {
        rustix::fs::lsetxattr(path, name, value, rustix::fs::XattrFlags::empty()).unwrap();
    };
    attribute(&at("new/a"), "user.note", b"bytes \0\xff");
    attribute(&at("etc/passwd"), "user.note", b"on a file of the image");
    attribute(&at("new/empty"), "user.note", b"on a directory");
    // A capability: cap_net_raw, permitted and effective.
    let capability = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    attribute(&at("new/with space"), "security.capability", &capability);
    let old = SystemTime::UNIX_EPOCH + Duration::new(1_234_567_890, 123_456_789);
    fs::File::open(at("new/nothing")).unwrap().set_modified(old).unwrap();
    fs::File::open(at("new/empty")).unwrap().set_modified(old).unwrap();
    fs::File::open(at("etc")).unwrap().set_modified(old).unwrap();
}
