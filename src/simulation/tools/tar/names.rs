//! The names that tar is given. What an option says holds for the names after it.

use std::collections::VecDeque;

use super::super::call::{Call, Failure, input};
use super::super::glob::{Case, fits};
use super::super::lines::read_whole;
use super::fatal;
use crate::simulation::machine::process::Process;

/// Whether what is in a directory comes with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Recursion {
    On,
    Off,
}

/// One name, or a change of the directory that the following ones are looked for in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Directory(String),
    Path(String, Recursion),
}

/// All names of a call.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub list: VecDeque<Name>,
    /// Whether lists of names were given, which may be empty.
    from_files: bool,
    excluded: Vec<String>,
}

impl Names {
    /// Reads the names of a call, in the order in which it gives them.
    pub async fn read(process: &Process, call: &Call) -> Result<Self, Failure> {
        let mut names = Self::default();
        let (mut recursion, mut null) = (Recursion::On, false);
        let mut operands = call.operands.iter().zip(&call.places).peekable();
        for (index, (key, value)) in call.options.iter().enumerate() {
            while let Some((operand, _)) = operands.next_if(|(_, place)| **place <= index) {
                names.list.push_back(Name::Path(operand.clone(), recursion));
            }
            match key {
                'C' => names.list.push_back(Name::Directory(value.clone())),
                '0' => null = true,
                '4' => null = false,
                '5' => recursion = Recursion::On,
                '6' => recursion = Recursion::Off,
                'E' => names.excluded.push(value.trim_end_matches('/').to_owned()),
                'T' | 'X' => {
                    let read = match input(process, value).await {
                        Ok(file) => read_whole(&file).await,
                        Err(error) => Err(error),
                    };
                    let bytes = match read {
                        Ok(bytes) => bytes,
                        Err(error) => return fatal(format!("{value}: Cannot open: {error}")),
                    };
                    let text = String::from_utf8_lossy(&bytes);
                    let lines = text.split(if null && *key == 'T' { '\0' } else { '\n' });
                    let lines = lines.filter(|line| !line.is_empty()).map(str::to_owned);
                    if *key == 'X' {
                        names.excluded.extend(lines);
                    } else {
                        names.from_files = true;
                        names.list.extend(lines.map(|line| Name::Path(line, recursion)));
                    }
                }
                _ => {}
            }
        }
        names.list.extend(operands.map(|(operand, _)| Name::Path(operand.clone(), recursion)));
        Ok(names)
    }

    /// Whether no name was given in any way.
    pub fn is_nothing(&self) -> bool {
        !self.from_files && !self.list.iter().any(|name| matches!(name, Name::Path(..)))
    }

    /// Whether `--exclude` leaves a member out: a pattern fits it from any of its names on.
    pub fn excludes(&self, path: &str) -> bool {
        let path = path.trim_end_matches('/');
        let begins = std::iter::once(0).chain(path.match_indices('/').map(|(at, _)| at + 1));
        let tails: Vec<&str> = begins.map(|at| &path[at..]).collect();
        self.excluded.iter().any(|pattern| {
            let inside = format!("{pattern}/*");
            tails.iter().any(|tail| fits(pattern, tail, Case::Exact) || fits(&inside, tail, Case::Exact))
        })
    }
}
