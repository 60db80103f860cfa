//! `cd` and `pwd`.

use crate::simulation::machine::errno::Errno;
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::shell::flow::{Step, Tail};
use crate::simulation::shell::state::Shell;

/// `cd`
pub async fn cd(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    let mut physical = false;
    let mut rest = words.iter().skip(1).peekable();
    while let Some(flag) = rest.next_if(|word| matches!(word.as_str(), "-P" | "-L" | "--")) {
        physical = flag == "-P";
        if flag == "--" {
            break;
        }
    }
    let (target, said) = match rest.next().map(String::as_str) {
        Some("-") => (shell.variables.value("OLDPWD").unwrap_or(&shell.directory).to_owned(), true),
        Some(path) => (path.to_owned(), false),
        None => (shell.variables.value("HOME").unwrap_or_default().to_owned(), false),
    };
    let wanted = if target.is_empty() { "." } else { &target };
    let logical = joined(&shell.directory, wanted);
    let found = shell.process.find(if physical { wanted } else { &logical }, LastLink::Follow);
    let place = match found
        .and_then(|place| if place.node.is_directory() { Ok(place) } else { Err(Errno::NotADirectory) })
    {
        Ok(place) => place,
        Err(_) => return shell.fail(format!("can't cd to {target}")).await,
    };
    let before =
        std::mem::replace(&mut shell.state.directory, if physical { place.path.clone() } else { logical });
    shell.process.directory = place.path;
    let now = shell.directory.clone();
    shell.assign("OLDPWD", before).await?;
    shell.assign("PWD", now.clone()).await?;
    if said { shell.say(format!("{now}\n")).await } else { Ok(0) }
}

/// `pwd`
pub async fn pwd(shell: &mut Shell<'_>, words: &[String], _tail: Tail) -> Step<u8> {
    let physical = words.get(1).is_some_and(|word| word == "-P");
    let directory = if physical { &shell.process.directory } else { &shell.directory };
    let line = format!("{directory}\n");
    shell.say(line).await
}

/// A path from a directory, with its dots taken by their letters.
fn joined(directory: &str, path: &str) -> String {
    let start = if path.starts_with('/') { "" } else { directory };
    let mut names: Vec<&str> = Vec::new();
    for name in start.split('/').chain(path.split('/')) {
        match name {
            "" | "." => {}
            ".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    format!("/{}", names.join("/"))
}
