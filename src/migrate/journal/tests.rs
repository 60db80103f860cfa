//! What is said to the journal is there afterwards, whoever else writes and whatever ends.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use super::*;

fn begun(name: &str) -> Begun {
    Begun {
        container: ContainerId("c".repeat(64)),
        name: name.into(),
        from: HostName::new("h1").unwrap(),
        to: HostName::new("h2").unwrap(),
        from_address: "10.0.0.1:22".into(),
        to_address: "10.0.0.2:22".into(),
        way: Way::TwoPhase,
        predicted: Some(Times { total: 1.5, downtime: 0.25 }),
    }
}

async fn open(directory: &tempfile::TempDir) -> Journal {
    Journal::open(&directory.path().join("state/drover/journal.db")).await.unwrap()
}

#[tokio::test]
async fn a_transaction_is_read_back_as_it_was_told() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(&directory).await;
    let tx = TransactionId::random();
    journal.begin(&tx, begun("we\"b'; DROP TABLE records")).await.unwrap();
    journal.intent(&tx, "perform", json!({ "round": 1 })).await.unwrap();
    journal.outcome(&tx, "perform", json!({ "bytes": 32_000 })).await.unwrap();
    let open_ones = journal.open_transactions().await.unwrap();
    assert_eq!(open_ones.len(), 1);
    assert_eq!((&open_ones[0].tx, &open_ones[0].begun), (&tx, &begun("we\"b'; DROP TABLE records")));
    assert!(journal.interrupted().await.unwrap().is_empty(), "its process, this one, lives");

    journal.end(&tx, "moved", Some(Times { total: 1.6, downtime: 0.3 })).await.unwrap();
    journal.end(&tx, "back", None).await.unwrap();
    assert!(journal.open_transactions().await.unwrap().is_empty());
    let ended = &journal.history(10).await.unwrap()[0];
    assert_eq!(ended.outcome.as_deref(), Some("moved"), "the first end holds");
    assert_eq!(ended.measured, Some(Times { total: 1.6, downtime: 0.3 }));
    let records = journal.records(&tx).await.unwrap();
    let told: Vec<_> =
        records.iter().map(|record| (record.sequence, record.step.as_str(), record.kind)).collect();
    let expected = [
        (1, "begin", Kind::Intent),
        (2, "perform", Kind::Intent),
        (3, "perform", Kind::Outcome),
        (4, "end", Kind::Outcome),
    ];
    assert_eq!(told, expected);
    assert_eq!(records[2].detail, json!({ "bytes": 32_000 }));
}

#[tokio::test]
async fn the_history_is_newest_first_and_limited() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(&directory).await;
    for name in ["a", "b", "c"] {
        journal.begin(&TransactionId::random(), begun(name)).await.unwrap();
    }
    let names: Vec<String> =
        journal.history(2).await.unwrap().into_iter().map(|entry| entry.begun.name).collect();
    assert_eq!(names, ["c", "b"]);
}

#[tokio::test]
async fn a_record_of_an_unknown_transaction_is_refused_with_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(&directory).await;
    let error = journal.intent(&TransactionId::random(), "go", Value::Null).await.unwrap_err();
    assert!(error.to_string().contains("journal.db has no transaction"), "{error}");
}

#[tokio::test]
async fn only_its_owner_can_read_it() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(&directory).await;
    journal.begin(&TransactionId::random(), begun("web")).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(journal.path().parent().unwrap()), 0o700);
    let files: Vec<_> = std::fs::read_dir(journal.path().parent().unwrap()).unwrap().flatten().collect();
    assert!(files.len() >= 2, "the file and its log");
    for file in files {
        assert_eq!(mode(&file.path()), 0o600, "{:?}", file.path());
    }
}

#[tokio::test]
async fn it_is_kept_as_safely_as_sqlite_can() {
    let directory = tempfile::tempdir().unwrap();
    let journal = open(&directory).await;
    let (connection, _) = schema::open(journal.path()).unwrap();
    let number = |pragma: &str| connection.query_row(pragma, [], |row| row.get::<_, i64>(0)).unwrap();
    assert_eq!(number("PRAGMA synchronous"), 2, "FULL");
    assert_eq!(number("PRAGMA user_version"), 1);
    let mode: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn several_drovers_write_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("drover/journal.db");
    let writers = (0..4).map(|number| {
        let path = path.clone();
        tokio::spawn(async move {
            let journal = Journal::open(&path).await.unwrap();
            let tx = TransactionId::random();
            journal.begin(&tx, begun(&number.to_string())).await.unwrap();
            for round in 0..25 {
                journal.intent(&tx, "round", json!(round)).await.unwrap();
            }
            let records = journal.records(&tx).await.unwrap();
            let rounds: Vec<_> =
                records.iter().skip(1).map(|record| record.detail.as_i64().unwrap()).collect();
            assert_eq!(rounds, (0..25).collect::<Vec<_>>());
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    let journal = Journal::open(&path).await.unwrap();
    assert_eq!(journal.open_transactions().await.unwrap().len(), 4);
}

#[tokio::test]
async fn a_damaged_file_is_moved_aside_and_named() {
    for damage in
        [b"this is no database, and it is longer than a header of SQLite is.".as_slice(), &[0xff; 9000]]
    {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.db");
        std::fs::write(&path, damage).unwrap();
        let journal = Journal::open(&path).await.unwrap();
        let notice = journal.notice().unwrap().to_owned();
        assert!(notice.contains(path.to_str().unwrap()) && notice.contains("drover recover"), "{notice}");
        let names = std::fs::read_dir(directory.path()).unwrap().flatten().map(|file| file.file_name());
        let aside: Vec<_> = names.filter(|name| name.to_string_lossy().contains(".damaged-")).collect();
        assert_eq!(aside.len(), 1);
        assert_eq!(std::fs::read(directory.path().join(&aside[0])).unwrap(), damage, "nothing of it is lost");
        journal.begin(&TransactionId::random(), begun("web")).await.unwrap();
        assert_eq!(Journal::open(&path).await.unwrap().notice(), None, "the new one is sound");
    }
}

#[tokio::test]
async fn damage_inside_a_real_journal_is_noticed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    let journal = Journal::open(&path).await.unwrap();
    journal.begin(&TransactionId::random(), begun("web")).await.unwrap();
    drop(journal);
    let (connection, _) = schema::open(&path).unwrap();
    let _: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
    drop(connection);
    let mut bytes = std::fs::read(&path).unwrap();
    let page = 4096;
    assert!(bytes.len() > 2 * page);
    bytes[page..2 * page].fill(0x5a);
    std::fs::write(&path, bytes).unwrap();
    let journal = Journal::open(&path).await.unwrap();
    assert!(journal.notice().is_some_and(|notice| notice.contains("is damaged")), "{:?}", journal.notice());
}

#[tokio::test]
async fn a_newer_file_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal.db");
    drop(Journal::open(&path).await.unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.pragma_update(None, "user_version", 99).unwrap();
    let error = Journal::open(&path).await.unwrap_err();
    assert_eq!(error, JournalError::Newer { path: path.clone(), found: 99, known: 1 });
    assert!(std::fs::read_dir(directory.path()).unwrap().count() >= 1);
}

/// Not a test of its own: what [`killed_at_any_record_nothing_that_was_said_is_lost`] runs in a process of its own.
#[tokio::test]
async fn helper_that_is_killed() {
    let Some(path) = std::env::var_os("DROVER_TEST_JOURNAL") else { return };
    let journal = Journal::open(Path::new(&path)).await.unwrap();
    let tx = TransactionId::parse("0123456789abcdef").unwrap();
    journal.begin(&tx, begun("web")).await.unwrap();
    for step in ["prepare", "perform", "hand"] {
        journal.intent(&tx, step, Value::Null).await.unwrap();
        // The deed itself: it may only be done when the intent is on the disk.
        let mut deeds = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(format!("{}.deeds", path.display()))
            .unwrap();
        std::io::Write::write_all(&mut deeds, format!("{step}\n").as_bytes()).unwrap();
        journal.outcome(&tx, step, Value::Null).await.unwrap();
    }
    journal.end(&tx, "moved", None).await.unwrap();
}

#[tokio::test]
async fn killed_at_any_record_nothing_that_was_said_is_lost() {
    let tx = TransactionId::parse("0123456789abcdef").unwrap();
    for record in 1..=8_usize {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.db");
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "migrate::journal::tests::helper_that_is_killed"])
            .env("DROVER_TEST_JOURNAL", &path)
            .env("DROVER_CRASH_AFTER_RECORD", record.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&status),
            Some(9),
            "at record {record}: {status}"
        );
        let journal = Journal::open(&path).await.unwrap();
        assert_eq!(journal.notice(), None);
        let records = journal.records(&tx).await.unwrap();
        assert_eq!(records.len(), record, "exactly what was durable");
        let deeds = std::fs::read_to_string(format!("{}.deeds", path.display())).unwrap_or_default();
        for deed in deeds.lines() {
            let intent = |entry: &JournalRecord| entry.step == deed && entry.kind == Kind::Intent;
            assert!(records.iter().any(intent), "{deed} was done, and its intent is not there");
        }
        let interrupted = journal.interrupted().await.unwrap();
        assert_eq!(interrupted.len(), usize::from(record < 8), "killed after record {record}");
    }
}
