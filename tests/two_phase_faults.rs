//! Whatever is killed, stopped or lost while a container moves in two phases, and whenever: it runs exactly once
//! (by the processes, not by what anybody says), counts on without a gap or a repetition, the message says where it is,
//! and nothing stays behind on either host.

#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stderr, reason = "tests may")]

mod support;

use rustix::process::Signal;
use support::case::{COUNTER, Case, SAMPLES};
use support::moving::{Moving, Scene};
use support::victim::Victim;
use support::wait_until;

/// Memory that takes some seconds at [`SLOWLY`], in MiB.
const MEMORY: u32 = 24;
const SLOWLY: &str = "40mbit";

fn heavy(name: &'static str) -> Option<Case> {
    Case::with(name, |scene| scene.heavy("h1", name, MEMORY))
}

/// Begins a move of which the transfer takes long, and goes on when the source is in this state.
fn slow_until(case: &Case, state: &str) -> Moving {
    case.scene.host("h2").slow(SLOWLY);
    let moving = case.scene.start(case.name, "h1", "h2");
    case.scene.host("h1").until_state(state);
    moving
}

/// Begins a move whose restore stops at this stage of CRIU's.
fn restoring_until(case: &Case, stage: &str) -> Moving {
    case.scene.criu_waits_at("h2", stage);
    let moving = case.scene.start(case.name, "h1", "h2");
    case.scene.until_criu_waits("h2");
    assert_eq!(case.scene.host("h1").state().as_deref(), Some("handed"));
    moving
}

/// Ends a move that has to fail in words and to leave the container on h1 alone.
fn comes_back(case: &Case, moving: Moving, words: &[&str]) {
    let outcome = moving.end();
    outcome.says(6, words);
    outcome.says(6, &["runs on h1 again"]);
    case.back_and_nothing_on("h2");
}

/// The connections of drover alone.
fn sessions(scene: &Scene, host: &str, before: &[i32]) -> Vec<i32> {
    let sessions = scene.host(host).processes_with("sshd-session");
    sessions.into_iter().filter(|session| !before.contains(session)).collect()
}

/// Tests on one lab. Their names stand together, so they run together and the lab comes up once.
mod shared {
    use super::*;

    #[test]
    #[ignore = "takes minutes; all: cargo test --test two_phase_faults -- --ignored"]
    fn killed_while_the_source_is_frozen() {
        for (host, victim, words) in [
            ("h1", Victim::Podman, &["h1: the checkpoint failed"][..]),
            ("h1", Victim::Supervisor, &["h1: the checkpoint failed"]),
            ("h1", Victim::Action, &["h1: the checkpoint failed"]),
            ("h1", Victim::Criu, &["h1: the checkpoint failed"]),
            ("h1", Victim::Runtime, &["h1: the checkpoint failed"]),
            ("h2", Victim::Podman, &["h2: "]),
            ("h2", Victim::Supervisor, &["h2: "]),
            ("h2", Victim::Wrapper, &["h2: "]),
            ("h2", Victim::Runtime, &["h2: "]),
        ] {
            eprintln!("{host} {victim:?}");
            let Some(case) = heavy("frozen") else { return };
            let moving = slow_until(&case, "dumped");
            case.scene.host(host).slay(victim);
            if (host, victim) == ("h1", Victim::Supervisor) {
                // Its checkpoint goes on without it, and the move may come to its end.
                let outcome = moving.end();
                let place = if outcome.code == Some(0) { "h2" } else { "h1" };
                case.scene.counts_on(place, case.name, &case.id, case.seen);
                case.scene.nothing_of_ours("h1");
                case.scene.nothing_of_ours("h2");
                continue;
            }
            comes_back(&case, moving, words);
        }
    }

    #[test]
    #[ignore = "takes minutes; all: cargo test --test two_phase_faults -- --ignored"]
    fn killed_while_the_destination_restores() {
        for (host, victim, words) in [
            ("h2", Victim::Criu, &["h2: the restore failed"][..]),
            ("h2", Victim::Podman, &["h2: the restore failed"]),
            ("h2", Victim::Supervisor, &["h2: the restore failed"]),
            ("h2", Victim::Runtime, &["h2: the restore failed"]),
        ] {
            for stage in ["pre-restore", "post-restore"] {
                eprintln!("{host} {victim:?} {stage}");
                let Some(case) = Case::begin("restoring") else { return };
                let moving = restoring_until(&case, stage);
                case.scene.host(host).slay(victim);
                case.scene.criu_goes_on("h2");
                comes_back(&case, moving, words);
            }
        }
    }

    /// Once it has handed over, the source must not run by itself, whatever dies there: the destination may run.
    #[test]
    #[ignore = "takes minutes; all: cargo test --test two_phase_faults -- --ignored"]
    fn killed_at_the_source_after_it_handed_over() {
        for victim in [Victim::Action, Victim::Criu, Victim::Podman, Victim::Supervisor, Victim::Runtime] {
            eprintln!("{victim:?}");
            let Some(case) = Case::begin("handed") else { return };
            let scene = &case.scene;
            let moving = restoring_until(&case, "post-restore");
            let last = *scene.log("h1", "handed").last().unwrap();
            scene.host("h1").slay(victim);
            // What would wake up by mistake has the time for it.
            scene.criu_goes_on("h2");
            let outcome = moving.end();
            let place = if outcome.code == Some(0) { "h2" } else { "h1" };
            assert_eq!(place, "h2", "{outcome:#?}");
            scene.counts_on(place, "handed", &case.id, last);
            scene.nothing_of_ours("h1");
            scene.nothing_of_ours("h2");
            scene.ssh("h1", "! podman container exists handed");
        }
    }

    #[test]
    #[ignore = "takes minutes; all: cargo test --test two_phase_faults -- --ignored"]
    fn drover_killed_while_it_prepares() {
        for state in ["preparing", "waiting"] {
            let Some(case) = Case::begin("early") else { return };
            let moving = case.scene.start("early", "h1", "h2");
            case.scene.host("h2").until_state(state);
            moving.signal(Signal::KILL);
            assert_eq!(moving.end().code, None);
            case.scene.wait_long("h2 gave up", || case.scene.host("h2").state().is_none().then_some(()));
            case.untouched();
            case.scene.nothing_left("h2", &[]);
        }
    }

    #[test]
    fn drover_killed_while_the_source_is_frozen() {
        let Some(case) = heavy("widow") else { return };
        let moving = slow_until(&case, "dumped");
        moving.signal(Signal::KILL);
        assert_eq!(moving.end().code, None);
        case.scene.wait_long("h2 gave up", || case.scene.host("h2").state().is_none().then_some(()));
        case.back_and_nothing_on("h2");
    }

    #[test]
    #[ignore = "takes minutes; all: cargo test --test two_phase_faults -- --ignored"]
    fn drover_killed_after_the_hand_over_leaves_one_copy_and_the_images() {
        let Some(case) = Case::begin("heir") else { return };
        let scene = &case.scene;
        let moving = restoring_until(&case, "pre-restore");
        moving.signal(Signal::KILL);
        assert_eq!(moving.end().code, None);
        scene.criu_goes_on("h2");
        scene.host("h2").until_state("restored");
        wait_until("it counts on", || {
            scene.log("h2", "heir").last().filter(|last| **last > case.seen).copied()
        });
        scene.wait_long("h1 gave up", || (scene.host("h1").state().as_deref() == Some("kept")).then_some(()));
        scene.counts_on("h2", "heir", &case.id, case.seen);
        scene.ssh(
            "h1",
            "test -s \"$(podman inspect --format '{{.StaticDir}}' heir)\"/checkpoint/inventory.img",
        );
        recover(scene, "heir", &case.id, "h1", "h2");
        scene.counts_on("h2", "heir", &case.id, case.seen);
        scene.nothing_left("h1", &SAMPLES);
        scene.nothing_of_ours("h2");
    }

    #[test]
    #[ignore = "takes minutes; all: cargo test --test two_phase_faults -- --ignored"]
    fn a_connection_cut_while_it_prepares_or_restores() {
        for host in ["h1", "h2"] {
            let Some(case) = Case::begin("cut") else { return };
            let before = sessions(&case.scene, host, &[]);
            let moving = case.scene.start("cut", "h1", "h2");
            case.scene.host("h2").until_state("waiting");
            case.scene.host(host).end(&sessions(&case.scene, host, &before));
            let outcome = moving.end();
            // The freeze may have begun in between.
            assert!([Some(4), Some(6)].contains(&outcome.code), "{outcome:#?}");
            assert!(outcome.stderr.contains(&format!("{host}: ")), "{outcome:#?}");
            let words = ["cut was not touched", "cut runs on h1 again"];
            assert!(words.iter().any(|words| outcome.stderr.contains(words)), "{outcome:#?}");
            case.back_and_nothing_on("h2");
        }
        for host in ["h1", "h2"] {
            let Some(case) = Case::begin("cut") else { return };
            let scene = &case.scene;
            let before = sessions(scene, host, &[]);
            let moving = restoring_until(&case, "pre-restore");
            scene.host(host).end(&sessions(scene, host, &before));
            scene.criu_goes_on("h2");
            comes_back(&case, moving, &[host]);
        }
    }

    #[test]
    #[ignore = "takes minutes; all: cargo test --test two_phase_faults -- --ignored"]
    fn a_drover_that_sleeps_while_the_source_is_frozen() {
        let Some(case) = heavy("sleeper") else { return };
        let moving = slow_until(&case, "dumped");
        moving.signal(Signal::STOP);
        case.scene.wait_long("h1 thawed it", || case.scene.host("h1").state().is_none().then_some(()));
        case.scene.wait_long("h2 gave up", || case.scene.host("h2").state().is_none().then_some(()));
        case.scene.counts_on("h1", "sleeper", &case.id, case.seen);
        moving.signal(Signal::CONT);
        let outcome = moving.end();
        outcome.says(6, &["sleeper runs on h1 again"]);
        // Whichever of the two it hears first.
        let words = ["the restore was given up here meanwhile", "the host let the container run on"];
        assert!(words.iter().any(|words| outcome.stderr.contains(words)), "{outcome:#?}");
        case.back_and_nothing_on("h2");
    }

    /// The source keeps the images by then; a destination that runs is all that is needed.
    #[test]
    #[ignore = "takes minutes; all: cargo test --test two_phase_faults -- --ignored"]
    fn a_drover_that_sleeps_while_the_destination_restores() {
        let Some(case) = Case::begin("dreamer") else { return };
        let scene = &case.scene;
        let moving = restoring_until(&case, "pre-restore");
        moving.signal(Signal::STOP);
        scene.criu_goes_on("h2");
        scene.wait_long("h1 gave up", || (scene.host("h1").state().as_deref() == Some("kept")).then_some(()));
        scene.counts_on("h2", "dreamer", &case.id, case.seen);
        moving.signal(Signal::CONT);
        moving.end().says(0, &[]);
        scene.counts_on("h2", "dreamer", &case.id, case.seen);
        scene.nothing_left("h1", &SAMPLES);
        scene.nothing_of_ours("h2");
    }

    #[test]
    #[ignore = "takes minutes; all: cargo test --test two_phase_faults -- --ignored"]
    fn a_destination_that_dies_waiting() {
        let Some(mut case) = heavy("waiter") else { return };
        let moving = slow_until(&case, "dumped");
        case.scene.kill("h2");
        case.scene.revive("h2");
        comes_back(&case, moving, &["h2"]);
    }

    #[test]
    #[ignore = "takes minutes; all: cargo test --test two_phase_faults -- --ignored"]
    fn a_destination_that_dies_restoring() {
        let Some(mut case) = Case::begin("restorer") else { return };
        let moving = restoring_until(&case, "post-restore");
        case.scene.kill("h2");
        case.scene.revive("h2");
        case.scene.criu_goes_on("h2");
        comes_back(&case, moving, &["h2"]);
    }

    #[test]
    #[ignore = "takes minutes; all: cargo test --test two_phase_faults -- --ignored"]
    fn a_source_that_dies_frozen() {
        let Some(mut case) = heavy("fallen") else { return };
        let moving = slow_until(&case, "dumped");
        case.scene.kill("h1");
        case.scene.revive("h1");
        comes_back(&case, moving, &["h1"]);
    }

    /// A namespace has no clock of its own; what asks the program `date` sees another time.
    #[test]
    #[ignore = "takes minutes; all: cargo test --test two_phase_faults -- --ignored"]
    fn clocks_that_are_an_hour_off() {
        for (host, sign) in [("h1", '+'), ("h1", '-'), ("h2", '-')] {
            let Some(case) = Case::begin("timeless") else { return };
            let scene = &case.scene;
            let script = format!(
                "printf '#!/bin/sh\\nseconds=$(/bin/date +%%s.%%N)\\ncase $1 in +%%s.%%N) echo $((${{seconds%%.*}} {sign} 3600)).${{seconds#*.}} ;; *) exec /bin/date \"$@\" ;; esac\\n' >/usr/local/bin/date && chmod 755 /usr/local/bin/date"
            );
            scene.ssh(host, &script);
            let mut command = scene.command("timeless", "h1", "h2");
            command.arg("--json");
            let outcome = Scene::begin_of(command).end();
            let used = scene.ssh(host, "command -v date; date +%s.%N; rm /usr/local/bin/date");
            outcome.says(0, &[]);
            assert!(used.starts_with("/usr/local/bin/date"), "{used}");
            let summary = outcome.json()["summary"].clone();
            let (downtime, total) =
                (summary["downtime"].as_f64().unwrap(), summary["total"].as_f64().unwrap());
            assert!(0.0 < downtime && downtime < total, "{host} {sign}: {downtime} of {total}");
            for mark in summary["marks"].as_array().unwrap() {
                let at = mark["at"].as_f64().unwrap();
                assert!((-1.0..total + 1.0).contains(&at), "{host} {sign}: {mark}");
            }
            scene.counts_on("h2", "timeless", &case.id, case.seen);
            scene.nothing_left("h1", &SAMPLES);
        }
    }

    #[test]
    #[ignore = "takes minutes; all: cargo test --test two_phase_faults -- --ignored"]
    fn asked_for_elsewhere_while_it_is_frozen() {
        let Some(case) = heavy("wanted") else { return };
        let moving = slow_until(&case, "dumped");
        for to in ["h2", "h3"] {
            let second = case.scene.migrate("wanted", "h1", to);
            assert!(![Some(0), None].contains(&second.code), "{second:#?}");
            // The engine may answer for a container that it is checkpointing only afterwards: then it is stopped or gone.
            let words =
                ["another migration of this container is under way", "no container “wanted”", "does not run"];
            assert!(words.iter().any(|words| second.stderr.contains(words)), "{second:#?}");
            assert!(second.stderr.contains("ot touched") || second.stderr.contains("Nothing was touched"));
        }
        moving.end().says(0, &[]);
        case.scene.counts_on("h2", "wanted", &case.id, case.seen);
        case.scene.nothing_left("h1", &SAMPLES);
        case.scene.nothing_of_ours("h2");
        case.scene.nothing_left("h3", &[]);
    }

    #[test]
    fn random_kills_lose_nothing_and_repeat_nothing() {
        let kills = number("DROVER_SOAK", 8);
        let Some(case) = Case::with("soaked", |scene| scene.run("h1", "soaked", COUNTER)) else { return };
        let scene = &case.scene;
        let seed = number("DROVER_SEED", u64::from(std::process::id()));
        eprintln!("{kills} kills from seed {seed}");
        let (mut random, mut here, mut seen) = (seed | 1, 0, case.seen);
        let hosts = ["h1", "h2", "h3"];
        let mut ends = std::collections::BTreeMap::<String, u32>::new();
        for kill in 0..kills {
            // xorshift
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let (from, to) = (hosts[here], hosts[(here + 1) % 3]);
            let moving = scene.start("soaked", from, to);
            std::thread::park_timeout(std::time::Duration::from_millis(random % 3000));
            moving.signal(Signal::KILL);
            let outcome = moving.end();
            let end = settle(scene, "soaked", &case.id, from, to);
            let places = scene.places(&case.id);
            assert_eq!(places.len(), 1, "kill {kill} of seed {seed}, {from} to {to}, {end}: {outcome:#?}");
            let place = places.first().unwrap().clone();
            here = hosts.iter().position(|host| *host == place).unwrap();
            scene.counts_on(&place, "soaked", &case.id, seen);
            seen = *scene.log(&place, "soaked").last().unwrap();
            for host in [from, to] {
                scene.nothing_of_ours(host);
            }
            *ends.entry(format!("{end}, {}", if place == to { "moved" } else { "stayed" })).or_default() += 1;
        }
        eprintln!("after {kills} kills at {seen}: {ends:#?}");
        // And it still moves.
        let (from, to) = (hosts[here], hosts[(here + 1) % 3]);
        scene.migrate("soaked", from, to).says(0, &[]);
        scene.counts_on(to, "soaked", &case.id, seen);
    }

    #[test]
    fn redis_hops_with_all_its_keys() {
        let hops = number("DROVER_HOPS", 4);
        let Some(scene) = Scene::begin() else { return };
        let id = scene.run("h1", "hopping", "localhost/drover/redis:latest");
        let call =
            |host: &str, words: &str| scene.ssh(host, &format!("podman exec hopping redis-cli {words}"));
        wait_until("it answers", || {
            (scene
                .lab
                .command("shell")
                .args(["h1", "--", "podman", "exec", "hopping", "redis-cli", "ping"])
                .output()
                .unwrap()
                .stdout
                .starts_with(b"PONG"))
            .then_some(())
        });
        call("h1", "eval 'for i = 1, 5000 do redis.call(\"SET\", \"key:\" .. i, i * i) end return 1' 0");
        let count = "eval 'local right = 0 for i = 1, 5000 do if redis.call(\"GET\", \"key:\" .. i) == tostring(i * i) then right = right + 1 end end return {right, redis.call(\"DBSIZE\")}' 0";
        let hosts = ["h1", "h2", "h3"];
        for hop in 0..hops as usize {
            let (from, to) = (hosts[hop % 3], hosts[(hop + 1) % 3]);
            scene.migrate("hopping", from, to).says(0, &[]);
            assert_eq!(call(to, &format!("set hop:{hop} {to}")), "OK");
            assert_eq!(call(to, count), format!("5000\n{}", 5001 + hop), "hop {hop}");
            assert_eq!(scene.places(&id), std::collections::BTreeSet::from([to.to_owned()]));
            scene.nothing_of_ours(from);
            scene.nothing_of_ours(to);
        }
    }
}

/// A number from the environment.
fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().map_or(default, |words| words.parse().unwrap())
}

/// Waits until neither host does anything by itself any more, and does by hand what the pair of their states asks for.
/// Answers with that pair.
fn settle(scene: &Scene, name: &str, id: &str, from: &str, to: &str) -> String {
    let states = || (scene.host(from).state(), scene.host(to).state());
    let (source, destination) = scene.wait_long("the hosts have settled", || {
        let (source, destination) = states();
        let over = |state: &Option<String>, words: &[&str]| {
            state.as_deref().is_none_or(|state| words.contains(&state))
        };
        (over(&source, &["committed", "kept", "handed"]) && over(&destination, &["restored"]))
            .then_some((source, destination))
    });
    if source.is_some() || destination.is_some() {
        recover(scene, name, id, from, to);
    }
    format!("{}/{}", source.as_deref().unwrap_or("-"), destination.as_deref().unwrap_or("-"))
}

/// The recovery of a move whose laptop is gone, by hand.
fn recover(scene: &Scene, name: &str, id: &str, from: &str, to: &str) {
    let word = |word: &str| {
        let script =
            "for words in /run/drover/*/words; do [ -p \"$words\" ] && echo \"$1\" 1<>\"$words\"; done; true";
        scene.ssh(from, &script.replace("$1", word));
    };
    let clear = format!(
        "rm -rf /run/drover/lock-{id} /run/drover/*/ /var/lib/drover/*.json; rmdir /run/drover /var/lib/drover 2>/dev/null; true"
    );
    let there = scene.host(to).state().as_deref() == Some("restored");
    let settled = ["committed", "kept", "lost"];
    if scene.host(from).state().as_deref() == Some("handed") {
        word(if there { "commit" } else { "abort" });
        scene.wait_long("the source has followed", || {
            let state = scene.host(from).state();
            state.is_none_or(|state| settled.contains(&state.as_str())).then_some(())
        });
    }
    if there {
        scene.ssh(from, &format!("podman container rm --ignore {name} >/dev/null && {clear}"));
        scene.ssh(to, &clear);
    } else if scene.host(from).state().is_some() {
        scene
            .ssh(from, &format!("podman container restore --tcp-established --file-locks {name} && {clear}"));
    }
}
