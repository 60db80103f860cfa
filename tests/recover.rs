//! `drover recover` on a lab of real hosts: every pair of states that can be made by hand ends with the container
//! running exactly once, counting on, and with nothing of drover's left on either host.

#![allow(clippy::unwrap_used, reason = "tests may")]

mod support;

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use support::interrupted::Interrupted;
use support::moving::{Outcome, Scene};

fn command(scene: &Scene, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drover"));
    command.arg("recover").args(words).stdin(Stdio::null());
    command.env("DROVER_FLEET", scene.lab.fleet_file());
    command.env("XDG_STATE_HOME", scene.lab.state().join("laptop"));
    command
}

fn recover(scene: &Scene, words: &[&str]) -> Outcome {
    Scene::begin_of(command(scene, words)).end()
}

/// Asserts that the container runs on this host alone and counts on, and that nothing of the migration is left.
fn runs_alone(case: &Interrupted<'_>, host: &str) {
    let (scene, name) = (case.scene, case.name.as_str());
    let seen = scene.log(host, name).last().copied().unwrap_or(0);
    scene.counts_on(host, name, &case.id, seen);
    for host in ["h1", "h2"] {
        scene.nothing_of_ours(host);
        assert_eq!(
            scene.ssh(host, "ls /var/lib/drover 2>&1 || true"),
            "ls: cannot access '/var/lib/drover': No such file or directory"
        );
    }
    let other = if host == "h1" { "h2" } else { "h1" };
    assert_eq!(scene.ssh(other, &format!("podman ps -a --filter name={name} --format '{{{{.Names}}}}'")), "");
}

/// Recovers and asserts where the container then is, what was done, and that a second recovery finds nothing.
fn ends(case: &Interrupted<'_>, host: &str, actions: &[&str]) {
    let outcome = recover(case.scene, &["--json"]);
    assert_eq!(outcome.code, Some(0), "{outcome:#?}");
    let json = outcome.json();
    let found = json["transactions"].as_array().unwrap();
    assert_eq!(found.len(), 1, "{json:#}");
    assert_eq!(found[0]["tx"], case.tx.as_str());
    let did: Vec<&str> =
        found[0]["did"].as_array().unwrap().iter().map(|did| did["action"].as_str().unwrap()).collect();
    assert_eq!(did, actions, "{json:#}");
    let ended = if host == "h1" { "on-source" } else { "at-destination" };
    assert_eq!(found[0]["ended"], ended, "{json:#}");
    runs_alone(case, host);
    let again = recover(case.scene, &[]);
    assert_eq!(
        (again.code, again.stdout.as_str()),
        (Some(0), "no interrupted migration was found; nothing is to be done\n")
    );
}

/// Tests on one lab. Their names stand together, so they run together and the lab comes up once.
mod shared {
    use super::*;

    #[test]
    fn what_was_only_prepared_is_undone() {
        let Some(scene) = Scene::begin() else { return };
        let case = Interrupted::begin(&scene, "only-prepared");
        case.archive();
        case.source("prepared");
        case.destination("waiting");
        // Nothing holds the source, so it simply runs.
        ends(&case, "h1", &["undo-destination", "tidy"]);
    }

    #[test]
    fn a_frozen_source_thaws_when_nothing_was_promised() {
        let Some(scene) = Scene::begin() else { return };
        let case = Interrupted::begin(&scene, "not-handed");
        case.archive();
        case.source("dumped");
        case.destination("waiting");
        ends(&case, "h1", &["abort-both", "tidy"]);
    }

    #[test]
    fn a_promise_without_a_destination_is_given_back() {
        let Some(scene) = Scene::begin() else { return };
        let case = Interrupted::begin(&scene, "handed-waiting");
        case.archive();
        case.source("handed");
        case.destination("waiting");
        ends(&case, "h1", &["undo-destination", "thaw-source", "tidy"]);

        let case = Interrupted::begin(&scene, "handed-undone");
        case.archive();
        case.source("handed");
        case.destination("undone");
        ends(&case, "h1", &["thaw-source", "tidy"]);

        let case = Interrupted::begin(&scene, "handed-absent");
        case.source("handed");
        ends(&case, "h1", &["thaw-source", "tidy"]);
    }

    #[test]
    fn what_runs_at_the_destination_is_committed() {
        let Some(scene) = Scene::begin() else { return };
        for source in ["handed", "kept", "committed"] {
            let case = Interrupted::begin(&scene, &format!("{source}-restored"));
            case.archive();
            case.source(source);
            case.destination("restored");
            ends(&case, "h2", &["commit-forward", "tidy"]);
            scene.ssh("h2", &format!("podman rm --force --time 0 {}", case.name));
        }
    }

    #[test]
    fn kept_images_are_restored_when_the_destination_has_nothing() {
        let Some(scene) = Scene::begin() else { return };
        let case = Interrupted::begin(&scene, "kept-undone");
        case.archive();
        case.source("kept");
        case.destination("undone");
        ends(&case, "h1", &["restore-kept", "tidy"]);

        let case = Interrupted::begin(&scene, "kept-waiting");
        case.archive();
        case.source("kept");
        case.destination("waiting");
        ends(&case, "h1", &["undo-destination", "restore-kept", "tidy"]);
    }

    #[test]
    fn a_decision_to_undo_holds_for_whoever_comes_later() {
        let Some(scene) = Scene::begin() else { return };
        let case = Interrupted::begin(&scene, "undo-decided");
        case.archive();
        case.source("handed");
        case.destination("restored");
        scene.ssh("h2", &format!("ln -s undo /var/lib/drover/{}.decision", case.tx));
        ends(&case, "h1", &["undo-destination", "thaw-source", "tidy"]);
    }

    #[test]
    fn the_fallback_way_is_recovered_from_its_images() {
        let Some(scene) = Scene::begin() else { return };
        let mut case = Interrupted::begin(&scene, "fallback");
        case.way = "kept-images";
        case.source("prepared");
        let directory = format!("/run/drover/{}", case.tx);
        scene.ssh("h1", &format!("podman container checkpoint --tcp-established --file-locks fallback; rm {directory}/state {directory}/verdict"));
        ends(&case, "h1", &["restore-kept", "tidy"]);
    }

    #[test]
    fn a_source_that_was_started_anew_is_restored_from_its_images() {
        let Some(scene) = Scene::begin() else { return };
        let case = Interrupted::begin(&scene, "forgotten");
        case.source("kept");
        // After a restart only the record on disk is left.
        scene.ssh("h1", "rm -rf /run/drover");
        ends(&case, "h1", &["restore-kept", "tidy"]);
    }

    #[test]
    fn two_copies_are_an_alarm_and_nothing_is_deleted() {
        let Some(scene) = Scene::begin() else { return };
        let case = Interrupted::begin(&scene, "twice");
        case.archive();
        case.source("prepared");
        case.destination("restored");
        let outcome = recover(&scene, &[]);
        assert_eq!(outcome.code, Some(1), "{outcome:#?}");
        assert!(
            outcome.stdout.contains("twice RUNS TWICE: on h1 since 2")
                && outcome.stdout.contains("Nothing was deleted"),
            "{outcome:#?}"
        );
        assert_eq!(scene.places(&case.id), BTreeSet::from(["h1".to_owned(), "h2".to_owned()]));
        // A person chooses; then it goes on.
        scene.ssh("h1", "podman container stop --time 0 twice");
        scene.ssh("h1", "podman rm twice");
        ends(&case, "h2", &["tidy"]);
    }

    #[test]
    fn nothing_starts_while_the_destination_may_run_it() {
        let Some(scene) = Scene::begin() else { return };
        let case = Interrupted::begin(&scene, "cut-off");
        case.archive();
        case.source("handed");
        case.destination("restored");
        scene.host("h2").unplug();
        let outcome = recover(&scene, &[]);
        scene.host("h2").plug();
        assert_eq!(outcome.code, Some(9), "{outcome:#?}");
        assert!(outcome.stdout.contains("may run there, so nothing is started on h1"), "{outcome:#?}");
        support::wait_until("h2 answers", || {
            scene
                .lab
                .command("shell")
                .args(["h2", "--", "true"])
                .output()
                .unwrap()
                .status
                .success()
                .then_some(())
        });
        ends(&case, "h2", &["commit-forward", "tidy"]);
    }

    #[test]
    fn a_dry_run_only_looks_and_a_living_laptop_is_left_alone() {
        let Some(scene) = Scene::begin() else { return };
        let case = Interrupted::begin(&scene, "led");
        case.source("handed");
        let outcome = recover(&scene, &["--dry-run"]);
        assert_eq!(outcome.code, Some(0), "{outcome:#?}");
        assert!(outcome.stdout.contains("would be done: thaw the source"), "{outcome:#?}");
        let speak = format!("touch /run/drover/{}/verdict", case.tx);
        scene.ssh("h1", &speak);
        let outcome = recover(&scene, &["--dry-run", "--host", "h1"]);
        assert!(outcome.stdout.contains("under way, led by tester@laptop"), "{outcome:#?}");
        let outcome = recover(&scene, &["--host", "h3"]);
        assert!(outcome.stdout.contains("no interrupted migration"), "{outcome:#?}");
        scene.ssh("h1", &format!("touch -d '1 minute ago' /run/drover/{}/verdict", case.tx));
        ends(&case, "h1", &["thaw-source", "tidy"]);
    }

    #[test]
    fn two_laptops_at_once_do_no_harm() {
        let Some(scene) = Scene::begin() else { return };
        for (source, destination, host) in
            [("kept", "undone", "h1"), ("handed", "restored", "h2"), ("handed", "waiting", "h1")]
        {
            let case = Interrupted::begin(&scene, &format!("race-{source}-{destination}"));
            case.archive();
            case.source(source);
            case.destination(destination);
            let both = [(); 2].map(|()| Scene::begin_of(command(&scene, &[])));
            for outcome in both.map(support::moving::Moving::end) {
                assert_eq!(outcome.code, Some(0), "{outcome:#?}");
            }
            runs_alone(&case, host);
            scene.ssh(host, &format!("podman rm --force --time 0 {}", case.name));
        }
    }
}
