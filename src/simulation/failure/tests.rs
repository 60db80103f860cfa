use std::collections::BTreeSet;

use super::*;
use crate::simulation::scenario::Peculiarity;

/// What a simulated world knows of each failure.
const WORLD: [(&str, &str); 7] = [
    ("container", "counter"),
    ("id", "5bc2f59787b1"),
    ("pid", "4242"),
    ("log", "/var/lib/containers/storage/overlay-containers/5bc2f59787b1/userdata/dump.log"),
    ("archive", "/dev/shm/drover-1/archive"),
    ("image", "localhost/drover/counter:latest"),
    ("address", "10.88.0.5"),
];

#[test]
fn the_catalogue_is_read_to_its_end() {
    let text = include_str!("../failures.toml");
    let catalogue: Catalogue = toml::from_str(text).unwrap();
    assert_eq!(catalogue.failures.len(), text.matches("[[failures]]").count());
    assert_eq!(all(), catalogue.failures);
    assert!(all().len() >= 55, "{}", all().len());
}

#[test]
fn numbers_are_of_the_catalogue_in_order_and_there_once() {
    let numbers: Vec<u32> =
        all().iter().map(|one| one.id.strip_prefix('F').unwrap().parse().unwrap()).collect();
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    assert!(numbers.iter().all(|number| (1..=70).contains(number)), "{numbers:?}");
    for one in all() {
        assert_eq!(failure(&one.id), Some(one));
    }
    assert_eq!(failure("F0"), None);
    assert_eq!(failure("12"), None);
}

#[test]
fn every_stage_at_which_something_can_be_said_has_a_failure() {
    let stages: BTreeSet<Stage> = all().iter().flat_map(Failure::stages).collect();
    // The removal of the source's copy has none of its own: it fails with the host or the link.
    let expected = Stage::ALL.iter().map(|(_, stage)| *stage).filter(|stage| *stage != Stage::Remove);
    assert_eq!(stages, expected.collect());
}

#[test]
fn every_failure_says_what_its_speaker_would() {
    for one in all() {
        assert!(one.stages().next().is_some(), "{}", one.id);
        for stage in one.stages() {
            let stderr = one.stderr(stage, Runtime::Crun, &WORLD);
            let log = one.criu_log(stage, &WORLD);
            match one.speaker {
                Speaker::Nobody => {
                    assert!(stderr.is_empty() && log.is_empty() && one.exit_code == 0, "{}", one.id)
                }
                Speaker::Criu => {
                    assert!(log[0].starts_with("Error (c"), "{}", one.id);
                    assert!(log[0].contains(".c:"), "{}", one.id);
                    assert!(one.stderr.is_empty(), "{}", one.id);
                }
                Speaker::Podman | Speaker::Runtime => {
                    assert!(stderr.starts_with("Error: "), "{}: {stderr}", one.id);
                    assert!(log.is_empty(), "{}", one.id);
                }
            }
            assert_eq!(one.exit_code == 0, one.speaker == Speaker::Nobody, "{}", one.id);
            for text in log.iter().chain([&stderr]) {
                assert!(!text.contains(['{', '}']), "{}: a blank is left in {text}", one.id);
            }
        }
    }
}

#[test]
fn effects_fit_their_stages() {
    for one in all() {
        for stage in one.stages() {
            let effect = one.effect(stage).unwrap();
            let fits = match effect {
                Effect::Untouched => true,
                Effect::RunsOn | Effect::ExitedImagesKept => stage == Stage::Checkpoint,
                Effect::HalfMade | Effect::HalfMadeWithControlGroups => stage == Stage::Restore,
                Effect::RestoredThenDies | Effect::RestoredIncomplete => stage == Stage::Verify,
            };
            assert!(fits, "{} {stage:?} {effect:?}", one.id);
        }
    }
}

#[test]
fn blanks_are_filled_from_the_world_before_the_example() {
    let size = failure("F12").unwrap();
    assert_eq!(
        size.criu_log(Stage::Restore, &[("path", "data/dump.rdb")]),
        [
            "Error (criu/files-reg.c:2203): File data/dump.rdb has bad size 4 (expect 3)",
            "Error (criu/cr-restore.c:2605): Restoring FAILED."
        ]
    );
    let wrapped = size.stderr(Stage::Restore, Runtime::Crun, &[("log", "/x/restore.log")]);
    assert_eq!(
        wrapped,
        "Error: OCI runtime error: crun: CRIU restoring failed -52.  Please check CRIU logfile /x/restore.log"
    );
    let wrapped = size.stderr(Stage::Restore, Runtime::Runc, &[("log", "/x/restore.log")]);
    assert_eq!(
        wrapped,
        "Error: OCI runtime error: runc: criu failed: type NOTIFY errno 0\nlog file: /x/restore.log"
    );
    let rootless = failure("F5").unwrap();
    assert_eq!(
        rootless.stderr(Stage::Restore, Runtime::Crun, &[]),
        "Error: restoring a container requires root"
    );
    // A value is no text with blanks of its own.
    let name = failure("F11").unwrap().stderr(
        Stage::Restore,
        Runtime::Crun,
        &[("container", "{id}"), ("id", "5bc2")],
    );
    assert_eq!(name, "Error: name \"{id}\" is in use: container already exists");
}

#[test]
fn what_a_peculiar_container_fails_with_is_a_failure_of_the_checkpoint() {
    for (word, peculiarity) in Peculiarity::ALL {
        if let Some(id) = peculiarity.failure() {
            let failure = failure(id).unwrap_or_else(|| panic!("{word}: {id} is not in the catalogue"));
            assert_eq!(failure.effect(Stage::Checkpoint), Some(Effect::RunsOn), "{word}");
        }
    }
}
