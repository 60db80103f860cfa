//! The console on a real terminal with a made-up world, for the tests that need a process of its own.
//!
//! `cargo test --lib -- --ignored --exact console::demo::plays --nocapture` shows it to a person.

use std::time::Duration;

use tokio::sync::mpsc;

use super::{ConsoleOptions, Ending, World, run};
use crate::migrate::{MigrationEvent, MigrationId, Request, Stage, Summary, Way};
use crate::session::sample_fleet::*;
use crate::session::{Effect, Happening, LinkState, Question, QuestionId, QuestionKind};

/// Answers to effects as hosts would give them, only quicker and never wrong.
async fn answer(effect: Effect, events: mpsc::Sender<Happening>) {
    match effect {
        Effect::Consider(request) => {
            tokio::time::sleep(Duration::from_millis(400)).await;
            let checks = if request.to == name("h3") { bad_checks() } else { good_checks() };
            let _ = events.send(Happening::Considered { request, checks }).await;
        }
        Effect::Migrate(id, request) => migrate(id, request, events).await,
        _ => {}
    }
}

async fn migrate(id: MigrationId, request: Request, events: mpsc::Sender<Happening>) {
    let tell = async |event| {
        let _ = events.send(Happening::Migration { id, event }).await;
    };
    let lengths = [0.3, 0.7, 0.6, 2.4, 0.7, 0.1, 0.2];
    tell(MigrationEvent::Started { request: request.clone() }).await;
    let mut at = 0.0;
    let mut stages = Vec::new();
    for (stage, seconds) in Stage::ALL.into_iter().zip(lengths) {
        tell(MigrationEvent::StageStarted { stage, at }).await;
        let bytes = matches!(stage, Stage::Image | Stage::Transfer).then_some((seconds * 98e6) as u64);
        for part in 1..=10u32 {
            tokio::time::sleep(Duration::from_secs_f64(seconds / 10.0)).await;
            if let Some(all) = bytes {
                let (bytes, at) = (all / 10 * u64::from(part), at + seconds / 10.0 * f64::from(part));
                tell(MigrationEvent::Progress { stage, at, bytes, expected: Some(all) }).await;
            }
        }
        let time = time(stage, at, seconds, bytes);
        tell(MigrationEvent::StageFinished { time }).await;
        stages.push(time);
        at += seconds;
    }
    let (bytes, wire_bytes) = (235_200_000, 87_000_000);
    let summary = Summary {
        request,
        stages,
        total: at,
        downtime: 3.8,
        client_gap: None,
        bytes,
        wire_bytes,
        warnings: Vec::new(),
        way: Way::TwoPhase,
        marks: Vec::new(),
    };
    tell(MigrationEvent::Finished { summary }).await;
}

async fn world(events: mpsc::Sender<Happening>) {
    for what in fleet() {
        let _ = events.send(what).await;
    }
    let refused = LinkState::Refused { cause: "the host key changed: line 3 of known_hosts".into() };
    let away = LinkState::Retrying { cause: "no route to host 192.0.2.7".into(), next_try_at_ms: 60_000 };
    let mut fleet =
        vec![started(&["h1", "h2", "h3", "h4", "h5"]), live("h1", 3), live("h2", 4), live("h3", 11)];
    fleet.extend(self::fleet().into_iter().filter(|what| matches!(what, Happening::Containers { .. })));
    fleet.push(Happening::Link { host: name("h4"), state: away });
    fleet.push(Happening::Link { host: name("h5"), state: refused });
    for what in fleet {
        let _ = events.send(what).await;
    }
    if std::env::var("DROVER_DEMO").is_ok_and(|wanted| wanted == "question") {
        let text = "Passphrase for ~/.ssh/id_ed25519".to_string();
        let question = Question { id: QuestionId(1), host: name("h2"), text, kind: QuestionKind::Secret };
        let _ = events.send(Happening::Asked { question }).await;
    }
    for second in 0u32.. {
        let wave = f64::from(second % 20) / 20.0;
        let wave = (wave * std::f64::consts::TAU).sin() * 0.45 + 0.5;
        let own =
            [("c0ffee01", 0.004, 3 * MIB), ("c0ffee02", 0.6 * wave, 211 * MIB), ("c0ffee03", 0.02, 24 * MIB)];
        for what in [
            sampled("h1", sample(wave, 2 * GIB, 2 * GIB - 1500 * MIB, &own)),
            sampled("h2", sample(0.07, 2 * GIB, 2 * GIB - 410 * MIB, &[("beef0001", 0.01, 9 * MIB)])),
            sampled("h3", sample(0.97, 2 * GIB, 2 * GIB - (1000 + u64::from(second % 40) * 20) * MIB, &[])),
        ] {
            if events.send(what).await.is_err() {
                return;
            }
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a terminal; the tests of the terminal start it in one of their own"]
async fn plays() {
    let (events, event_end) = mpsc::channel(64);
    let (effect_end, mut effects) = mpsc::channel(16);
    let (secret_end, mut secrets) = mpsc::channel(4);
    tokio::spawn(world(events.clone()));
    tokio::spawn(async move {
        while let Some(effect) = effects.recv().await {
            if matches!(&effect, Effect::Reconnect(_))
                && std::env::var("DROVER_DEMO").is_ok_and(|w| w == "panic")
            {
                panic!("a fault made for a test");
            }
            tokio::spawn(answer(effect, events.clone()));
        }
    });
    tokio::spawn(async move { while secrets.recv().await.is_some() {} });
    let world = World {
        began: tokio::time::Instant::now(),
        events: event_end,
        effects: effect_end,
        secrets: secret_end,
    };
    let ended = run(ConsoleOptions::default(), world).await;
    match ended {
        Ok(ended) => {
            assert!(matches!(ended.ending, Ending::Quit | Ending::Terminated));
            println!("ended: {:?}", ended.ending);
        }
        Err(error) => println!("ended: {error}"),
    }
}
