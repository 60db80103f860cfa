//! `drover` without a fleet file: the start screen, and what is chosen there carried out.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use super::demo::{self, DemoArguments};
use super::exit::Exit;
use super::own_fleet;
use crate::console::ConsoleOptions;
use crate::console::start::{Chosen, ImportOffer, LabOffer, Offers, choose};
use crate::lab::{Readiness, UpArguments, readiness};
use crate::ssh::config::{Person, configured_hosts};

/// Whether there is somebody who can choose.
pub fn is_possible() -> bool {
    std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
}

/// Opens the start screen and does what is chosen there.
pub fn run() -> anyhow::Result<ExitCode> {
    let offers = offers();
    let file = offers.fleet_file.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let chosen = runtime.block_on(choose(ConsoleOptions::default(), offers));
    // What was chosen has a runtime of its own.
    runtime.shutdown_background();
    match chosen? {
        Chosen::Lab => super::lab(&UpArguments::default()),
        Chosen::Demo => demo::run(&DemoArguments::default()),
        Chosen::FleetFile => Ok(own_fleet::new(&file)?.into()),
        Chosen::Import(aliases) => {
            own_fleet::write_imported(&file, &aliases)?;
            writeln!(std::io::stdout(), "{}", own_fleet::imported(&file, aliases.len()))?;
            super::console(Some(&file))
        }
        Chosen::Leave => Ok(Exit::Done.into()),
    }
}

/// What this machine and this person can be offered.
fn offers() -> Offers {
    let lab = match readiness() {
        Ok(Readiness::Ready) => LabOffer::Ready,
        Ok(Readiness::Lacks(packages)) => LabOffer::Lacks(packages.into_iter().map(String::from).collect()),
        Err(error) => LabOffer::Impossible(error.to_string()),
    };
    let import = match configured_hosts(&Person::of_process()) {
        Ok(found) if found.hosts.is_empty() => {
            ImportOffer::Nothing("~/.ssh/config names no host without wildcards".into())
        }
        Ok(found) => ImportOffer::Hosts { hosts: found.hosts, notes: found.notes },
        Err(error) => ImportOffer::Nothing(error.to_string()),
    };
    Offers { lab, fleet_file: own_fleet::place(None), import }
}
