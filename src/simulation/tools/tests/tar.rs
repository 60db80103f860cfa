//! tar against the real one, and against itself.

use std::time::Duration;

use proptest::prelude::*;

use super::Twins;
use crate::simulation::machine::files::{Inode, Kind, Metadata, Node};
use crate::simulation::machine::machine_for_tests;
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::pipe::Pipe;
use crate::simulation::machine::process::Process;
use crate::simulation::machine::programs::{run_process, run_words};

/// A tree of all that an archive can hold.
#[derive(Clone, Debug)]
enum Tree {
    File(Vec<u8>, u32, Duration),
    Link(String),
    Fifo(u32),
    Directory(Vec<(String, Tree)>, u32, Duration),
}

fn trees() -> impl Strategy<Value = Tree> {
    let mode = prop_oneof![Just(0o644), Just(0o4755), Just(0o600), Just(0o1777)];
    let age =
        (0_u64..2_000_000_000, 0_u32..1_000_000_000).prop_map(|(seconds, nano)| Duration::new(seconds, nano));
    let name = prop_oneof!["[a-z]{1,8}", "[a-zé ü'\\\\]{1,8}", "[a-z]{90,140}"];
    let bytes = prop_oneof![
        Just(Vec::new()),
        prop::collection::vec(any::<u8>(), 1..600),
        (1_usize..200_000, any::<u8>()).prop_map(|(length, byte)| vec![byte; length]),
    ];
    let leaf = prop_oneof![
        4 => (bytes, mode.clone(), age.clone()).prop_map(|(bytes, mode, age)| Tree::File(bytes, mode, age)),
        1 => prop_oneof!["[a-z/.]{1,20}", "[a-z/]{101,150}"].prop_map(Tree::Link),
        1 => mode.clone().prop_map(Tree::Fifo),
    ];
    leaf.prop_recursive(3, 24, 6, move |inner| {
        (prop::collection::vec((name.clone(), inner), 0..6), mode.clone(), age.clone())
            .prop_map(|(names, mode, age)| Tree::Directory(names, mode, age))
    })
}

/// Makes a tree in a directory under a name, unless there is one.
fn make(process: &Process, directory: &Node, name: &str, tree: &Tree) {
    if directory.entry(name).is_ok() || name == "." || name == ".." {
        return;
    }
    let disk = &process.machine.disk;
    let metadata = |mode, modified| Metadata { mode, user: 7, group: 3_000_000, modified };
    let node = match tree {
        Tree::File(bytes, mode, age) => Inode::file(disk, bytes.clone(), metadata(*mode, *age)).unwrap(),
        Tree::Link(to) => Inode::new(disk, Kind::Link(to.clone()), metadata(0o777, Duration::from_secs(5))),
        Tree::Fifo(mode) => {
            Inode::new(disk, Kind::Fifo(Pipe::new()), metadata(*mode, Duration::from_secs(6)))
        }
        Tree::Directory(names, mode, age) => {
            let node = Inode::directory(disk, metadata(*mode, *age));
            for (name, inner) in names {
                make(process, &node, name, inner);
            }
            node
        }
    };
    directory.insert(name, node).unwrap();
}

/// A tree as text, with everything that should come through.
fn described(node: &Node, path: &str, nanoseconds: bool, lines: &mut Vec<String>) {
    let mut metadata = node.metadata();
    if !nanoseconds {
        metadata.modified = Duration::from_secs(metadata.modified.as_secs());
    }
    let content = match &node.kind {
        Kind::Link(to) => to.clone(),
        Kind::File(_) => format!("{:?}", node.content().unwrap().whole()),
        _ => String::new(),
    };
    lines.push(format!("{} {path} {metadata:?} {content}", node.type_letter()));
    for name in node.names().unwrap_or_default() {
        described(&node.entry(&name).unwrap(), &format!("{path}/{name}"), nanoseconds, lines);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn what_is_put_in_comes_out(tree in trees(), posix in any::<bool>()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let machine = machine_for_tests();
            let process = Process::new(&machine);
            let home = process.find("/root", LastLink::Follow).unwrap().node;
            let tree = Tree::Directory(vec![("inner".into(), tree)], 0o750, Duration::from_secs(1_000));
            make(&process, &home, "tree", &tree);
            let format = if posix { "--format=posix" } else { "--format=gnu" };
            let calls: [&[&str]; 3] = [
                &["tar", "-c", "-f", "/tmp/a.tar", format, "tree"],
                &["mkdir", "/root/out"],
                &["tar", "-x", "-f", "/tmp/a.tar", "-C", "out"],
            ];
            for words in calls {
                assert_eq!(run_words(&machine, words, b"").await, (0, String::new(), String::new()));
            }
            let text = |path: &str| {
                let mut lines = Vec::new();
                described(&process.find(path, LastLink::Follow).unwrap().node, "", posix, &mut lines);
                lines
            };
            assert_eq!(text("/root/out/tree"), text("/root/tree"));
        });
    }
}

/// Makes the same files on both sides.
async fn files(twins: &Twins) {
    let long = "n".repeat(120);
    twins.all_same("mkdir -p t/sub/empty -m 755", b"").await;
    twins.file("t/file", &[b'x'; 100_000]).await;
    twins.file("t/sub/small", b"small\n").await;
    twins.file("t/none", b"").await;
    twins.file(&format!("t/{long}"), b"long").await;
    twins.all_same("ln -s file t/link\nmkfifo -m 600 t/fifo\nln t/file t/sub/hard", b"").await;
    twins.all_same(&format!("ln -s {} t/far", "x/".repeat(70)), b"").await;
    let made = format!(
        "touch -h -d @1000000000.25 t/file t/sub/small t/none t/{long} t/link t/fifo t/far
        touch -d @1100000000 t/sub/empty
        touch -d @1100000001 t/sub
        touch -d @1100000002 t
        chmod 4750 t/sub/small
        chmod 644 t/file t/none t/{long}
        chmod 755 t t/sub t/sub/empty"
    );
    twins.all_same(&made, b"").await;
}

/// The bytes of a file on the simulated side, put where the real one can read them.
fn carry_out(twins: &Twins, name: &str, to: &str) {
    let place = twins.process().find(name, LastLink::Follow).unwrap();
    std::fs::write(twins.real_path(to), place.node.content().unwrap().whole()).unwrap();
}

async fn carry_in(twins: &Twins, name: &str, to: &str) {
    let bytes = std::fs::read(twins.real_path(name)).unwrap();
    let process = twins.process();
    let node = Inode::file(&twins.machine.disk, bytes, process.metadata(0o644)).unwrap();
    process.place(to, |_| Ok(node)).unwrap();
}

#[tokio::test(start_paused = true)]
async fn either_tar_reads_what_the_other_writes() {
    let Some(twins) = Twins::new().await else { return };
    files(&twins).await;
    for (index, format) in ["gnu", "posix"].into_iter().enumerate() {
        let (ours, theirs) = (format!("ours{index}"), format!("theirs{index}"));
        let option = format!("--format={format}");
        let create = |name| ["tar", "--create", "--file", name, option.as_str(), "--numeric-owner", "t"];
        assert_eq!(twins.simulated(&create(&ours), b"").await, (0, String::new(), String::new()));
        assert_eq!(twins.real(&create(&theirs), b""), (0, String::new(), String::new()));
        carry_out(&twins, &ours, &ours);
        carry_in(&twins, &theirs, &theirs).await;
        let sorted = |text: &str| {
            // Which of two names of one file comes first depends on the order of a real directory.
            let lines = text.lines().filter(|line| !line.contains("hard") && !line.ends_with("t/file"));
            let mut lines: Vec<String> = lines.map(str::to_owned).collect();
            lines.sort();
            lines
        };
        for name in [&ours, &theirs] {
            let words = ["tar", "-tvf", name];
            twins.same(&words, b"").await;
            let (real, simulated) = (twins.real(&words, b""), twins.simulated(&words, b"").await);
            assert!(real.1.lines().count() >= 10, "{}", real.1);
            twins.equal(&words, &sorted(&simulated.1), &sorted(&real.1));
        }
        twins.equal(
            &[&ours, &theirs],
            &sorted(&twins.real(&["tar", "-tvf", &ours], b"").1),
            &sorted(&twins.real(&["tar", "-tvf", &theirs], b"").1),
        );
        // And they make the same files of it, down to a fraction of a second where the format holds it.
        let (out, out2) = (format!("out{index}"), format!("outours{index}"));
        for (directory, archive) in [(&out, &theirs), (&out2, &ours)] {
            twins.all_same(&format!("mkdir {directory}\ntar -x -f {archive} -C {directory}"), b"").await;
            let words = ["find", directory.as_str(), "-printf", "%P %y %m %T@ %l %s\\n"];
            let lines = |text: String| {
                // A directory's size is the file system's own affair.
                let mut lines: Vec<String> = text
                    .lines()
                    .filter(|line| !line.starts_with(' '))
                    .map(|line| match line.contains(" d ") {
                        true => line.rsplit_once(' ').unwrap().0.to_owned(),
                        false => line.to_owned(),
                    })
                    .collect();
                lines.sort();
                lines
            };
            let (real, simulated) = (twins.real(&words, b"").1, twins.simulated(&words, b"").await.1);
            twins.equal(&words, &lines(simulated), &lines(real));
            twins.all_same(&format!("sha256sum {directory}/t/file {directory}/t/sub/hard"), b"").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tar_does_what_it_is_told_and_complains_as_gnu_tar() {
    let Some(twins) = Twins::new().await else { return };
    files(&twins).await;
    twins.file("list", b"t/none\0t/sub\0").await;
    twins.file("directories", b"t/sub\0").await;
    twins.file("junk", &[b'x'; 2000]).await;
    twins.file("nothing", b"").await;
    twins.file("add", b"added\n").await;
    let calls = "
        tar
        tar -c -x -f a
        tar -c -f a
        tar -c -f a missing
        tar -cf a t/none missing
        tar -tf a
        tar -tf missing
        tar -tf junk
        tar -xf junk
        tar -tf nothing
        tar --create --file b --format=posix --null --no-recursion --files-from=list
        tar -tf b
        tar --create --file c --null --no-recursion --files-from=list --recursion --files-from=directories
        tar --create --file d --null --files-from=nothing
        tar -tf d
        wc -c d
        tar -cf e -C t none -C sub small
        tar -tf e
        tar --append --file e add nothing
        tar --list --file e
        wc -c e
        tar -rf e missing
        tar -cvf f t/none t/sub/small
        tar -tvf f --numeric-owner
        tar -xOf e add
        tar -xvf e -C t/sub/empty add
        cat t/sub/empty/add
        tar -xf e nowhere
        tar -xf e -C nowhere
        tar -cf g --exclude=small --exclude=fifo t/sub
        tar -tf g
        tar -xf f --strip-components=1 -C t/sub/empty
        ls -R t/sub/empty
        tar czf h t/none
        tar -tf h
        tar tzf h
        tar -czf i.tgz t/sub/small
        tar xzf i.tgz -C t/sub/empty
        tar -cf - t/none --format=bad
        tar -cf .
        tar -xf f t/none t/sub
        ";
    // Where a directory's order shows, only one name is in it.
    twins.all_same(calls, b"").await;
    let (code, out, _) = twins.simulated(&["tar", "-tf", "c"], b"").await;
    assert_eq!((code, out.as_str()), (0, "t/none\nt/sub/\nt/sub/\nt/sub/empty/\nt/sub/hard\nt/sub/small\n"));
    let absolute = format!("{}/t/none", twins.path);
    twins.same(&["tar", "-cf", "absolute", &absolute], b"").await;
    let (code, out, errors) = twins.simulated(&["tar", "-tf", "absolute"], b"").await;
    assert_eq!((code, errors.as_str(), out.trim_end()), (0, "", &absolute[1..]));
    let (code, out, _) = twins.simulated(&["tar", "--version"], b"").await;
    assert!(code == 0 && out.starts_with("tar (GNU tar) "));
    // Half an archive.
    for side in ["theirs", "ours"] {
        let whole = match side {
            "theirs" => {
                twins.real(&["tar", "-cf", "whole", "t/file"], b"");
                std::fs::read(twins.real_path("whole")).unwrap()
            }
            _ => {
                twins.simulated(&["tar", "-cf", "whole", "t/file"], b"").await;
                twins.process().content("whole").unwrap().to_vec()
            }
        };
        let words = ["tar", "-xOf", "-"];
        let (code, _, errors) = twins.simulated(&words, &whole[..50_000]).await;
        let (real_code, _, real_errors) = twins.real(&words, &whole[..50_000]);
        // GNU tar says the first part once or twice.
        let last = |errors: String| errors.lines().last().unwrap_or_default().to_owned();
        twins.equal(&words, &(code, last(errors)), &(real_code, last(real_errors)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_is_told_and_leaves_no_room_taken() {
    let machine = machine_for_tests();
    let process = Process::new(&machine);
    let calls: [&[&str]; 2] =
        [&["mkdir", "/tmp/small"], &["mount", "-t", "tmpfs", "none", "-o", "size=64k", "/tmp/small"]];
    for words in calls {
        assert_eq!(run_words(&machine, words, b"").await.0, 0, "{words:?}");
    }
    run_words(&machine, &["tee", "/tmp/big"], &[b'x'; 100_000]).await;
    let (code, _, errors) =
        run_words(&machine, &["tar", "-cf", "/tmp/small/a", "-C", "/tmp", "big"], b"").await;
    assert_eq!(code, 2);
    assert!(errors.contains("Cannot write: No space left on device"), "{errors}");
    run_words(&machine, &["rm", "/tmp/small/a"], b"").await;
    run_words(&machine, &["tar", "-cf", "/tmp/good", "-C", "/tmp", "big"], b"").await;
    let (code, _, errors) = run_process(process, &["tar", "-xf", "/tmp/good", "-C", "/tmp/small"], b"").await;
    assert_eq!(
        (code, errors.as_str()),
        (
            2,
            "tar: big: Cannot write: No space left on device\ntar: Exiting with failure status due to previous errors\n"
        )
    );
    run_words(&machine, &["rm", "/tmp/small/big"], b"").await;
    let (_, out, _) = run_words(&machine, &["df", "-P", "-B1", "/tmp/small"], b"").await;
    assert!(out.lines().nth(1).is_some_and(|line| line.contains(" 65536 ") && line.contains(" 0%")), "{out}");
}
