//! Variables: values, which of them children see, and which cannot be changed.

use std::collections::BTreeMap;

/// A variable, which may be known without having a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variable {
    pub value: Option<String>,
    /// Whether children see it.
    pub exported: bool,
    /// Whether it stays as it is.
    pub readonly: bool,
}

/// All variables by name.
#[derive(Clone, Debug, Default)]
pub struct Variables(BTreeMap<String, Variable>);

/// An attempt to change what cannot be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadOnly;

impl Variables {
    /// What a process was given.
    pub fn imported(environment: &BTreeMap<String, String>) -> Self {
        let named = environment.iter().filter(|(name, _)| super::syntax::is_name(name));
        Self(
            named
                .map(|(name, value)| {
                    let variable = Variable { value: Some(value.clone()), exported: true, readonly: false };
                    (name.clone(), variable)
                })
                .collect(),
        )
    }

    /// A variable's value.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.value.as_deref()
    }

    /// A variable.
    pub fn get(&self, name: &str) -> Option<&Variable> {
        self.0.get(name)
    }

    /// Gives a variable a value.
    pub fn set(&mut self, name: &str, value: impl Into<String>) -> Result<(), ReadOnly> {
        let variable = self.0.entry(name.to_owned()).or_default();
        if variable.readonly {
            return Err(ReadOnly);
        }
        variable.value = Some(value.into());
        Ok(())
    }

    /// Takes a variable away.
    pub fn unset(&mut self, name: &str) -> Result<(), ReadOnly> {
        if self.0.get(name).is_some_and(|variable| variable.readonly) {
            return Err(ReadOnly);
        }
        self.0.remove(name);
        Ok(())
    }

    /// Makes children see it, or makes it unchangeable.
    pub fn mark(&mut self, name: &str, mark: impl FnOnce(&mut Variable)) {
        mark(self.0.entry(name.to_owned()).or_default());
    }

    /// Puts back what was covered up.
    pub fn restore(&mut self, name: &str, variable: Option<Variable>) {
        match variable {
            Some(variable) => self.0.insert(name.to_owned(), variable),
            None => self.0.remove(name),
        };
    }

    /// What children are given.
    pub fn exported(&self) -> BTreeMap<String, String> {
        let exported = self.0.iter().filter(|(_, variable)| variable.exported);
        exported.filter_map(|(name, variable)| Some((name.clone(), variable.value.clone()?))).collect()
    }

    /// All by name.
    pub fn all(&self) -> impl Iterator<Item = (&String, &Variable)> {
        self.0.iter()
    }
}

/// Text in quotes that a shell reads back unchanged, in dash's manner.
pub fn quoted(text: &str) -> String {
    let mut result = String::new();
    let mut parts = text.split('\'').peekable();
    if text.is_empty() {
        return "''".into();
    }
    while let Some(part) = parts.next() {
        if !part.is_empty() {
            result.extend(["'", part, "'"]);
        }
        if parts.peek().is_some() {
            match result.strip_suffix("'\"") {
                // Several quotes after one another are quoted together.
                Some(before) if part.is_empty() => result = format!("{before}''\""),
                _ => result.push_str("\"'\""),
            }
        }
    }
    result
}
