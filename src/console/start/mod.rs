//! The start screen: what somebody without a fleet can do.
//!
//! In come [`Offers`], gathered before by whoever opens it, and keys; out goes one [`Chosen`]. Like the console it is
//! a pure fold (`fold`) and a drawing of its state (`view`); nothing is carried out while it is open.

mod fold;
#[cfg(test)]
mod tests;
mod view;

use std::io;
use std::path::PathBuf;

use crossterm::event::{Event as Reported, EventStream};
use futures::{Stream, StreamExt};

use self::fold::{Start, StartEvent, Step};
use super::input::{Input, read};
use super::look::Look;
use super::surface::{Painter, Surface};
use super::terminal::{Guard, Host, Signal, Suspension};
use super::{ConsoleError, ConsoleOptions};
use crate::fleet::HostName;
use crate::ssh::config::ConfiguredHost;

/// What can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offers {
    /// The fleet of real hosts on this machine.
    pub lab: LabOffer,
    /// Where a fleet file of the person's own is written.
    pub fleet_file: PathBuf,
    /// The hosts of ~/.ssh/config.
    pub import: ImportOffer,
}

/// Whether there can be a lab here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabOffer {
    /// At once.
    Ready,
    /// When these packages have been installed; the lab asks before it does that.
    Lacks(Vec<String>),
    /// Not, for this reason.
    Impossible(String),
}

/// What can be taken over from ~/.ssh/config.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImportOffer {
    /// Some of these hosts, of which there is at least one.
    Hosts {
        /// In the configuration's order.
        hosts: Vec<ConfiguredHost>,
        /// What is not among them, and why.
        notes: Vec<String>,
    },
    /// Nothing, for this reason.
    Nothing(String),
}

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// The fleet of real hosts on this machine.
    Lab,
    /// The simulated fleet.
    Demo,
    /// A sample to edit.
    FleetFile,
    /// A fleet of these hosts of ~/.ssh/config; at least one.
    Import(Vec<HostName>),
    /// Nothing.
    Leave,
}

/// Takes the terminal, lets a person choose, and gives the terminal back.
pub async fn choose(options: ConsoleOptions, offers: Offers) -> Result<Chosen, ConsoleError> {
    let look = options.look()?;
    let guard = Guard::take()?;
    let size = crossterm::terminal::size()?;
    turns(super::surface::terminal(), guard, EventStream::new(), &look, offers, size).await
}

/// The loop. It only wakes for keys, sizes and signals.
async fn turns<S, H, I>(
    surface: S,
    mut host: H,
    mut input: I,
    look: &Look,
    offers: Offers,
    size: (u16, u16),
) -> Result<Chosen, ConsoleError>
where
    S: Surface,
    S::Error: Send + Sync + 'static,
    H: Host,
    I: Stream<Item = io::Result<Reported>> + Unpin,
{
    let mut painter = Painter::new(surface);
    let mut start = Start::new(offers, size);
    let mut visible = true;
    loop {
        if std::mem::take(&mut visible) && host.is_shown() {
            painter.draw(start.size(), |buffer| view::draw(&start, look, buffer))?;
        }
        let event = tokio::select! { biased;
            signal = host.signal() => match signal {
                Signal::Terminate => return Ok(Chosen::Leave),
                Signal::Fault => return Err(ConsoleError::Fault),
                Signal::Continued => {
                    painter.forget();
                    visible = true;
                    host.resume()?.map(|(columns, rows)| StartEvent::Resized { columns, rows })
                }
            },
            reported = input.next() => match reported.map(|reported| reported.map(read)).transpose()? {
                // No input will ever come again: the terminal is gone.
                None => return Ok(Chosen::Leave),
                Some(Some(Input::Key(key))) => Some(StartEvent::Pressed(key)),
                Some(Some(Input::Size(columns, rows))) => Some(StartEvent::Resized { columns, rows }),
                Some(Some(Input::Paste(_)) | None) => None,
            },
        };
        let Some(event) = event else { continue };
        match start.apply(&event) {
            Step::Same => {}
            Step::Visible => visible = true,
            Step::Done(chosen) => return Ok(chosen),
            Step::Suspend => {
                if host.suspend()? == Suspension::Impossible {
                    start.apply(&StartEvent::NotSuspended);
                    visible = true;
                }
            }
        }
    }
}
