//! Every shipped scenario driven to its end in virtual time: keys in, screens out.
//!
//! The screens are kept without their figures, which differ by milliseconds with the order in which tasks run.

use std::time::Duration;

use super::audience::Audience;

const SIZE: (u16, u16) = (120, 40);

/// Moves the chosen container to the destination whose line has this name, chosen with `j` from the dialog's top.
async fn moves(audience: &mut Audience, container: &str, to: &str) {
    choose(audience, container).await;
    audience.keys("m").sees(&format!("Move {container} from"), 10).await;
    // Down to the last destination, then up again.
    for key in ["j"; 10].into_iter().chain(["k"; 10]) {
        if audience.screen().contains(&format!("▸● {to} ")) {
            break;
        }
        audience.keys(key);
    }
    audience.sees(&format!("Checks for {to}"), 10).await;
    audience.until(Duration::from_secs(20), |screen| !screen.contains("… checking")).await;
}

/// Goes to the list of containers and chooses one.
async fn choose(audience: &mut Audience, container: &str) {
    audience.sees(&format!("{container} "), 30).await;
    audience.keys("<esc> <esc> <esc>");
    while !audience.screen().contains("▸ Containers") {
        audience.keys("<tab>");
    }
    audience.keys("g");
    for _ in 0..200 {
        if audience.screen().lines().any(|line| line.contains(&format!("▸{container} "))) {
            return;
        }
        audience.keys("j");
    }
    panic!("{container} cannot be chosen:\n{}", audience.screen());
}

#[tokio::test(start_paused = true)]
async fn healthy() {
    let mut audience = Audience::of("healthy", SIZE);
    audience.waits(Duration::from_secs(20)).await;
    insta::assert_snapshot!("healthy_fleet", audience.picture());
    moves(&mut audience, "cache", "h2").await;
    insta::assert_snapshot!("healthy_checks", audience.picture());
    audience.keys("<enter>").sees("✓ done", 60).await;
    audience.keys("d").waits(Duration::from_secs(2)).await;
    insta::assert_snapshot!("healthy_moved", audience.picture());
}

/// Moves the container and waits for one of two endings on the screen.
async fn ends(audience: &mut Audience, ending: &str, within_seconds: u64) {
    audience.keys("<enter>").sees(ending, within_seconds).await;
    audience.waits(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn hot_host() {
    let mut audience = Audience::of("hot-host", SIZE);
    audience.waits(Duration::from_secs(32)).await;
    insta::assert_snapshot!("hot_host_before", audience.picture());
    moves(&mut audience, "hammer", "h3").await;
    ends(&mut audience, "✓ done", 60).await;
    audience.keys("<esc>").waits(Duration::from_secs(30)).await;
    insta::assert_snapshot!("hot_host_after", audience.picture());
}

#[tokio::test(start_paused = true)]
async fn kernel_mismatch() {
    let mut audience = Audience::of("kernel-mismatch", SIZE);
    for (destination, word) in [("arm", "aarch64"), ("bare", "CRIU is not installed"), ("spare", "crun")] {
        moves(&mut audience, "counter", destination).await;
        assert!(audience.screen().contains("✗ error"), "{destination}:\n{}", audience.screen());
        assert!(audience.screen().contains(word), "{destination}:\n{}", audience.screen());
    }
    moves(&mut audience, "counter", "old").await;
    let screen = audience.screen();
    // Its processors lack what the container may use; that refusal can be passed over.
    assert!(screen.contains("! warning") && screen.contains("lack avx512"), "{screen}");
    audience.keys("o");
    let screen = audience.screen();
    assert!(screen.contains("o refuses again") && !screen.contains("✗ error"), "{screen}");
    moves(&mut audience, "counter", "twin").await;
    ends(&mut audience, "✓ done", 60).await;
    assert!(audience.screen().contains("counter new → twin"), "{}", audience.screen());
}

#[tokio::test(start_paused = true)]
async fn flaky_link() {
    let mut audience = Audience::of("flaky-link", SIZE);
    moves(&mut audience, "cache", "h2").await;
    ends(&mut audience, "it runs on h1 again", 180).await;
    insta::assert_snapshot!("flaky_link_cut", audience.picture());
    audience.keys("d").waits(Duration::from_secs(1)).await;
    insta::assert_snapshot!("flaky_link_story", audience.picture());
    audience.keys("<esc>").waits(Duration::from_secs(60)).await;
    moves(&mut audience, "cache", "h2").await;
    ends(&mut audience, "✓ done", 120).await;
    insta::assert_snapshot!("flaky_link_healed", audience.picture());
}

#[tokio::test(start_paused = true)]
async fn restore_fails() {
    let mut audience = Audience::of("restore-fails", SIZE);
    moves(&mut audience, "ledger", "h2").await;
    ends(&mut audience, "✗ failed", 60).await;
    audience.keys("d").waits(Duration::from_secs(1)).await;
    insta::assert_snapshot!("restore_fails_story", audience.picture());
    audience.keys("<esc>");
    moves(&mut audience, "ledger", "h2").await;
    ends(&mut audience, "✓ done", 60).await;
    insta::assert_snapshot!("restore_fails_again", audience.picture());
}

#[tokio::test(start_paused = true)]
async fn host_dies() {
    let mut audience = Audience::of("host-dies", SIZE);
    moves(&mut audience, "counter", "h2").await;
    ends(&mut audience, "it runs on h1 again", 240).await;
    audience.keys("d").waits(Duration::from_secs(1)).await;
    insta::assert_snapshot!("host_dies_story", audience.picture());
    audience.keys("<esc>").waits(Duration::from_secs(60)).await;
    moves(&mut audience, "counter", "h2").await;
    ends(&mut audience, "✓ done", 60).await;
    insta::assert_snapshot!("host_dies_again", audience.picture());
}

#[tokio::test(start_paused = true)]
async fn hundred_hosts() {
    let mut audience = Audience::of("hundred-hosts", SIZE);
    audience.sees("100/100", 60).await;
    audience.waits(Duration::from_secs(5)).await;
    let screen = audience.screen();
    assert!(screen.contains("Hosts (100)") && screen.contains("Containers on h001 (30)"), "{screen}");
    audience.keys("<enter> / r e d i s <enter>").waits(Duration::from_secs(1)).await;
    assert!(audience.screen().contains("(6 of 30)"), "{}", audience.screen());
    audience.keys("m").sees("Checks for", 10).await;
    audience.until(Duration::from_secs(20), |screen| !screen.contains("… checking")).await;
    ends(&mut audience, "✓ done", 60).await;
}
