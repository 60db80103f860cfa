//! What a named volume is made of beside its content.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A named volume as an engine knows it. All text in it is untrusted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Its name.
    #[serde(rename = "Name")]
    pub name: String,
    /// `local`, or a plugin's name.
    #[serde(rename = "Driver", default)]
    pub driver: String,
    /// Labels.
    #[serde(rename = "Labels", default)]
    pub labels: BTreeMap<String, String>,
    /// Options of its driver, among them what the engine has added itself.
    #[serde(rename = "Options", default)]
    pub options: BTreeMap<String, String>,
}

impl Volume {
    /// Whether it is more than a directory with a name.
    pub fn is_special(&self) -> bool {
        !self.labels.is_empty() || !self.options.is_empty() || !matches!(self.driver.as_str(), "" | "local")
    }

    /// The options that a person has given; the engine adds some in capitals.
    pub fn given_options(&self) -> impl Iterator<Item = (&String, &String)> {
        self.options.iter().filter(|(name, _)| !name.bytes().any(|byte| byte.is_ascii_uppercase()))
    }
}
