//! Splitting at IFS, and names of files in place of patterns.

use super::{Glyph, text};
use crate::simulation::machine::namespace::LastLink;
use crate::simulation::machine::process::Process;
use crate::simulation::shell::pattern::Pattern;
use crate::simulation::shell::state::Shell;

/// Cuts glyphs into the words that they are.
pub(super) fn split(glyphs: &[Glyph], separators: &str) -> Vec<Vec<Glyph>> {
    let mut fields = Vec::new();
    let mut current: Option<Vec<Glyph>> = None;
    // Blanks have ended a word: one other separator belongs to the same gap.
    let mut in_gap = false;
    for glyph in glyphs {
        match glyph {
            Glyph::Loose(character) if separators.contains(*character) => {
                if matches!(character, ' ' | '\t' | '\n') {
                    in_gap |= current.is_some();
                    fields.extend(current.take());
                } else if let Some(field) = current.take() {
                    fields.push(field);
                } else if !std::mem::take(&mut in_gap) {
                    fields.push(Vec::new());
                }
            }
            Glyph::Break => {
                in_gap = false;
                fields.extend(current.take());
            }
            glyph => {
                in_gap = false;
                current.get_or_insert_default().push(*glyph);
            }
        }
    }
    fields.extend(current);
    fields
}

/// The files that a word's pattern matches, or the word itself.
pub(super) fn expand_paths(shell: &Shell<'_>, field: &[Glyph], out: &mut Vec<String>) {
    let active =
        |glyph: &Glyph| matches!(glyph, Glyph::Plain('*' | '?' | '[') | Glyph::Loose('*' | '?' | '['));
    if shell.options.has('f') || !field.iter().any(active) {
        out.push(text(field));
        return;
    }
    let is_slash =
        |glyph: &Glyph| matches!(glyph, Glyph::Plain('/') | Glyph::Loose('/') | Glyph::Quoted('/'));
    let parts: Vec<&[Glyph]> = field.split(is_slash).collect();
    let found = paths(shell.process, &parts);
    if found.is_empty() {
        out.push(text(field));
    } else {
        out.extend(found);
    }
}

/// The existing paths that match, part by part.
fn paths(process: &Process, parts: &[&[Glyph]]) -> Vec<String> {
    let mut found = vec![String::new()];
    for (index, part) in parts.iter().enumerate() {
        let pattern = Pattern::of(part);
        let slash = if index > 0 { "/" } else { "" };
        if !pattern.has_wildcards() {
            for path in &mut found {
                path.push_str(slash);
                path.push_str(&pattern.literal());
            }
            continue;
        }
        let mut next = Vec::new();
        for path in found {
            let prefix = format!("{path}{slash}");
            let directory = if prefix.is_empty() { "." } else { prefix.as_str() };
            let Ok(place) = process.find(directory, LastLink::Follow) else { continue };
            let mut names = place.node.names().unwrap_or_default();
            names.extend([".".to_owned(), "..".to_owned()]);
            names.sort_unstable();
            for name in names {
                let characters: Vec<char> = name.chars().collect();
                if (!name.starts_with('.') || pattern.starts_with_dot()) && pattern.matches(&characters) {
                    next.push(format!("{prefix}{name}"));
                }
            }
        }
        found = next;
    }
    found.retain(|path| process.find(path, LastLink::Keep).is_ok());
    found
}
