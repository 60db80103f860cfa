//! What is seen and typed: the terminal, the loop, the screen.
//!
//! In come keys and the events of the world; out goes the screen, drawn from [`crate::session::State`] alone,
//! and the effects that the state asks for. This room holds no truth: the only thing that it keeps for itself
//! is the passphrase that is being typed, because that must not be part of any event.
//!
//! [`run`] is all that the command line needs. It is given a [`World`]: a channel on which the tasks that watch
//! hosts and move containers say what happens, one on which they are told what to do, and one for passphrases.
//! [`start::choose`] is the screen for somebody who has no fleet yet.

mod ascii;
mod input;
mod look;
mod run;
mod screen;
pub mod start;
mod surface;
mod terminal;
mod theme;
mod views;
mod widgets;

#[cfg(test)]
mod demo;
#[cfg(test)]
mod idle;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod pty;
#[cfg(test)]
mod screens;
#[cfg(test)]
pub(crate) mod testing;

pub use input::SecretAnswer;
pub use look::{Glyphs, Look};
pub use run::{ConsoleError, Ended, Ending, World};
pub use theme::{ColourChoice, ColourDepth, Theme, ThemeError};

use crossterm::event::EventStream;
use jiff::tz::TimeZone;

/// What the command line decides.
#[derive(Clone, Copy, Debug, Default)]
pub struct ConsoleOptions {
    /// Colours; `--color` on the command line.
    pub colour: ColourChoice,
    /// Characters; none asks the locale.
    pub glyphs: Option<Glyphs>,
}

impl ConsoleOptions {
    /// How this terminal is drawn on, by the options and the environment.
    fn look(self) -> Result<Look, ConsoleError> {
        let environment = |name: &str| std::env::var(name).ok();
        let depth = ColourDepth::detect(self.colour, environment);
        // The drawing library looks at NO_COLOR by itself; here the decision has been made, options included.
        crossterm::style::force_color_output(depth != ColourDepth::None);
        Ok(Look {
            theme: Theme::dark(depth)?,
            glyphs: self.glyphs.unwrap_or_else(|| Glyphs::detect(environment)),
            zone: TimeZone::system(),
        })
    }
}

/// Takes the terminal, runs the console until somebody leaves, and gives the terminal back.
///
/// When it ends, well or not, the effects that belong to leaving ([`crate::session::Effect::Cancel`] for every
/// migration under way) have been sent; the caller waits for its tasks to carry them out before the process ends.
pub async fn run(options: ConsoleOptions, world: World) -> Result<Ended, ConsoleError> {
    let look = options.look()?;
    let guard = terminal::Guard::take()?;
    let size = crossterm::terminal::size()?;
    run::Loop::new(surface::terminal(), guard, &look).run(EventStream::new(), world, size).await
}
