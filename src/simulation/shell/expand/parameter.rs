//! `$x` and `${x…}`.

use futures::future::BoxFuture;

use super::{Glyph, Quotes, Tilde, text};
use crate::simulation::shell::flow::Step;
use crate::simulation::shell::pattern::Pattern;
use crate::simulation::shell::state::Shell;
use crate::simulation::shell::syntax::{Emptiness, End, Extent, Operation, Parameter, Word};

impl Shell<'_> {
    pub(super) fn parameter<'a>(
        &'a mut self,
        parameter: &'a Parameter,
        operation: &'a Operation,
        quotes: Quotes,
        out: &'a mut Vec<Glyph>,
    ) -> BoxFuture<'a, Step> {
        Box::pin(async move {
            match operation {
                Operation::Value => {
                    self.set_or_fail(parameter).await?;
                    self.value(parameter, quotes, out);
                }
                Operation::Length => {
                    self.set_or_fail(parameter).await?;
                    let length = match parameter {
                        Parameter::Each | Parameter::Joined => self.parameters.len(),
                        parameter => self.scalar(parameter).unwrap_or_default().chars().count(),
                    };
                    out.extend(length.to_string().chars().map(|character| quotes.glyph(character)));
                }
                Operation::Default(emptiness, word) => {
                    if self.counts(parameter, *emptiness) {
                        self.value(parameter, quotes, out);
                    } else {
                        self.operand(word, quotes, out).await?;
                    }
                }
                Operation::Alternative(emptiness, word) => {
                    if self.counts(parameter, *emptiness) {
                        self.operand(word, quotes, out).await?;
                    }
                }
                Operation::Assign(emptiness, word) => {
                    if !self.counts(parameter, *emptiness) {
                        let Parameter::Named(name) = parameter else {
                            return self.fail("Bad substitution").await;
                        };
                        let mut glyphs = Vec::new();
                        self.operand(word, quotes, &mut glyphs).await?;
                        let value = self.joined(&glyphs);
                        self.assign(name, value).await?;
                    }
                    self.value(parameter, quotes, out);
                }
                Operation::Error(emptiness, word) => {
                    if !self.counts(parameter, *emptiness) {
                        let message = self.single(word).await?;
                        let name = spelled(parameter);
                        return if !message.is_empty() {
                            self.fail(format!("{name}: {message}")).await
                        } else if *emptiness == Emptiness::IsNone {
                            self.fail(format!("{name}: parameter not set or null")).await
                        } else {
                            self.fail(format!("{name}: parameter not set")).await
                        };
                    }
                    self.value(parameter, quotes, out);
                }
                Operation::Trim(end, extent, word) => {
                    self.set_or_fail(parameter).await?;
                    let pattern = Pattern::of(&self.glyphs(word).await?);
                    let mut values = Vec::new();
                    self.value(parameter, quotes, &mut values);
                    let mut parts = values.split(|glyph| *glyph == Glyph::Break).peekable();
                    while let Some(part) = parts.next() {
                        out.extend(trimmed(part, &pattern, *end, *extent));
                        if parts.peek().is_some() {
                            out.push(Glyph::Break);
                        }
                    }
                }
            }
            Ok(())
        })
    }

    /// The word after a sign such as `:-`.
    fn operand<'a>(
        &'a mut self,
        word: &'a Word,
        quotes: Quotes,
        out: &'a mut Vec<Glyph>,
    ) -> BoxFuture<'a, Step> {
        Box::pin(async move {
            let before = out.len();
            self.pieces(word, quotes, Tilde::AtStart, out).await?;
            // It came by an expansion, so it is split.
            for glyph in out.iter_mut().skip(before) {
                if let Glyph::Plain(character) = glyph {
                    *glyph = Glyph::Loose(*character);
                }
            }
            Ok(())
        })
    }

    /// With `set -u` something that is not set is an error.
    async fn set_or_fail(&mut self, parameter: &Parameter) -> Step {
        let all = matches!(parameter, Parameter::Each | Parameter::Joined);
        if !self.options.has('u') || all || self.scalar(parameter).is_some() {
            return Ok(());
        }
        self.fail(format!("{}: parameter not set", spelled(parameter))).await
    }

    fn counts(&self, parameter: &Parameter, emptiness: Emptiness) -> bool {
        let value = match parameter {
            Parameter::Each | Parameter::Joined => {
                (!self.parameters.is_empty()).then(|| self.parameters.join(" "))
            }
            parameter => self.scalar(parameter),
        };
        value.is_some_and(|value| emptiness == Emptiness::Counts || !value.is_empty())
    }

    fn scalar(&self, parameter: &Parameter) -> Option<String> {
        match parameter {
            Parameter::Named(name) => self.variables.value(name).map(str::to_owned),
            Parameter::Positional(number) => self.parameters.get(number.checked_sub(1)?).cloned(),
            Parameter::Name => Some(self.name.clone()),
            Parameter::Count => Some(self.parameters.len().to_string()),
            Parameter::Status => Some(self.status.to_string()),
            Parameter::Flags => Some(self.options.letters()),
            Parameter::Id => Some(self.id.to_string()),
            Parameter::Background => self.background.map(|id| id.to_string()),
            Parameter::Each | Parameter::Joined => None,
        }
    }

    fn value(&self, parameter: &Parameter, quotes: Quotes, out: &mut Vec<Glyph>) {
        let each = match (parameter, quotes) {
            (Parameter::Joined, Quotes::Around) => {
                let separators = self.variables.value("IFS").unwrap_or(" ");
                let between: String = separators.chars().take(1).collect();
                out.extend(self.parameters.join(&between).chars().map(Glyph::Quoted));
                return;
            }
            (Parameter::Each | Parameter::Joined, _) => &self.parameters,
            (parameter, _) => {
                let value = self.scalar(parameter).unwrap_or_default();
                out.extend(value.chars().map(|character| quotes.glyph(character)));
                return;
            }
        };
        for (index, value) in each.iter().enumerate() {
            if index > 0 {
                out.push(Glyph::Break);
            }
            if quotes == Quotes::Around {
                out.push(Glyph::Empty);
            }
            out.extend(value.chars().map(|character| quotes.glyph(character)));
        }
    }
}

/// A parameter as messages name it.
fn spelled(parameter: &Parameter) -> String {
    match parameter {
        Parameter::Named(name) => name.clone(),
        Parameter::Positional(number) => number.to_string(),
        Parameter::Name => "0".into(),
        Parameter::Each => "@".into(),
        Parameter::Joined => "*".into(),
        Parameter::Count => "#".into(),
        Parameter::Status => "?".into(),
        Parameter::Flags => "-".into(),
        Parameter::Id => "$".into(),
        Parameter::Background => "!".into(),
    }
}

/// What is left of a value when the part that a pattern matches is cut off.
fn trimmed(value: &[Glyph], pattern: &Pattern, end: End, extent: Extent) -> Vec<Glyph> {
    let value: Vec<Glyph> = value.iter().copied().filter(|glyph| *glyph != Glyph::Empty).collect();
    let characters: Vec<char> = text(&value).chars().collect();
    let length = characters.len();
    let lengths: Box<dyn Iterator<Item = usize>> = match extent {
        Extent::Shortest => Box::new(0..=length),
        Extent::Longest => Box::new((0..=length).rev()),
    };
    for cut in lengths {
        let (part, rest) = match end {
            End::Front => (characters.get(..cut), value.get(cut..)),
            End::Back => (characters.get(length - cut..), value.get(..length - cut)),
        };
        if part.is_some_and(|part| pattern.matches(part)) {
            return rest.unwrap_or_default().to_vec();
        }
    }
    value
}
