//! A migration's stages on their time line, and how it ended.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

use crate::console::look::Look;
use crate::console::theme::Meaning;
use crate::console::widgets::{Focused, pane, part, put, put_right, row, stage_bar};
use crate::fleet::{bytes, seconds};
use crate::migrate::Stage;
use crate::session::{MigrationTrack, Phase, StageTrack, State, Tone, cut, failure_summary, wrap};

const WORD: u16 = 11;
const SECONDS: u16 = 8;
const RATE: u16 = 10;
const SHARE: u16 = 5;

/// The pane.
pub(crate) fn migration(state: &State, track: &MigrationTrack, look: &Look, area: Rect, buffer: &mut Buffer) {
    let theme = &look.theme;
    let elapsed = track.elapsed(state.shown_ms);
    let (word, meaning) = match &track.phase {
        Phase::Running => (format!(" running {} ", seconds(elapsed)), Meaning::Migration),
        Phase::Cancelling => (" being cancelled ".into(), Meaning::Warning),
        Phase::Finished(_) => (" ✓ done ".into(), Meaning::Good),
        Phase::Failed(_) => (" ✗ failed ".into(), Meaning::Error),
    };
    let right = vec![Span::styled(word, theme.text(meaning).add_modifier(Modifier::BOLD))];
    let number = match state.migrations.len() {
        1 => String::new(),
        _ => format!(" {}", track.id.0),
    };
    let title = format!("Migration{number}: {} {} → {}", track.name(), track.request.from, track.request.to);
    let inner = pane(buffer, area, look, Focused::No, &title, right, "");
    let inner = Rect::new(inner.x + 1, inner.y, inner.width.saturating_sub(2), inner.height);
    let mut ending = ending(track, inner.width);
    let height = usize::from(inner.height);
    if ending.len() > height {
        ending.truncate(height.saturating_sub(1));
        ending.push((Tone::Quiet, "… d shows the rest".into()));
    }
    let kept = u16::try_from(ending.len()).unwrap_or(inner.height).min(inner.height);
    let room = inner.height - kept;
    stages(track, look, elapsed, Rect::new(inner.x, inner.y, inner.width, room), buffer);
    for (number, (tone, text)) in (room..).zip(&ending) {
        if let Some(line) = row(inner, number) {
            put(buffer, line, Line::styled(cut(text, inner.width), dress(*tone, look)));
        }
    }
}

/// How a line of a story is shown.
pub(super) fn dress(tone: Tone, look: &Look) -> ratatui::style::Style {
    let theme = &look.theme;
    match tone {
        Tone::Plain => theme.text(Meaning::Text),
        Tone::Heading => theme.text(Meaning::Strong),
        Tone::Good => theme.text(Meaning::Good),
        Tone::Warning => theme.text(Meaning::Warning),
        Tone::Error => theme.text(Meaning::Error),
        Tone::Quiet => theme.text(Meaning::Muted),
    }
}

fn ending(track: &MigrationTrack, width: u16) -> Vec<(Tone, String)> {
    match &track.phase {
        Phase::Running | Phase::Cancelling => Vec::new(),
        Phase::Finished(summary) => {
            let times = format!("total {} · downtime {}", seconds(summary.total), seconds(summary.downtime));
            let data = format!(" · {}, {} on the wire", bytes(summary.bytes), bytes(summary.wire_bytes));
            let whole = times.chars().count() + data.chars().count() <= usize::from(width);
            vec![(Tone::Heading, if whole { times + &data } else { times })]
        }
        Phase::Failed(failure) => {
            let wrapped = |(tone, text): (Tone, String)| {
                wrap(&text, width).into_iter().map(move |line| (tone, line)).collect::<Vec<_>>()
            };
            failure_summary(failure).into_iter().flat_map(wrapped).collect()
        }
    }
}

/// As many stages as fit: those that have something to say first.
fn stages(track: &MigrationTrack, look: &Look, elapsed: f64, area: Rect, buffer: &mut Buffer) {
    let all: Vec<(Stage, StageTrack)> = track.stages().collect();
    let skipped = |(_, progress): &&(Stage, StageTrack)| {
        !track.runs() && matches!(progress, StageTrack::Waiting) && !failed_in(track, Stage::Checks)
    };
    let over = usize::from(area.height) < all.len();
    let lines: Vec<_> = all.iter().filter(|line| !(over && (skipped(line) || idle(line)))).collect();
    let hidden = lines.len().saturating_sub(usize::from(area.height));
    for (number, (stage, progress)) in (0..).zip(lines.into_iter().skip(hidden)) {
        let Some(line) = row(area, number) else { break };
        stage_line(track, look, elapsed, *stage, *progress, line, buffer);
    }
}

fn idle((_, progress): &&(Stage, StageTrack)) -> bool {
    matches!(progress, StageTrack::Waiting)
}

fn failed_in(track: &MigrationTrack, stage: Stage) -> bool {
    matches!(&track.phase, Phase::Failed(failure) if failure.stage == stage)
}

fn stage_line(
    track: &MigrationTrack,
    look: &Look,
    elapsed: f64,
    stage: Stage,
    progress: StageTrack,
    line: Rect,
    buffer: &mut Buffer,
) {
    let theme = &look.theme;
    let failed = failed_in(track, stage);
    let (mark, meaning) = match progress {
        _ if failed => ("✗", Meaning::Error),
        StageTrack::Waiting => ("·", Meaning::Muted),
        StageTrack::Running { .. } => ("▸", Meaning::Migration),
        StageTrack::Done(_) => ("✓", Meaning::Good),
    };
    let name =
        if matches!(progress, StageTrack::Waiting) && !failed { Meaning::Muted } else { Meaning::Text };
    put(
        buffer,
        line,
        Line::from(vec![
            Span::styled(format!("{mark} "), theme.text(meaning)),
            Span::styled(stage.word(), theme.text(name)),
        ]),
    );
    let (span, moved, expected) = match progress {
        StageTrack::Waiting => return,
        StageTrack::Running { start, at, bytes, expected } => {
            let end = if track.runs() { elapsed } else { at };
            ((start, end.max(start)), (bytes > 0).then_some((bytes, at - start)), expected)
        }
        StageTrack::Done(time) => {
            ((time.start, time.start + time.seconds), time.bytes.map(|count| (count, time.seconds)), None)
        }
    };
    let share = if line.width >= 60 { SHARE } else { 0 };
    let figures = SECONDS + RATE + share + 1;
    let bar = line.width.saturating_sub(2 + WORD + figures);
    let colour = match progress {
        _ if failed => Meaning::Error,
        StageTrack::Done(_) => Meaning::Good,
        _ => Meaning::Migration,
    };
    stage_bar(buffer, part(line, 2 + WORD, bar), look, (span.0, span.1, elapsed), colour);
    let from = 2 + WORD + bar;
    put_right(buffer, part(line, from, SECONDS), &seconds(span.1 - span.0), theme.text(Meaning::Strong));
    if let Some((count, time)) = moved {
        put_right(
            buffer,
            part(line, from + SECONDS + 1, RATE),
            &rate(count, time),
            theme.text(Meaning::Text),
        );
        if let Some(expected) = expected.filter(|expected| *expected > 0 && share > 0) {
            let percent = crate::session::percent(count as f64 / expected as f64);
            let place = part(line, from + SECONDS + 1 + RATE, share);
            put_right(buffer, place, &format!("{percent}%"), theme.text(Meaning::Muted));
        }
    }
}

/// Megabytes (10^6) per second, in at most ten characters.
fn rate(count: u64, time: f64) -> String {
    if time <= 0.0 {
        return String::new();
    }
    let rate = count as f64 / 1e6 / time;
    if rate < 99.95 { format!("{rate:.1} MB/s") } else { format!("{:.0} MB/s", rate.min(99_999.0)) }
}
