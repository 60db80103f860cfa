//! Times as the engines write them.

use std::time::Duration;

/// Go's zero time: never.
pub const NEVER: &str = "0001-01-01T00:00:00Z";

/// Go's zero time as seconds since 1970.
pub const NEVER_SECONDS: i64 = -62_135_596_800;

fn timestamp(since_1970: Duration) -> jiff::Timestamp {
    let seconds = i64::try_from(since_1970.as_secs()).unwrap_or(i64::MAX);
    let nanoseconds = i32::try_from(since_1970.subsec_nanos()).unwrap_or_default();
    jiff::Timestamp::new(seconds, nanoseconds).unwrap_or(jiff::Timestamp::MAX)
}

/// RFC 3339 with as many digits as it needs.
pub fn stamp(since_1970: Duration) -> String {
    timestamp(since_1970).to_string()
}

/// RFC 3339, or Go's zero time.
pub fn stamp_or_never(since_1970: Option<Duration>) -> String {
    since_1970.map_or_else(|| NEVER.into(), stamp)
}

/// As conmon stamps the lines of a log: nine digits and an offset.
pub fn log_stamp(since_1970: Duration) -> String {
    let text = timestamp(since_1970).strftime("%Y-%m-%dT%H:%M:%S").to_string();
    format!("{text}.{:09}+00:00", since_1970.subsec_nanos())
}

/// As Go prints a time: `2026-11-21 15:07:17.609789041 +0000 UTC`.
pub fn go(since_1970: Duration) -> String {
    let text = timestamp(since_1970).strftime("%Y-%m-%d %H:%M:%S").to_string();
    let fraction = format!(".{:09}", since_1970.subsec_nanos());
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    format!("{text}{fraction} +0000 UTC")
}

/// How long ago, in the words of Docker's go-units, which Podman uses too.
pub fn human(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (minutes, hours) = (seconds / 60, (seconds + 1_800) / 3_600);
    match seconds {
        0 => "Less than a second".into(),
        1 => "1 second".into(),
        2..60 => format!("{seconds} seconds"),
        60..120 => "About a minute".into(),
        _ if minutes < 60 => format!("{minutes} minutes"),
        _ if hours == 1 => "About an hour".into(),
        _ if hours < 48 => format!("{hours} hours"),
        _ if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        _ if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        _ if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", hours / 24 / 365),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_look_like_go_s() {
        let time = Duration::new(1_795_273_430, 556_543_760);
        assert_eq!(stamp(time), "2026-11-21T15:03:50.55654376Z");
        assert_eq!(log_stamp(time), "2026-11-21T15:03:50.556543760+00:00");
        assert_eq!(go(time), "2026-11-21 15:03:50.55654376 +0000 UTC");
        let words =
            [0, 1, 59, 61, 600, 3_700, 90_000, 300_000].map(|seconds| human(Duration::from_secs(seconds)));
        assert_eq!(
            words,
            [
                "Less than a second",
                "1 second",
                "59 seconds",
                "About a minute",
                "10 minutes",
                "About an hour",
                "25 hours",
                "3 days"
            ]
        );
    }
}
