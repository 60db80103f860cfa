//! The tables of the README say what the program does: keys from the actions, exit codes from [`super::Exit`].
//!
//! After a change of either, `DROVER_UPDATE_README=1 cargo test --lib readme` writes the tables anew.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;

use super::exit::Exit;
use crate::session::{HelpLine, Scope, help_lines};

/// Where a table stands: between two marks that Markdown does not show.
fn place_of(readme: &str, name: &str) -> Range<usize> {
    let begin = format!("<!-- {name}: begin -->\n");
    let start = readme.find(&begin).unwrap() + begin.len();
    start..readme.find(&format!("<!-- {name}: end -->")).unwrap()
}

#[test]
fn its_tables_are_those_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let mut current = readme.clone();
    for (name, table) in [("keys", keys()), ("exit codes", exit_codes())] {
        current.replace_range(place_of(&current, name), &table);
    }
    if std::env::var_os("DROVER_UPDATE_README").is_some_and(|value| value == "1") {
        std::fs::write(&path, current).unwrap();
        return;
    }
    for name in ["keys", "exit codes"] {
        let (found, expected) = (&readme[place_of(&readme, name)], &current[place_of(&current, name)]);
        assert_eq!(found, expected, "run DROVER_UPDATE_README=1 cargo test --lib readme");
    }
}

fn keys() -> String {
    let mut table = String::from("| keys | |\n|---|---|\n");
    for line in help_lines(Scope::Everything) {
        match line {
            HelpLine::Heading(heading) => writeln!(table, "| | **{heading}** |").unwrap(),
            HelpLine::Action { keys, help } => {
                let keys: Vec<String> = keys.split(' ').map(|key| format!("`{key}`")).collect();
                writeln!(table, "| {} | {help} |", keys.join(" ")).unwrap();
            }
        }
    }
    table
}

fn exit_codes() -> String {
    // The meaning stands once, beside the code, as documentation.
    let mut table = String::from("| code | meaning |\n|---|---|\n");
    let mut meaning = String::new();
    let mut codes = Vec::new();
    for line in include_str!("exit.rs").lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("/// ") {
            meaning = text.to_string();
        } else if let Some((_, code)) = line.strip_suffix(',').and_then(|line| line.split_once(" = ")) {
            let code: u8 = code.parse().unwrap();
            if code == 3 {
                writeln!(table, "| 2 | The arguments are wrong. |").unwrap();
            }
            writeln!(table, "| {code} | {meaning} |").unwrap();
            codes.push(code);
        }
    }
    let all = [
        Exit::Done,
        Exit::Failed,
        Exit::Fleet,
        Exit::Unreachable,
        Exit::Refused,
        Exit::OnSource,
        Exit::Untidy,
        Exit::Kept,
        Exit::Unknown,
        Exit::Absent,
        Exit::NotRunning,
        Exit::Taken,
        Exit::Incompatible,
        Exit::Criu,
        Exit::Engine,
        Exit::NoRoom,
        Exit::Network,
        Exit::Missing,
        Exit::Inside,
        Exit::Bound,
    ];
    assert_eq!(codes, all.map(|exit| exit as u8), "each code is read from the source");
    table
}

#[test]
fn files_that_the_readme_leads_to_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).unwrap();
    let links: Vec<&str> = readme
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link)
        .filter(|link| !link.contains("://") && !link.starts_with('#'))
        .collect();
    assert!(links.len() > 3, "{links:?}");
    for link in links {
        assert!(root.join(link).exists(), "{link}");
    }
}
