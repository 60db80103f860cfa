//! How this terminal is drawn on: colours, characters, time zone.

use jiff::tz::TimeZone;

use super::theme::Theme;

/// Which characters the terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyphs {
    /// Lines, blocks and arrows of Unicode.
    Unicode,
    /// Only those of ASCII.
    Ascii,
}

impl Glyphs {
    /// Unicode where the locale of an environment says UTF-8.
    pub fn detect(environment: impl Fn(&str) -> Option<String>) -> Self {
        let variables = ["LC_ALL", "LC_CTYPE", "LANG"];
        let locale = variables.iter().find_map(|name| environment(name).filter(|value| !value.is_empty()));
        let locale = locale.unwrap_or_default().to_lowercase();
        if locale.contains("utf-8") || locale.contains("utf8") { Self::Unicode } else { Self::Ascii }
    }
}

/// Everything that a screen depends on besides the state.
#[derive(Debug)]
pub struct Look {
    /// Colours.
    pub theme: Theme,
    /// Characters.
    pub glyphs: Glyphs,
    /// The zone in which times of day are shown.
    pub zone: TimeZone,
}

impl Look {
    /// A time of day, `14:05` or `14:05:59`.
    pub(crate) fn time(&self, unix_ms: i64, format: &str) -> String {
        let Ok(moment) = jiff::Timestamp::from_millisecond(unix_ms) else { return "--:--".into() };
        moment.to_zoned(self.zone.clone()).strftime(format).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(variables: &[(&str, &str)]) -> Glyphs {
        Glyphs::detect(|name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_string())
        })
    }

    #[test]
    fn the_first_locale_that_is_set_decides() {
        assert_eq!(detect(&[("LANG", "en_GB.UTF-8")]), Glyphs::Unicode);
        assert_eq!(detect(&[("LC_ALL", "C"), ("LANG", "en_GB.UTF-8")]), Glyphs::Ascii);
        assert_eq!(detect(&[("LC_ALL", ""), ("LC_CTYPE", "C.utf8")]), Glyphs::Unicode);
        assert_eq!(detect(&[]), Glyphs::Ascii);
    }
}
