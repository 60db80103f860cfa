//! Moves that cannot be or that break on the way: whatever happens, the container runs exactly once, counts on
//! from where it was, the message says what happened and where it is, and nothing stays behind.

#![allow(clippy::unwrap_used, reason = "tests may")]

mod support;

use rustix::process::Signal;
use support::Lab;
use support::case::{COUNTER, Case, SAMPLES};
use support::moving::Outcome;
use support::moving::Scene;
use support::wait_until;

/// Makes CRIU on a host fail at one of its stages, after it has done the work up to there.
fn criu_fails_at(scene: &Scene, host: &str, stage: &str) {
    let script = format!(
        "mkdir -p /etc/criu && printf '#!/bin/sh\\n[ \"$CRTOOLS_SCRIPT_ACTION\" != {stage} ]\\n' >/etc/criu/fail &&
         chmod 755 /etc/criu/fail && echo 'action-script /etc/criu/fail' >/etc/criu/default.conf"
    );
    scene.ssh(host, &script);
}

/// Tests on one lab. Their names stand together, so they run together and the lab comes up once.
mod shared {
    use super::*;

    #[test]
    fn too_little_memory_is_refused_before_the_freeze() {
        let Some(case) = Case::begin("roomy") else { return };
        let fleet = std::fs::read_to_string(case.scene.lab.fleet_file()).unwrap();
        let reserve = fleet.replace("[hosts.h2]", "[hosts.h2]\nmemory_reserve = \"3G\"");
        let file = case.scene.lab.state().join("reserve.toml");
        std::fs::write(&file, reserve).unwrap();
        let mut command = case.scene.command("roomy", "h1", "h2");
        command.env("DROVER_FLEET", file);
        let outcome = Scene::begin_of(command).end();
        outcome.says(16, &["h2", "available", "reserve", "3.00 GiB", "Nothing was touched"]);
        case.untouched();
        case.scene.nothing_left("h2", &[]);
    }

    #[test]
    fn a_missing_image_is_shipped() {
        let Some(case) = Case::begin("imaged") else { return };
        case.scene.ssh("h2", &format!("podman rmi --force {COUNTER} >/dev/null"));
        case.migrate("h2").says(0, &["is shipped first", "image  "]);
        case.scene.counts_on("h2", "imaged", &case.id, case.seen);
        case.scene.ssh("h2", &format!("podman image exists {COUNTER}"));
        case.scene.nothing_of_ours("h2");
    }

    #[test]
    fn another_image_of_the_same_name_keeps_its_name() {
        let Some(case) = Case::begin("namesake") else { return };
        let identity =
            |name: &str| case.scene.ssh("h3", &format!("podman image inspect --format '{{{{.Id}}}}' {name}"));
        case.scene.ssh(
            "h3",
            &format!(
                "podman rmi --force {COUNTER} >/dev/null 2>&1; tar -c -C /etc hostname | podman import --quiet - {COUNTER}"
            ),
        );
        let other = identity(COUNTER);
        let outcome = case.migrate("h3");
        let after = identity(COUNTER);
        case.scene.ssh("h3", &format!("podman untag {COUNTER}"));
        outcome.says(0, &[]);
        assert_eq!(after, other);
        case.scene.counts_on("h3", "namesake", &case.id, case.seen);
        let image = case.scene.ssh("h3", "podman inspect --format '{{.Image}}' namesake");
        case.scene.ssh("h3", &format!("podman tag {image} {COUNTER}"));
        assert_ne!(image, other);
    }

    #[test]
    fn a_taken_name_is_refused() {
        let Some(case) = Case::begin("taken") else { return };
        let other = case.scene.run("h2", "taken", &format!("{COUNTER} sh -c 'while :; do sleep 1000; done'"));
        case.migrate("h2").says(12, &["h2", "container taken is there already", "Nothing was touched"]);
        case.untouched();
        assert_eq!(case.scene.ssh("h2", "podman ps --quiet --no-trunc"), other, "the other one runs on");
        case.scene.nothing_of_ours("h2");
    }

    #[test]
    fn a_taken_port_is_refused() {
        let start = |scene: &Scene| scene.run("h1", "ported", &format!("--publish 7777:80 {COUNTER}"));
        let Some(case) = Case::with("ported", start) else { return };
        case.scene.run("h2", "listener", "--publish 7777:80 localhost/drover/counter:latest");
        case.migrate("h2").says(17, &["h2", "port 7777", "Nothing was touched"]);
        case.untouched();
        case.scene.nothing_of_ours("h2");
    }

    #[test]
    fn what_cannot_be_is_refused_in_words() {
        let Some(case) = Case::begin("asked") else { return };
        let scene = &case.scene;
        scene
            .migrate("asked", "h1", "h1")
            .says(5, &["h1 is both source and destination", "Nothing was touched"]);
        scene.migrate("nobody", "h1", "h2").says(10, &["h1", "no container “nobody”", "drover ps --host h1"]);
        let unknown = scene.migrate("asked", "h1", "h9");
        assert!(![Some(0), None].contains(&unknown.code) && unknown.stderr.contains("h9"), "{unknown:#?}");
        scene.run("h1", "over", COUNTER);
        scene.ssh("h1", "podman stop --time 0 over 2>&1");
        scene.migrate("over", "h1", "h2").says(11, &["h1", "over does not run", "podman start over"]);
        scene.run("h1", "brief", &format!("--rm {COUNTER}"));
        scene.migrate("brief", "h1", "h2").says(20, &["h1", "--rm"]);
        scene.ssh("h1", "podman pause asked");
        scene.migrate("asked", "h1", "h2").says(11, &["h1", "asked is paused", "podman unpause asked"]);
        assert_eq!(scene.ssh("h1", "podman inspect --format '{{.State.Status}}' asked"), "paused");
        scene.ssh("h1", "podman unpause asked; podman rm --force --time 0 brief over");
        case.untouched();
        scene.nothing_left("h2", &[]);
    }

    #[test]
    fn a_failing_restore_brings_the_container_back() {
        for stage in ["pre-restore", "post-restore"] {
            let Some(case) = Case::begin("returner") else { return };
            criu_fails_at(&case.scene, "h2", stage);
            let words = [
                "stage restore",
                "h2: the restore failed",
                "CRIU says: ",
                "Error (criu/",
                "returner runs on h1 again",
            ];
            case.migrate("h2").says(6, &words);
            case.back_and_nothing_on("h2");
            case.scene.ssh("h2", "rm /etc/criu/default.conf");
            case.moves_to("h2");
        }
    }

    #[test]
    fn a_failing_checkpoint_never_stops_the_container() {
        let Some(case) = Case::begin("stayer") else { return };
        criu_fails_at(&case.scene, "h1", "network-lock");
        let words = ["h1: the checkpoint failed", "CRIU says: ", "Error (criu/", "stayer runs on h1"];
        case.migrate("h2").says(6, &words);
        case.untouched();
        case.scene.nothing_left("h2", &[]);
        case.scene.ssh("h1", "rm /etc/criu/default.conf");
        case.moves_to("h2");
    }

    #[test]
    fn a_checkpoint_that_fails_after_the_commit_leaves_one_copy() {
        let Some(case) = Case::begin("late") else { return };
        // CRIU asks every action script, and one that refuses is enough to let the processes run on.
        criu_fails_at(&case.scene, "h1", "post-dump");
        case.moves_to("h2");
        case.scene.ssh("h1", "rm /etc/criu/default.conf");
        case.scene.nothing_left("h1", &SAMPLES);
    }

    #[test]
    fn what_criu_refuses_is_said_in_its_words() {
        // A connection to a program outside of the container, through a socket that is mounted into it.
        let start = |scene: &Scene| {
            let program =
                "use Socket; socket S, PF_UNIX, SOCK_STREAM, 0; connect S, pack_sockaddr_un(q(/sock)) or die;
                $| = 1; while (1) { print ++$n, qq(\\n); select undef, undef, undef, 0.5 }";
            let words = format!(
                "--volume /run/podman/podman.sock:/sock localhost/drover/web:latest perl -e '{program}'"
            );
            scene.run("h1", "plugged", &words)
        };
        let Some(case) = Case::with("plugged", start) else { return };
        let foreseen = ["external-socket", "[F38]", "--override external-socket", "Nothing was touched"];
        case.migrate("h2").says(19, &foreseen);
        case.untouched();
        let mut command = case.scene.command("plugged", "h1", "h2");
        command.args(["--override", "external-socket"]);
        let words = ["h1: the checkpoint failed", "CRIU says: ", "sk-unix", "plugged runs on h1"];
        Scene::begin_of(command).end().says(6, &words);
        case.untouched();
        case.scene.nothing_left("h2", &[]);
    }

    #[test]
    fn a_root_directory_of_another_mode_arrives() {
        let Some(case) = Case::begin("rooted") else { return };
        let root = "\"$(podman inspect --format '{{.GraphDriver.Data.MergedDir}}' rooted)\"";
        case.scene.ssh("h1", &format!("chmod 711 {root}; chown 12:34 {root}"));
        case.moves_to("h2");
        assert_eq!(case.scene.ssh("h2", &format!("stat -c '%a %u:%g' {root}")).trim(), "711 12:34");
    }

    #[test]
    fn a_probe_that_is_not_answered_brings_it_back_and_a_kept_copy_stays_stopped() {
        let Some(case) = Case::begin("probed") else { return };
        let migrate = |words: &[&str]| {
            let output = case.scene.command("probed", "h1", "h2").args(words).output().unwrap();
            Outcome {
                code: output.status.code(),
                stdout: String::from_utf8(output.stdout).unwrap(),
                stderr: String::from_utf8(output.stderr).unwrap(),
            }
        };
        let words = ["stage verify", "exec:nothing-like-it is not answered", "probed runs on h1 again"];
        migrate(&["--probe", "exec:nothing-like-it"]).says(6, &words);
        case.back_and_nothing_on("h2");
        migrate(&["--probe", "exec:/bin/sh -c :", "--keep", "8s"]).says(0, &[]);
        let look =
            "podman ps --all --filter id=$ID --format '{{.Names}} {{.State}}'".replace("$ID", &case.id);
        let kept = case.scene.ssh("h1", &look);
        assert!(kept.starts_with("probed-moved-") && kept.trim().ends_with("exited"), "{kept}");
        let policy = format!("podman inspect --format '{{{{.HostConfig.RestartPolicy.Name}}}}' {}", case.id);
        assert_eq!(case.scene.ssh("h1", &policy).trim(), "no");
        wait_until("it is removed in the end", || {
            case.scene.ssh("h1", &look).trim().is_empty().then_some(())
        });
        case.scene.counts_on("h2", "probed", &case.id, case.seen);
    }

    #[test]
    fn an_interrupt_during_the_transfer_brings_it_back() {
        let Some(case) = Case::heavy("stopped") else { return };
        case.scene.host("h2").slow("40mbit");
        let mut moving = case.scene.start("stopped", "h1", "h2");
        moving.until("checkpoint");
        moving.signal(Signal::INT);
        let outcome = moving.end();
        outcome.says(6, &["cancelling", "stage transfer: cancelled", "stopped runs on h1 again"]);
        case.back_and_nothing_on("h2");
        case.scene.host("h2").full_speed();
        case.moves_to("h2");
    }

    #[test]
    fn drover_killed_during_the_transfer_leaves_a_running_container() {
        let Some(case) = Case::heavy("orphan") else { return };
        case.scene.host("h2").slow("40mbit");
        let mut moving = case.scene.start("orphan", "h1", "h2");
        moving.until("checkpoint");
        moving.signal(Signal::KILL);
        assert_eq!(moving.end().code, None);
        // Nobody is left who could say it, so its processes must.
        case.scene.counts_on("h1", "orphan", &case.id, case.seen);
        case.back_and_nothing_on("h2");
        case.scene.host("h2").full_speed();
        case.moves_to("h2");
    }

    #[test]
    fn a_lost_destination_brings_it_back() {
        let Some(case) = Case::heavy("lost") else { return };
        case.scene.host("h2").slow("40mbit");
        let mut moving = case.scene.start("lost", "h1", "h2");
        moving.until("checkpoint");
        case.scene.host("h2").unplug();
        let outcome = moving.end();
        outcome.says(6, &["h2", "stage transfer", "lost runs on h1 again"]);
        case.back();
        case.scene.host("h2").plug();
        case.scene.host("h2").full_speed();
        // Unless it has something to send, its sshd notices only by its own keepalives, which take hours; what
        // has arrived is kept until then, and gone once it does notice.
        case.scene.host("h2").end(&case.scene.host("h2").processes_with("sshd-session"));
        case.moves_to("h2");
    }

    #[test]
    fn a_lost_source_brings_it_back_when_it_answers_again() {
        let Some(case) = Case::heavy("cut") else { return };
        case.scene.host("h2").slow("40mbit");
        let mut moving = case.scene.start("cut", "h1", "h2");
        moving.until("checkpoint");
        case.scene.host("h1").unplug();
        case.scene.wait_long("drover has noticed", || (!case.scene.host("h1").is_connected()).then_some(()));
        case.scene.host("h1").plug();
        let outcome = moving.end();
        outcome.says(6, &["h1", "stage transfer", "cut runs on h1 again"]);
        case.back_and_nothing_on("h2");
        case.scene.host("h2").full_speed();
        case.moves_to("h2");
    }

    #[test]
    fn a_connection_cut_by_either_host_brings_it_back() {
        for host in ["h1", "h2"] {
            let Some(case) = Case::heavy("severed") else { return };
            case.scene.host("h2").slow("40mbit");
            let before = case.scene.host(host).processes_with("sshd-session");
            let mut moving = case.scene.start("severed", "h1", "h2");
            moving.until("checkpoint");
            let sessions = case.scene.host(host).processes_with("sshd-session");
            let new: Vec<i32> = sessions.into_iter().filter(|session| !before.contains(session)).collect();
            case.scene.host(host).end(&new);
            let outcome = moving.end();
            outcome.says(6, &[host, "stage transfer", "severed runs on h1 again"]);
            case.back_and_nothing_on("h2");
        }
    }

    #[test]
    fn asked_for_twice_at_once_it_moves_once_or_stays() {
        let Some(case) = Case::begin("wanted") else { return };
        let scene = &case.scene;
        let both = [scene.start("wanted", "h1", "h2"), scene.start("wanted", "h1", "h3")];
        let [left, right] = both.map(|moving| moving.end());
        let host = match (left.code, right.code) {
            (Some(0), Some(code)) if code != 0 => "h2",
            (Some(code), Some(0)) if code != 0 => "h3",
            (Some(left), Some(right)) if left != 0 && right != 0 => "h1",
            _ => panic!("{left:#?} {right:#?}"),
        };
        scene.counts_on(host, "wanted", &case.id, case.seen);
        for host in ["h1", "h2", "h3"] {
            scene.nothing_of_ours(host);
        }
        let failed = if left.code == Some(0) { right } else { left };
        assert!(failed.stderr.contains("another migration of this container is under way"), "{failed:#?}");
    }

    #[test]
    fn a_full_disk_of_the_destination_is_refused() {
        let Some(case) = Case::heavy("bulky") else { return };
        let scene = &case.scene;
        scene.ssh(
            "h2",
            "mount -t tmpfs -o size=8m tmpfs /var/tmp && mount -t tmpfs -o size=8m tmpfs /dev/shm",
        );
        let outcome = case.migrate("h2");
        scene.ssh("h2", "umount /var/tmp /dev/shm");
        outcome.says(16, &["h2", "/var/tmp", "needed for the archive", "Nothing was touched"]);
        case.untouched();
        scene.nothing_left("h2", &[]);
    }

    #[test]
    fn a_source_without_room_for_the_checkpoint_goes_on() {
        let Some(case) = Case::heavy("cramped") else { return };
        // CRIU writes the checkpoint here before anything is sent.
        let directory = "\"$(podman inspect --format '{{.StaticDir}}' cramped)\"/checkpoint";
        let mount = format!("mkdir {directory} && mount -t tmpfs -o size=8m tmpfs {directory}");
        case.scene.ssh("h1", &mount);
        let outcome = case.migrate("h2");
        case.scene.ssh("h1", &format!("umount {directory}"));
        outcome
            .says(6, &["h1: the checkpoint failed", "CRIU says: ", "No space left on device", "runs on h1"]);
        case.untouched();
        case.scene.nothing_left("h2", &[]);
    }

    #[test]
    fn a_disk_that_fills_during_the_transfer_brings_it_back() {
        let Some(case) = Case::heavy("swollen") else { return };
        let scene = &case.scene;
        // The checks look at the whole storage; the images come into this part of it.
        scene.ssh("h2", "mount -t tmpfs -o size=60m none /var/lib/containers/storage/overlay-containers");
        let outcome = scene.start("swollen", "h1", "h2").end();
        outcome.says(6, &["h2", "stage transfer", "No space left on device", "swollen runs on h1 again"]);
        scene.ssh("h2", "umount -l /var/lib/containers/storage/overlay-containers");
        case.back_and_nothing_on("h2");
    }
}

#[test]
fn every_host_must_be_reachable() {
    let Some(lab) = Lab::unused("u") else { return };
    assert!(lab.up(&["--hosts", "2", "--memory", "512M"]).status.success());
    assert!(lab.command("kill").arg("h2").status().unwrap().success());
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_drover"));
    command.args(["migrate", "counter", "--from", "h1", "--to", "h2", "--yes"]);
    let output = command.env("DROVER_FLEET", lab.fleet_file()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("h2") && said.contains("not touched"), "{said}");
}
