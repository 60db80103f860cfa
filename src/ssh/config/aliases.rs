//! The hosts that ~/.ssh/config names, for a person to choose from.
//!
//! What is said of each is only shown: when a host is connected to, its settings are resolved anew and exactly.

use std::collections::HashSet;
use std::path::PathBuf;

use super::builtin::{Matches, read_file};
use super::{Person, expand_alias};
use crate::fleet::{HostName, printable};

/// A host of the configuration. All texts are printable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfiguredHost {
    /// What the configuration calls it.
    pub alias: HostName,
    /// The address, where it differs from the alias.
    pub host_name: Option<String>,
    /// The login user, where one is given.
    pub user: Option<String>,
    /// The port, where one is given.
    pub port: Option<u16>,
    /// Jump hosts, nearest first.
    pub jump: Vec<String>,
}

impl ConfiguredHost {
    /// How it is reached, in one line: `ops@192.0.2.7:2222 via gate`.
    pub fn route(&self) -> String {
        let mut route = String::new();
        if let Some(user) = &self.user {
            route.extend([user.as_str(), "@"]);
        }
        route.push_str(self.host_name.as_deref().unwrap_or(self.alias.as_str()));
        if let Some(port) = self.port {
            route.push_str(&format!(":{port}"));
        }
        if !self.jump.is_empty() {
            route.push_str(&format!(" via {}", self.jump.join(", ")));
        }
        route
    }
}

/// All hosts that a configuration names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfiguredHosts {
    /// Each once, in the order in which they are named.
    pub hosts: Vec<ConfiguredHost>,
    /// What was left out, and why; printable.
    pub notes: Vec<String>,
}

/// Why there is nothing to choose from.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AliasError {
    /// There is no configuration.
    #[error("there is no {}", .0.display())]
    Missing(PathBuf),
    /// It cannot be read, or OpenSSH would refuse it.
    #[error("{0}")]
    Unreadable(String),
}

/// The hosts that a person's ~/.ssh/config and the files that it includes name without wildcards.
pub fn configured_hosts(person: &Person) -> Result<ConfiguredHosts, AliasError> {
    let path = person.home.join(".ssh/config");
    let file = read_file(&path, person).map_err(AliasError::Unreadable)?;
    let Some((config, matches)) = file else { return Err(AliasError::Missing(path)) };
    let mut found = ConfiguredHosts::default();
    let mut seen = HashSet::new();
    for block in config.get_hosts() {
        for clause in &block.pattern {
            let name = clause.pattern.as_str();
            // A name in a file that is included for other hosts only is none that can be reached.
            let counts = || config.intersecting_hosts(name).any(|other| std::ptr::eq(other, block));
            if clause.negated || name.contains(['*', '?']) || !seen.insert(name) || !counts() {
                continue;
            }
            let Ok(alias) = HostName::new(name) else {
                found.notes.push(format!(
                    "“{}” is left out: a host of a fleet is called by letters, digits, “-”, “_” and “.” only",
                    printable(name)
                ));
                continue;
            };
            let settings = config.query(name);
            let jump = settings.proxy_jump.unwrap_or_default();
            found.hosts.push(ConfiguredHost {
                host_name: settings.host_name.map(|text| printable(&expand_alias(&text, name))),
                user: settings.user.as_deref().map(printable),
                port: settings.port,
                jump: jump.iter().filter(|hop| *hop != "none").map(|hop| printable(hop)).collect(),
                alias,
            });
        }
    }
    if matches == Matches::LeftOut {
        found.notes.push("what “Match” blocks say is not shown here; it counts when drover connects".into());
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn person(home: &Path) -> Person {
        Person { user: "jo".into(), home: home.to_path_buf(), agent: None }
    }

    /// A home with these files in its .ssh directory.
    fn home(files: &[(&str, &str)]) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = home.path().join(".ssh").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        home
    }

    fn found(files: &[(&str, &str)]) -> ConfiguredHosts {
        let home = home(files);
        configured_hosts(&person(home.path())).unwrap()
    }

    fn lines(found: &ConfiguredHosts) -> Vec<String> {
        found.hosts.iter().map(|host| format!("{} {}", host.alias, host.route())).collect()
    }

    #[test]
    fn names_come_in_their_order_with_what_is_said_of_them_anywhere() {
        let found = found(&[(
            "config",
            "User everybody\nHost web db !old *.example node?\n  HostName %h.internal\n  Port 2222\n\
             Host db\n  User late\nHost=gate\n  HostName \"192.0.2.7\"\nHost inner web\n  ProxyJump gate,ops@second\n\
             Host alone\n  ProxyJump none\nHost *\n  HostName never\n",
        )]);
        assert_eq!(
            lines(&found),
            [
                "web everybody@web.internal:2222 via gate, ops@second",
                "db everybody@db.internal:2222",
                "gate everybody@192.0.2.7",
                "inner everybody@never via gate, ops@second",
                "alone everybody@never",
            ]
        );
        assert_eq!(found.notes, Vec::<String>::new());
    }

    #[test]
    fn included_files_count_where_they_are_included() {
        let found = found(&[
            ("config", "Host *\n  Include conf.d/*.conf\nHost last\n  Include only-last.conf missing.conf\n"),
            ("conf.d/b.conf", "Host second\n  Port 2\n"),
            ("conf.d/a.conf", "Host first\n  Include ~/.ssh/deep.conf\n"),
            ("deep.conf", "Host first stranger\n  User deep\n"),
            ("only-last.conf", "Host unreachable\n  User x\nHost last\n  User y\n"),
        ]);
        assert_eq!(lines(&found), ["first deep@first", "second second:2", "last y@last"]);
    }

    #[test]
    fn match_blocks_belong_to_nobody_here_and_are_spoken_of() {
        let found = found(&[(
            "config",
            "Host web\n  User jo\nMatch host web exec \"touch /tmp/never\"\n  Port 99\n  HostName wrong\nHost db\nmatch all\n  Port 7\n",
        )]);
        assert_eq!(lines(&found), ["web jo@web:7", "db db:7"]);
        assert_eq!(found.notes.len(), 1, "{:?}", found.notes);
        assert!(found.notes[0].contains("Match"));
    }

    #[test]
    fn nothing_in_the_file_reaches_the_screen_raw() {
        let found = found(&[(
            "config",
            "Host ok\n  HostName a\u{1b}[2Jb\n  User \u{202e}evil\nHost -oProxyCommand=x a/b \u{1b}]0;x c;d\n",
        )]);
        assert_eq!(lines(&found), ["ok \u{fffd}evil@a\u{fffd}[2Jb"]);
        assert_eq!(found.notes.len(), 4, "{:?}", found.notes);
        assert!(found.notes.iter().all(|note| !note.contains('\u{1b}')));
    }

    #[test]
    fn a_configuration_that_is_missing_or_wrong_is_named() {
        let empty = home(&[]);
        let error = configured_hosts(&person(empty.path())).unwrap_err();
        assert_eq!(error, AliasError::Missing(empty.path().join(".ssh/config")));
        let wrong = home(&[("config", "Host web\n  Port many\n")]);
        let error = configured_hosts(&person(wrong.path())).unwrap_err().to_string();
        assert!(error.contains(".ssh/config: ") && error.contains("port"), "{error}");
        let circle = home(&[("config", "Include config\n")]);
        let error = configured_hosts(&person(circle.path())).unwrap_err().to_string();
        assert!(error.contains("cycle"), "{error}");
    }
}
