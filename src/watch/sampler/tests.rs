use tokio::io::{AsyncBufReadExt, BufReader};

use super::super::testing::{Ending, LocalRemote, Opened, ScriptedRemote};
use super::*;
use crate::ssh::ExitStatus;

/// A frame as the loop prints it.
fn frame(sequence: &str, uptime: f64, ticks: u64) -> String {
    format!(
        "drover-begin {sequence} {uptime} 1700000000.5 {uptime} 2\n/proc/stat:cpu  {ticks} 0 0 {ticks} 0 0 0 0\n\
         /proc/meminfo:MemTotal: 100 kB\n/proc/meminfo:MemAvailable: 50 kB\ndrover-end {sequence}\n"
    )
}

struct Stage {
    lines: tokio::io::Lines<BufReader<tokio::io::DuplexStream>>,
    ended: Ending,
    pace: watch::Sender<Pace>,
    messages: mpsc::Receiver<WatchMessage>,
    task: tokio::task::JoinHandle<WatchEnd>,
}

async fn stage(pace: Pace) -> Stage {
    let (remote, mut opened) = ScriptedRemote::new(&[]);
    let (pace, receiver) = watch::channel(pace);
    let (out, messages) = mpsc::channel(8);
    let task = tokio::spawn(super::watch(Arc::new(remote), receiver, out));
    let Opened { what, stream, ended } = opened.recv().await.unwrap();
    assert!(what.starts_with("sh -c "), "{what}");
    Stage { lines: BufReader::new(stream).lines(), ended: ended.unwrap(), pace, messages, task }
}

impl Stage {
    async fn request(&mut self) -> String {
        self.lines.next_line().await.unwrap().unwrap()
    }

    async fn send(&mut self, text: &str) {
        self.lines.get_mut().get_mut().write_all(text.as_bytes()).await.unwrap();
    }

    async fn sample(&mut self) -> crate::watch::Sample {
        match self.messages.recv().await.unwrap() {
            WatchMessage::Sampled(sample) => sample,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_shown_host_is_asked_every_second() {
    let mut stage = stage(Pace::Shown).await;
    let start = Instant::now();
    for (number, ticks) in [("1", 100), ("2", 200), ("3", 300)] {
        assert_eq!(stage.request().await, number);
        stage.send(&frame(number, ticks as f64 / 100.0, ticks)).await;
        let sample = stage.sample().await;
        assert_eq!(sample.cpu, if number == "1" { None } else { Some(0.5) });
        assert_eq!(sample.memory_available, 50 * 1024);
        assert_eq!(sample.clock_skew_ms.is_some(), number != "1");
    }
    assert!((1_900..2_500).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_host_that_nobody_looks_at_is_asked_seldom_or_never() {
    let mut stage = stage(Pace::Hidden).await;
    let start = Instant::now();
    assert_eq!(stage.request().await, "1");
    stage.send(&frame("1", 1.0, 100)).await;
    stage.sample().await;
    assert_eq!(stage.request().await, "2");
    assert!((9_900..10_500).contains(&start.elapsed().as_millis()), "{:?}", start.elapsed());
    stage.send(&frame("2", 11.0, 200)).await;
    stage.sample().await;

    stage.pace.send(Pace::Off).unwrap();
    let quiet = tokio::time::timeout(Duration::from_secs(3600), stage.request()).await;
    assert!(quiet.is_err(), "{quiet:?}");

    let again = Instant::now();
    stage.pace.send(Pace::Shown).unwrap();
    assert_eq!(stage.request().await, "3");
    assert!(again.elapsed() < Duration::from_millis(100));
    stage.send(&frame("3", 3600.0, 300)).await;
    assert_eq!(stage.sample().await.cpu, None, "an hour is a gap");
}

#[tokio::test(start_paused = true)]
async fn a_silent_host_is_called_unresponsive_and_its_late_answer_has_no_rates() {
    let mut stage = stage(Pace::Shown).await;
    stage.request().await;
    stage.send(&frame("1", 1.0, 100)).await;
    stage.sample().await;
    stage.request().await;
    for seconds in [5, 10] {
        let WatchMessage::Unresponsive { waited } = stage.messages.recv().await.unwrap() else { panic!() };
        assert_eq!(waited.as_secs(), seconds);
    }
    stage.send(&frame("2", 12.0, 200)).await;
    assert_eq!(stage.sample().await.cpu, None);
    assert_eq!(stage.request().await, "3");
    stage.send(&frame("3", 13.0, 300)).await;
    assert_eq!(stage.sample().await.cpu, Some(0.5));
}

#[tokio::test(start_paused = true)]
async fn a_broken_answer_is_a_gap_and_the_next_one_counts() {
    let mut stage = stage(Pace::Shown).await;
    stage.request().await;
    stage.send("garbage\ndrover-begin 1 x\nmore\n").await;
    assert!(matches!(stage.messages.recv().await, Some(WatchMessage::Gap { .. })));
    assert_eq!(stage.request().await, "2");
    stage.send(&frame("77", 1.0, 100)).await;
    stage.send(&frame("2", 1.0, 100)).await;
    assert_eq!(stage.sample().await.host_clock_ms, 1_700_000_000_500);
}

#[tokio::test(start_paused = true)]
async fn a_flood_ends_the_watch() {
    let mut stage = stage(Pace::Shown).await;
    stage.request().await;
    let flood = "flood ".repeat(10_000);
    let task = &mut stage.task;
    let stream = stage.lines.get_mut().get_mut();
    let end = tokio::select! {
        end = task => end.unwrap(),
        () = async { while stream.write_all(flood.as_bytes()).await.is_ok() {} std::future::pending().await } => panic!(),
    };
    assert_eq!(end, WatchEnd::Flood);
}

#[tokio::test(start_paused = true)]
async fn the_end_says_why() {
    let mut stage1 = stage(Pace::Shown).await;
    stage1.request().await;
    stage1.ended.send(Ok((ExitStatus::Code(127), b"\nsh: grep: not found\n".to_vec()))).unwrap();
    drop(stage1.lines);
    let end = stage1.task.await.unwrap();
    assert_eq!(end.to_string(), "the sampling loop on the host ended: exit code 127: sh: grep: not found");

    let stage2 = stage(Pace::Shown).await;
    drop((stage2.ended, stage2.lines));
    assert_eq!(stage2.task.await.unwrap(), WatchEnd::Lost { cause: "the connection ended".into() });

    let stage3 = stage(Pace::Off).await;
    drop(stage3.messages);
    assert_eq!(stage3.task.await.unwrap(), WatchEnd::Stopped);
}

/// The loop as it is, against this machine's own /proc.
async fn sample_this_machine(shell: &[&str]) {
    let (pace, receiver) = watch::channel(Pace::Shown);
    let (out, mut messages) = mpsc::channel(8);
    let task = tokio::spawn(super::watch(Arc::new(LocalRemote::with_shell(shell)), receiver, out));
    let mut samples = Vec::new();
    while samples.len() < 2 {
        match tokio::time::timeout(Duration::from_secs(20), messages.recv()).await.unwrap().unwrap() {
            WatchMessage::Sampled(sample) => samples.push(sample),
            other => panic!("{shell:?}: {other:?}"),
        }
    }
    drop(pace);
    assert_eq!(task.await.unwrap(), WatchEnd::Stopped);
    for sample in &samples {
        assert!(sample.processors >= 1);
        assert!(sample.memory_total > 64 << 20, "{sample:?}");
        assert!(sample.memory_available > 0 && sample.memory_available < sample.memory_total, "{sample:?}");
        // Busybox's clock has whole seconds.
        assert!(sample.clock_skew_ms.is_none_or(|skew| skew.abs() < 2_000), "{sample:?}");
    }
    assert_eq!((samples[0].cpu, samples[0].clock_skew_ms), (None, None));
    assert!(samples[1].clock_skew_ms.is_some());
    assert!(samples[1].cpu.is_some_and(|share| (0.0..=1.0).contains(&share)), "{samples:?}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_loop_samples_this_machine() {
    sample_this_machine(&["sh"]).await;
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_loop_runs_in_busybox() {
    let Ok(applets) = std::process::Command::new("busybox").arg("--list").output() else {
        eprintln!("skipped: this machine has no busybox");
        return;
    };
    assert!(String::from_utf8_lossy(&applets.stdout).lines().any(|applet| applet == "sh"));
    sample_this_machine(&["busybox", "sh"]).await;
}
