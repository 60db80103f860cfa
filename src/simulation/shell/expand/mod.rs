//! Expansion: from a word as it stands in a script to the words that a command gets.
//!
//! A word becomes a row of glyphs first, each of which still knows whether it was quoted; splitting, patterns and
//! the final text are made from them.

mod fields;
mod parameter;

use futures::future::BoxFuture;

use super::arithmetic;
use super::flow::Step;
use super::jobs::Work;
use super::state::Shell;
use super::syntax::{List, Parameter, Piece, Word};
use crate::simulation::machine::open::OpenFile;
use crate::simulation::machine::pipe::Pipe;

/// Bytes of a value before a host would be out of memory, and drover with it.
pub const LONGEST: usize = 1 << 20;

/// Words of one command, likewise.
const MOST_FIELDS: usize = 1 << 18;

/// A character of a word on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Glyph {
    /// As it stands in the script: not split, but part of a pattern.
    Plain(char),
    /// From an expansion without quotes: split, and part of a pattern.
    Loose(char),
    /// In quotes: itself.
    Quoted(char),
    /// Quotes around nothing, which make a word all the same.
    Empty,
    /// Where one of `"$@"` ends and the next begins.
    Break,
}

/// Whether text stands in double quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Quotes {
    Around,
    None,
}

impl Quotes {
    fn glyph(self, character: char) -> Glyph {
        match self {
            Self::Around => Glyph::Quoted(character),
            Self::None => Glyph::Loose(character),
        }
    }
}

/// Where a tilde means a home directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tilde {
    AtStart,
    /// After a colon, too.
    Everywhere,
}

/// The text of glyphs.
pub fn text(glyphs: &[Glyph]) -> String {
    let character = |glyph: &Glyph| match glyph {
        Glyph::Plain(character) | Glyph::Loose(character) | Glyph::Quoted(character) => Some(*character),
        Glyph::Break | Glyph::Empty => None,
    };
    glyphs.iter().filter_map(character).collect()
}

impl Shell<'_> {
    /// The words that some words of a command become.
    pub fn fields<'a>(&'a mut self, words: &'a [Word]) -> BoxFuture<'a, Step<Vec<String>>> {
        Box::pin(async move {
            let mut fields = Vec::new();
            for word in words {
                let glyphs = self.glyphs(word).await?;
                let separators = self.variables.value("IFS").unwrap_or(" \t\n").to_owned();
                if fields.len() > MOST_FIELDS {
                    return self.fail("Out of space").await;
                }
                for field in fields::split(&glyphs, &separators) {
                    fields::expand_paths(self, &field, &mut fields);
                }
            }
            Ok(fields)
        })
    }

    /// The one word that a word becomes where it is not split.
    pub fn single<'a>(&'a mut self, word: &'a Word) -> BoxFuture<'a, Step<String>> {
        Box::pin(async move {
            let glyphs = self.glyphs(word).await?;
            Ok(self.joined(&glyphs))
        })
    }

    /// The value that a word gives to a variable.
    pub fn assigned<'a>(&'a mut self, word: &'a Word) -> BoxFuture<'a, Step<String>> {
        Box::pin(async move {
            let mut glyphs = Vec::new();
            self.pieces(word, Quotes::None, Tilde::Everywhere, &mut glyphs).await?;
            Ok(self.joined(&glyphs))
        })
    }

    /// The text of glyphs that are not split: several parameters are joined as in `"$*"`.
    fn joined(&self, glyphs: &[Glyph]) -> String {
        let between: String = self.variables.value("IFS").unwrap_or(" ").chars().take(1).collect();
        let parts: Vec<String> = glyphs.split(|glyph| *glyph == Glyph::Break).map(text).collect();
        parts.join(&between)
    }

    /// A word with all expansions done, before it is split.
    pub fn glyphs<'a>(&'a mut self, word: &'a Word) -> BoxFuture<'a, Step<Vec<Glyph>>> {
        Box::pin(async move {
            let mut glyphs = Vec::new();
            self.pieces(word, Quotes::None, Tilde::AtStart, &mut glyphs).await?;
            Ok(glyphs)
        })
    }

    fn pieces<'a>(
        &'a mut self,
        word: &'a Word,
        quotes: Quotes,
        tilde: Tilde,
        out: &'a mut Vec<Glyph>,
    ) -> BoxFuture<'a, Step> {
        Box::pin(async move {
            for (index, piece) in word.iter().enumerate() {
                match piece {
                    Piece::Text(text) if quotes == Quotes::Around => {
                        out.extend(text.chars().map(Glyph::Quoted));
                    }
                    Piece::Text(text) => {
                        let ends = index + 1 == word.len();
                        self.plain(text, index == 0, ends, tilde, out);
                    }
                    Piece::Quoted(text) if text.is_empty() => out.push(Glyph::Empty),
                    Piece::Quoted(text) => out.extend(text.chars().map(Glyph::Quoted)),
                    Piece::Double(inner) => {
                        let before = out.len();
                        self.pieces(inner, Quotes::Around, tilde, out).await?;
                        // `"$@"` without parameters is no word, unlike any other quotes.
                        let vanishes = self.parameters.is_empty()
                            && inner
                                .iter()
                                .any(|piece| matches!(piece, Piece::Parameter(Parameter::Each, _)));
                        if out.len() == before && !vanishes {
                            out.push(Glyph::Empty);
                        }
                    }
                    Piece::Parameter(parameter, operation) => {
                        self.parameter(parameter, operation, quotes, out).await?;
                    }
                    Piece::Command(list) => {
                        let text = self.substitute(list).await?;
                        out.extend(text.chars().map(|character| quotes.glyph(character)));
                    }
                    Piece::Arithmetic(word) => {
                        let mut glyphs = Vec::new();
                        self.pieces(word, Quotes::Around, tilde, &mut glyphs).await?;
                        let text = self.joined(&glyphs);
                        let nounset = self.options.has('u');
                        match arithmetic::evaluate(&text, &mut self.variables, nounset) {
                            Ok(value) => {
                                let value = value.to_string();
                                out.extend(value.chars().map(|character| quotes.glyph(character)));
                            }
                            Err(message) => return self.fail(message).await,
                        }
                    }
                    Piece::Bad => return self.fail("Bad substitution").await,
                }
                if out.len() > LONGEST {
                    return self.fail("Out of space").await;
                }
            }
            Ok(())
        })
    }

    /// Text without quotes, in which a tilde may mean a home directory.
    fn plain(&self, text: &str, starts: bool, ends: bool, tilde: Tilde, out: &mut Vec<Glyph>) {
        let mut here = starts;
        let mut rest = text;
        while !rest.is_empty() {
            if here && rest.starts_with('~') {
                let stop = |character| character == '/' || (tilde == Tilde::Everywhere && character == ':');
                let end = rest.find(stop);
                let name = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
                // A name that goes on in quotes is no name.
                let home = if end.is_some() || ends { self.home(name) } else { None };
                if let Some(home) = home {
                    out.extend(home.chars().map(Glyph::Quoted));
                    rest = rest.get(name.len()..).unwrap_or_default();
                }
            }
            let next = match tilde {
                Tilde::Everywhere => rest.find(':').map_or(rest.len(), |at| at + 1),
                Tilde::AtStart => rest.len(),
            };
            out.extend(rest.get(..next).unwrap_or_default().chars().map(Glyph::Plain));
            rest = rest.get(next..).unwrap_or_default();
            here = true;
        }
    }

    fn home(&self, name: &str) -> Option<String> {
        match name {
            "~" => self.variables.value("HOME").map(str::to_owned),
            "~root" => Some("/root".into()),
            _ => None,
        }
    }

    /// What commands write, without the ends of the last lines.
    fn substitute<'a>(&'a mut self, list: &'a std::sync::Arc<List>) -> BoxFuture<'a, Step<String>> {
        Box::pin(async move {
            if list.0.is_empty() {
                self.substituted = Some(0);
                return Ok(String::new());
            }
            let mut process = self.fork().await?;
            let (reader, writer) = Pipe::ends();
            process.files.insert(1, OpenFile::writer(writer));
            let tested = std::mem::take(&mut self.tested);
            let mut running = self.spawn(process, Work::List(list.clone()));
            self.tested = tested;
            let mut output = Vec::new();
            loop {
                let bytes = reader.read(64 << 10).await;
                if bytes.is_empty() {
                    break;
                }
                output.extend(bytes.iter().copied().filter(|byte| *byte != 0));
                if output.len() > LONGEST {
                    return self.fail("Out of space").await;
                }
            }
            self.substituted = Some(running.wait().await);
            while output.last() == Some(&b'\n') {
                output.pop();
            }
            Ok(String::from_utf8_lossy(&output).into_owned())
        })
    }
}
