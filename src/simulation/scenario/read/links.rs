//! `[link]` and `[[links]]`.

use toml::de::{DeTable, DeValue};

use super::{Entry, Links, Reader, key_span};
use crate::fleet::values::found;
use crate::simulation::scenario::{LinkPlan, Place, values};

const LINK: [&str; 3] = ["rate", "delay", "loss"];

impl Reader<'_, '_> {
    pub(super) fn links(&mut self, top: &DeTable<'_>) -> Links {
        let usual = match self.table(top, "link") {
            Some((_, table)) => {
                self.known_only(table, &[&LINK]);
                self.link(table, LinkPlan::default())
            }
            None => LinkPlan::default(),
        };
        let mut links = Links::all_alike(usual);
        for entry in self.tables(top, "links") {
            self.known_only(entry.1, &[&["between"], &LINK]);
            let link = self.link(entry.1, usual);
            let Some([from, to]) = self.ends(&entry) else { continue };
            let mut linked = 0;
            for a in &from {
                // A host of a family on both sides has no link to itself.
                for b in to.iter().filter(|b| *b != a) {
                    linked += 1;
                    let twice = links.set(a.clone(), b.clone(), link).is_some();
                    if twice && from.len() * to.len() == 1 {
                        let text =
                            format!("between: “{a}” and “{b}” have been linked above: keep one of them");
                        self.document.problem(key_span(&entry, "between"), text);
                    }
                }
            }
            if linked == 0 {
                self.document.problem(key_span(&entry, "between"), "between: expected two different ends");
            }
        }
        links
    }

    /// What a table says of a link, on top of what is usual.
    fn link(&mut self, table: &DeTable<'_>, usual: LinkPlan) -> LinkPlan {
        LinkPlan {
            rate: self.get(table, "rate", values::rate).unwrap_or(usual.rate),
            delay: self.get(table, "delay", values::duration).unwrap_or(usual.delay),
            loss: self.get(table, "loss", values::share).unwrap_or(usual.loss),
        }
    }

    /// The two ends of a link, each of which may be several places.
    fn ends(&mut self, entry: &Entry<'_, '_>) -> Option<[Vec<Place>; 2]> {
        self.must_refer(entry, "between", "[\"laptop\", \"h1\"]", |names, value| {
            let [a, b] = pair(value)?;
            Ok([names.places(a)?, names.places(b)?])
        })
    }
}

/// A list of two.
pub(super) fn pair<'a, 'i>(value: &'a DeValue<'i>) -> Result<[&'a DeValue<'i>; 2], String> {
    let items: Vec<_> = match value {
        DeValue::Array(items) => items.iter().map(|item| item.get_ref()).collect(),
        _ => Vec::new(),
    };
    <[_; 2]>::try_from(items).map_err(|items| {
        let what = if items.is_empty() { found(value) } else { format!("a list of {}", items.len()) };
        format!("expected two ends such as [\"laptop\", \"h1\"], found {what}")
    })
}
