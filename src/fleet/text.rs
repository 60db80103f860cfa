//! Text for people: untrusted text made harmless, numbers made readable.

/// Makes remote text safe to show: control characters, bidirectional overrides and zero-width characters
/// become `�`, so that a name or log line can neither move the cursor nor pose as another.
pub fn printable(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e007f}')
    };
    text.chars().map(|c| if harmful(c) { '\u{fffd}' } else { c }).collect()
}

/// Bytes with a binary unit and three significant digits: `512 B`, `1.50 GiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let mut value = count as f64 / 1024.0;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    let decimals = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.decimals$} {}", UNITS[unit])
}

/// A duration of some seconds as people read it: `0.31 s`, `12.4 s`, `3 m 20 s`.
pub fn seconds(value: f64) -> String {
    if value < 9.995 {
        format!("{value:.2} s")
    } else if value < 99.95 {
        format!("{value:.1} s")
    } else {
        let whole = value.round() as u64;
        format!("{} m {:02} s", whole / 60, whole % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes_keep_three_digits() {
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(1536), "1.50 KiB");
        assert_eq!(bytes(2 << 30), "2.00 GiB");
        assert_eq!(bytes(999 * 1024 * 1024), "999 MiB");
        assert_eq!(bytes(u64::MAX), "16.0 EiB");
    }

    #[test]
    fn seconds_grow_coarser() {
        assert_eq!(seconds(0.312), "0.31 s");
        assert_eq!(seconds(12.44), "12.4 s");
        assert_eq!(seconds(200.0), "3 m 20 s");
    }

    proptest! {
        #[test]
        fn printable_text_has_no_control_characters(text in ".*") {
            prop_assert!(!printable(&text).chars().any(|c| c.is_control()));
        }
    }
}
