//! `drover fleet new`, `drover fleet import`: a fleet file for somebody who has none.
//!
//! A file is written whole or not at all, for its owner only, and never over another one.

use std::fmt::Write as _;
use std::io::Write;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;

use super::exit::Exit;
use super::table;
use crate::fleet::{Environment, HostName, locate};
use crate::ssh::config::{ConfiguredHost, ConfiguredHosts, Person, configured_hosts};

/// The file in which every key is explained.
const SAMPLE: &str = include_str!("../../sample-fleet.toml");

/// `drover fleet import`.
#[derive(Debug, Args)]
pub struct ImportArguments {
    /// Hosts to take over; without any, those that there are are listed
    #[arg(value_name = "ALIAS", conflicts_with = "all")]
    aliases: Vec<String>,
    /// Take over all of them
    #[arg(long)]
    all: bool,
    /// Where to write the fleet file [default: where drover looks for it]
    #[arg(long, value_name = "FILE")]
    pub to: Option<PathBuf>,
}

/// `drover fleet new`.
pub fn new(file: &Path) -> anyhow::Result<Exit> {
    write_new(file, SAMPLE)?;
    let (shown, option) = (file.display(), option_for(file));
    writeln!(
        std::io::stdout(),
        "wrote {shown}: a sample in which every key is explained.\n  \
         $EDITOR {shown}  to put your own hosts into it\n  \
         drover{option} fleet check  to have the file and each host looked at\n  \
         drover{option}  to open the console on it"
    )?;
    Ok(Exit::Done)
}

/// `drover fleet import`.
pub fn import(arguments: &ImportArguments, file: &Path, person: &Person) -> anyhow::Result<Exit> {
    let found = configured_hosts(person)?;
    for note in &found.notes {
        writeln!(std::io::stderr(), "{note}")?;
    }
    if arguments.aliases.is_empty() && !arguments.all {
        return list(&found.hosts);
    }
    let chosen = chosen(&found, arguments)?;
    write_imported(file, &chosen)?;
    writeln!(std::io::stdout(), "{}", imported(file, chosen.len()))?;
    Ok(Exit::Done)
}

fn list(hosts: &[ConfiguredHost]) -> anyhow::Result<Exit> {
    let rows: Vec<Vec<String>> =
        hosts.iter().map(|host| vec![host.alias.to_string(), host.route()]).collect();
    let mut out = std::io::stdout();
    for line in table::lines(&["ALIAS", "REACHED AS"], &rows) {
        writeln!(out, "{}", line.trim_end())?;
    }
    writeln!(
        std::io::stderr(),
        "Nothing was written. Name those to take over, “drover fleet import ALIAS…”, or take all: --all"
    )?;
    Ok(Exit::Done)
}

/// The hosts that were asked for, in the configuration's order.
fn chosen(found: &ConfiguredHosts, arguments: &ImportArguments) -> anyhow::Result<Vec<HostName>> {
    let names = || found.hosts.iter().map(|host| host.alias.clone());
    let unknown: Vec<&str> = arguments
        .aliases
        .iter()
        .map(String::as_str)
        .filter(|wanted| !found.hosts.iter().any(|host| host.alias.as_str() == *wanted))
        .map(|wanted| if HostName::new(wanted).is_ok() { wanted } else { "(no name of a host)" })
        .collect();
    if !unknown.is_empty() {
        let known: Vec<String> = names().map(String::from).collect();
        bail!("~/.ssh/config does not name {}: it names {}", unknown.join(", "), known.join(", "));
    }
    let chosen: Vec<HostName> = names()
        .filter(|alias| arguments.all || arguments.aliases.iter().any(|wanted| wanted == alias.as_str()))
        .collect();
    if chosen.is_empty() {
        bail!("~/.ssh/config names no host without wildcards: “drover fleet new” writes a sample instead");
    }
    Ok(chosen)
}

/// What is said after hosts have been taken over.
pub fn imported(file: &Path, count: usize) -> String {
    let hosts = if count == 1 { "1 host".to_string() } else { format!("{count} hosts") };
    format!(
        "wrote {}: {hosts} of ~/.ssh/config. “drover{} fleet check” connects to each and says what it finds.",
        file.display(),
        option_for(file)
    )
}

/// What must be added to a command so that it reads this file: nothing where drover finds it by itself.
fn option_for(file: &Path) -> String {
    match locate(None, &Environment::of_process()) {
        Ok(found) if found == file => String::new(),
        _ => format!(" --fleet {}", file.display()),
    }
}

/// Writes a fleet file of hosts in ~/.ssh/config.
pub fn write_imported(file: &Path, aliases: &[HostName]) -> anyhow::Result<()> {
    write_new(file, &text_of(aliases))
}

/// The aliases are the addresses, so that ~/.ssh/config goes on deciding how each host is reached.
fn text_of(aliases: &[HostName]) -> String {
    let mut text = String::from(
        "# Hosts of ~/.ssh/config, which goes on deciding how each is reached: address, user, port, keys, jump hosts.\n\
         # Rename a host here as you like; its address is what ~/.ssh/config calls it.\n\
         # “drover fleet check” connects to each and says what it found there.\n\
         # “drover fleet new FILE” writes a file in which every key that can stand here is explained.\n",
    );
    for alias in aliases {
        let _ = write!(text, "\n{}\naddress = \"{alias}\"\n", heading(alias));
    }
    text
}

/// The line of a fleet file with which a host's table begins.
pub fn heading(name: &HostName) -> String {
    // Without the quotation marks a dot would begin a table in the table.
    if name.as_str().contains('.') { format!("[hosts.\"{name}\"]") } else { format!("[hosts.{name}]") }
}

/// Writes a file that is not there yet, for its owner only.
pub fn write_new(file: &Path, text: &str) -> anyhow::Result<()> {
    let shown = file.display();
    let directory = file.parent().with_context(|| format!("{shown} is no file that could be written"))?;
    let wrong = |step: &str| format!("{shown} was not written: {step} {}", directory.display());
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .with_context(|| wrong("there is no making of"))?;
    // For its owner only, from the beginning.
    let mut draft =
        tempfile::NamedTempFile::new_in(directory).with_context(|| wrong("no file can be made in"))?;
    draft
        .write_all(text.as_bytes())
        .and_then(|()| draft.as_file().sync_all())
        .with_context(|| wrong("no file can be filled in"))?;
    match draft.persist_noclobber(file) {
        Ok(_) => Ok(()),
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!("{shown} is there already and was left as it is: edit it, or have another file written")
        }
        Err(error) => Err(error.error).with_context(|| wrong("no file can be named in")),
    }
}

/// Where a new fleet file belongs when none is named.
pub fn place(asked_for: Option<&Path>) -> PathBuf {
    Environment::of_process().own_fleet_file(asked_for)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::fleet::Fleet;

    fn names(texts: &[&str]) -> Vec<HostName> {
        texts.iter().map(|text| HostName::new(*text).unwrap()).collect()
    }

    fn asked(aliases: &[&str], all: bool) -> ImportArguments {
        ImportArguments { aliases: aliases.iter().map(ToString::to_string).collect(), all, to: None }
    }

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn both_files_are_fleet_files_with_the_hosts_in_their_order() {
        let environment = Environment { home: Some("/home/jo".into()), ..Environment::default() };
        let hosts = |text: &str| {
            let fleet = Fleet::parse(text, Path::new("/home/jo/fleet.toml"), &environment).unwrap();
            fleet.hosts.into_iter().map(|host| (host.name.to_string(), host.address)).collect::<Vec<_>>()
        };
        let same = |name: &str| (name.to_string(), name.to_string());
        let text = text_of(&names(&["web", "a.example.org", "192.0.2.7", "0-x_y"]));
        assert_eq!(hosts(&text), [same("web"), same("a.example.org"), same("192.0.2.7"), same("0-x_y")]);
        assert_eq!(hosts(SAMPLE)[0], same("alpha"));
    }

    #[test]
    fn a_file_is_for_its_owner_only_and_never_written_over() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("config/drover/fleet.toml");
        write_new(&file, "first").unwrap();
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        let error = write_new(&file, "second").unwrap_err().to_string();
        assert!(error.contains("fleet.toml is there already"), "{error}");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "first");

        // Neither is what a link points to, even if that is not there.
        let link = root.path().join("config/drover/link.toml");
        let target = root.path().join("elsewhere.toml");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(write_new(&link, "third").is_err());
        assert!(!target.exists());
        let left = std::fs::read_dir(file.parent().unwrap()).unwrap().count();
        assert_eq!(left, 2, "no draft is left behind");
    }

    #[test]
    fn what_cannot_be_written_is_said_with_its_place() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("file"), "").unwrap();
        let error = write_new(&root.path().join("file/fleet.toml"), "x").unwrap_err().to_string();
        assert!(error.contains("file/fleet.toml was not written"), "{error}");
    }

    #[test]
    fn those_that_were_named_are_taken_and_unknown_ones_refused() {
        let host = |alias: &HostName| ConfiguredHost {
            alias: alias.clone(),
            host_name: None,
            user: None,
            port: None,
            jump: Vec::new(),
        };
        let hosts = names(&["web", "db", "gate"]).iter().map(host).collect();
        let found = ConfiguredHosts { hosts, notes: Vec::new() };
        assert_eq!(chosen(&found, &asked(&["gate", "web"], false)).unwrap(), names(&["web", "gate"]));
        assert_eq!(chosen(&found, &asked(&[], true)).unwrap(), names(&["web", "db", "gate"]));
        let error = chosen(&found, &asked(&["web", "wob", "\u{1b}[2J"], false)).unwrap_err().to_string();
        let expected = "~/.ssh/config does not name wob, (no name of a host): it names web, db, gate";
        assert_eq!(error, expected);
        let error = chosen(&ConfiguredHosts::default(), &asked(&[], true)).unwrap_err().to_string();
        assert!(error.contains("drover fleet new"), "{error}");
    }
}
