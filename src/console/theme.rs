//! Colours by meaning, brought down to what the terminal can show.

use ratatui::style::{Color, Modifier, Style};
use serde::Deserialize;

const DARK: &str = include_str!("../../themes/dark.toml");

/// A theme that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ThemeError {
    /// It is no theme.
    #[error("the theme cannot be read: {0}")]
    Unreadable(#[from] toml::de::Error),
}

/// How many colours the terminal shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColourDepth {
    /// None: weight, underline and reversal only.
    None,
    /// The sixteen that the terminal's own palette names.
    Sixteen,
    /// The 256 of xterm.
    Indexed,
    /// 24 bits.
    True,
}

/// What the person asked for on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColourChoice {
    /// Whatever the environment says.
    #[default]
    Detect,
    /// This.
    Fixed(ColourDepth),
}

impl ColourDepth {
    /// The option first, then NO_COLOR, COLORTERM and TERM of an environment.
    pub fn detect(choice: ColourChoice, environment: impl Fn(&str) -> Option<String>) -> Self {
        if let ColourChoice::Fixed(depth) = choice {
            return depth;
        }
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
        if variable("NO_COLOR").is_some() {
            return Self::None;
        }
        let term = variable("TERM").unwrap_or_default();
        if term == "dumb" {
            return Self::None;
        }
        if variable("COLORTERM").is_some_and(|value| value == "truecolor" || value == "24bit")
            || term.ends_with("-direct")
        {
            return Self::True;
        }
        // These have 256 colours without saying so in their name.
        let known = ["kitty", "alacritty", "wezterm", "ghostty", "foot", "contour"];
        if term.contains("256color") || known.iter().any(|name| term.contains(name)) {
            return Self::Indexed;
        }
        Self::Sixteen
    }
}

/// What a colour means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Background,
    Surface,
    Selection,
    Mark,
    Track,
    Text,
    Strong,
    Muted,
    Border,
    Focus,
    Good,
    Warning,
    Error,
    Cpu,
    Memory,
    Migration,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Palette {
    background: Paint,
    surface: Paint,
    selection: Paint,
    mark: Paint,
    track: Paint,
    text: Paint,
    strong: Paint,
    muted: Paint,
    border: Paint,
    focus: Paint,
    good: Paint,
    warning: Paint,
    error: Paint,
    cpu: Paint,
    memory: Paint,
    migration: Paint,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Paint {
    rgb: Rgb,
    ansi: Ansi,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Rgb(u8, u8, u8);

impl TryFrom<String> for Rgb {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii());
        let part =
            |from: usize| u8::from_str_radix(digits.and_then(|d| d.get(from..from + 2)).unwrap_or(""), 16);
        match (part(0), part(2), part(4)) {
            (Ok(red), Ok(green), Ok(blue)) => Ok(Self(red, green, blue)),
            _ => Err(format!("“{}” is not a colour: write #rrggbb", crate::fleet::printable(&text))),
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Ansi {
    Default,
    Black,
    Red,
    Green,
    Yellow,
    Blue,
    Magenta,
    Cyan,
    White,
    BrightBlack,
    BrightRed,
    BrightGreen,
    BrightYellow,
    BrightBlue,
    BrightMagenta,
    BrightCyan,
    BrightWhite,
}

impl From<Ansi> for Color {
    fn from(ansi: Ansi) -> Self {
        match ansi {
            Ansi::Default => Self::Reset,
            Ansi::Black => Self::Black,
            Ansi::Red => Self::Red,
            Ansi::Green => Self::Green,
            Ansi::Yellow => Self::Yellow,
            Ansi::Blue => Self::Blue,
            Ansi::Magenta => Self::Magenta,
            Ansi::Cyan => Self::Cyan,
            Ansi::White => Self::Gray,
            Ansi::BrightBlack => Self::DarkGray,
            Ansi::BrightRed => Self::LightRed,
            Ansi::BrightGreen => Self::LightGreen,
            Ansi::BrightYellow => Self::LightYellow,
            Ansi::BrightBlue => Self::LightBlue,
            Ansi::BrightMagenta => Self::LightMagenta,
            Ansi::BrightCyan => Self::LightCyan,
            Ansi::BrightWhite => Self::White,
        }
    }
}

/// Colours for one terminal.
#[derive(Debug)]
pub struct Theme {
    palette: Palette,
    depth: ColourDepth,
}

impl Theme {
    /// The dark theme that drover carries.
    pub fn dark(depth: ColourDepth) -> Result<Self, ThemeError> {
        Self::read(DARK, depth)
    }

    /// A theme from the text of a theme file.
    pub fn read(text: &str, depth: ColourDepth) -> Result<Self, ThemeError> {
        Ok(Self { palette: toml::from_str(text)?, depth })
    }

    pub(crate) fn depth(&self) -> ColourDepth {
        self.depth
    }

    /// The colour of a meaning.
    pub(crate) fn colour(&self, meaning: Meaning) -> Color {
        let palette = &self.palette;
        let paint = match meaning {
            Meaning::Background => palette.background,
            Meaning::Surface => palette.surface,
            Meaning::Selection => palette.selection,
            Meaning::Mark => palette.mark,
            Meaning::Track => palette.track,
            Meaning::Text => palette.text,
            Meaning::Strong => palette.strong,
            Meaning::Muted => palette.muted,
            Meaning::Border => palette.border,
            Meaning::Focus => palette.focus,
            Meaning::Good => palette.good,
            Meaning::Warning => palette.warning,
            Meaning::Error => palette.error,
            Meaning::Cpu => palette.cpu,
            Meaning::Memory => palette.memory,
            Meaning::Migration => palette.migration,
        };
        let Rgb(red, green, blue) = paint.rgb;
        match self.depth {
            ColourDepth::None => Color::Reset,
            ColourDepth::Sixteen => paint.ansi.into(),
            ColourDepth::Indexed => Color::Indexed(nearest(red, green, blue)),
            ColourDepth::True => Color::Rgb(red, green, blue),
        }
    }

    /// Text of a meaning.
    pub(crate) fn text(&self, meaning: Meaning) -> Style {
        let style = Style::new().fg(self.colour(meaning));
        match (meaning, self.depth) {
            (Meaning::Strong | Meaning::Error, _) => style.add_modifier(Modifier::BOLD),
            // Where hues are few or none, weight has to tell first from second.
            (Meaning::Muted | Meaning::Border, ColourDepth::None) => style.add_modifier(Modifier::DIM),
            _ => style,
        }
    }

    /// A plane of a meaning: background, and text on it.
    pub(crate) fn plane(&self, meaning: Meaning) -> Style {
        let style = Style::new().bg(self.colour(meaning));
        match (meaning, self.depth) {
            (Meaning::Selection, ColourDepth::None) => style.add_modifier(Modifier::REVERSED),
            (Meaning::Selection, ColourDepth::Sixteen) => style.fg(Color::White),
            _ => style,
        }
    }
}

/// The nearest of xterm's colours 16 to 255, by squared distance.
fn nearest(red: u8, green: u8, blue: u8) -> u8 {
    const STEPS: [u8; 6] = [0, 95, 135, 175, 215, 255];
    let step = |value: u8| (0..6u8).min_by_key(|i| STEPS[usize::from(*i)].abs_diff(value)).unwrap_or(0);
    let distance = |r: u8, g: u8, b: u8| {
        [(red, r), (green, g), (blue, b)].iter().map(|(x, y)| u32::from(x.abs_diff(*y)).pow(2)).sum::<u32>()
    };
    let (r, g, b) = (step(red), step(green), step(blue));
    let cube = (
        distance(STEPS[usize::from(r)], STEPS[usize::from(g)], STEPS[usize::from(b)]),
        16 + 36 * r + 6 * g + b,
    );
    let greys = (0..24u8).map(|i| (distance(8 + 10 * i, 8 + 10 * i, 8 + 10 * i), 232 + i));
    greys.chain([cube]).min().map_or(16, |(_, index)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(variables: &[(&str, &str)]) -> ColourDepth {
        ColourDepth::detect(ColourChoice::Detect, |name| {
            variables.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_string())
        })
    }

    #[test]
    fn the_option_comes_before_no_color_before_colorterm_before_term() {
        assert_eq!(detect(&[("TERM", "xterm-256color")]), ColourDepth::Indexed);
        assert_eq!(detect(&[("TERM", "linux")]), ColourDepth::Sixteen);
        assert_eq!(detect(&[("TERM", "dumb")]), ColourDepth::None);
        assert_eq!(detect(&[("TERM", "xterm"), ("COLORTERM", "truecolor")]), ColourDepth::True);
        assert_eq!(detect(&[("NO_COLOR", "1"), ("COLORTERM", "truecolor")]), ColourDepth::None);
        assert_eq!(detect(&[("NO_COLOR", ""), ("COLORTERM", "24bit")]), ColourDepth::True);
        let fixed = ColourChoice::Fixed(ColourDepth::Sixteen);
        assert_eq!(ColourDepth::detect(fixed, |_| Some("1".into())), ColourDepth::Sixteen);
    }

    #[test]
    fn colours_come_down_to_their_neighbours() {
        assert_eq!(nearest(0, 0, 0), 16);
        assert_eq!(nearest(255, 255, 255), 231);
        assert_eq!(nearest(128, 128, 128), 244);
        assert_eq!(nearest(255, 0, 0), 196);
    }

    #[test]
    fn a_theme_with_an_unknown_word_or_a_bad_colour_is_refused() {
        assert!(Theme::dark(ColourDepth::True).is_ok());
        let extra = format!("{DARK}\nsparkle = {{ rgb = \"#ffffff\", ansi = \"red\" }}\n");
        assert!(Theme::read(&extra, ColourDepth::True).unwrap_err().to_string().contains("sparkle"));
        let bad = DARK.replacen("#0e1318", "0e1318", 1);
        assert!(Theme::read(&bad, ColourDepth::True).unwrap_err().to_string().contains("#rrggbb"));
    }
}
