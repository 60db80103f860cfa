//! What a person may ask of a lab, checked where it is read.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::LabError;

/// The name of a lab. It becomes part of device names, which Linux limits to 15 bytes: 1 to 11 characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LabName(String);

impl LabName {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The bridge that joins the lab's hosts.
    pub(super) fn bridge(&self) -> String {
        format!("drv-{}", self.0)
    }

    /// The control group of one host.
    pub(super) fn group(&self, host: &str) -> String {
        format!("drover-{}-{host}", self.0)
    }

    /// What devices of this lab carry as their alias.
    pub(super) fn mark(&self) -> String {
        format!("drover lab {}", self.0)
    }
}

impl Default for LabName {
    fn default() -> Self {
        Self("lab".into())
    }
}

impl fmt::Display for LabName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl FromStr for LabName {
    type Err = LabError;
    fn from_str(text: &str) -> Result<Self, LabError> {
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase());
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if starts_well && text.len() <= 11 && text.chars().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(LabError::Name(crate::fleet::printable(text)))
        }
    }
}

impl TryFrom<String> for LabName {
    type Error = LabError;
    fn try_from(text: String) -> Result<Self, LabError> {
        text.parse()
    }
}

impl From<LabName> for String {
    fn from(name: LabName) -> Self {
        name.0
    }
}

/// How many hosts a lab has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HostCount(u8);

impl HostCount {
    /// Fifty hosts fill the screen of any console and some 30 MB of memory each; more teach nothing new.
    const MOST: u8 = 50;

    /// The number.
    pub fn get(self) -> u8 {
        self.0
    }
}

impl Default for HostCount {
    fn default() -> Self {
        Self(3)
    }
}

impl fmt::Display for HostCount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl FromStr for HostCount {
    type Err = LabError;
    fn from_str(text: &str) -> Result<Self, LabError> {
        text.parse().ok().filter(|count| (1..=Self::MOST).contains(count)).map(Self).ok_or_else(|| {
            LabError::Value {
                what: "number of hosts",
                found: crate::fleet::printable(text),
                expected: "from 1 to 50",
            }
        })
    }
}

/// Memory of one host, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Memory(u64);

impl Memory {
    /// sshd, the Podman service and one checkpoint take about 100 MiB.
    const LEAST: u64 = 128 << 20;

    /// The number of bytes.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self(2 << 30)
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&crate::fleet::bytes(self.0))
    }
}

impl FromStr for Memory {
    type Err = LabError;
    fn from_str(text: &str) -> Result<Self, LabError> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let shift = match text[digits.len()..].to_ascii_lowercase().as_str() {
            "" | "b" => Some(0),
            "k" | "kb" | "kib" => Some(10),
            "m" | "mb" | "mib" => Some(20),
            "g" | "gb" | "gib" => Some(30),
            "t" | "tb" | "tib" => Some(40),
            _ => None,
        };
        let bytes = shift.and_then(|shift: u32| {
            // Whole numbers exactly; a fraction such as 1.5G as near as a float is.
            match digits.parse::<u64>() {
                Ok(number) => number.checked_mul(1 << shift),
                Err(_) => {
                    let number =
                        digits.parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0)?;
                    Some((number * (1u64 << shift) as f64) as u64)
                }
            }
        });
        bytes.filter(|bytes| *bytes >= Self::LEAST && *bytes <= i64::MAX as u64).map(Self).ok_or_else(|| {
            LabError::Value {
                what: "size of memory",
                found: crate::fleet::printable(text),
                expected: "write 512M or 2G, at least 128M",
            }
        })
    }
}

/// Processors of one host, in hundredths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cpus(u32);

impl Cpus {
    /// Processor time for each 100 ms, in microseconds, as control groups want it.
    pub(super) fn quota(self) -> u32 {
        self.0 * 1000
    }
}

impl fmt::Display for Cpus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", f64::from(self.0) / 100.0)
    }
}

impl FromStr for Cpus {
    type Err = LabError;
    fn from_str(text: &str) -> Result<Self, LabError> {
        let bounds = 0.05..=512.0;
        text.parse::<f64>()
            .ok()
            .filter(|cpus| bounds.contains(cpus))
            .map(|cpus| Self((cpus * 100.0).round() as u32))
            .ok_or_else(|| LabError::Value {
                what: "number of processors",
                found: crate::fleet::printable(text),
                expected: "write 2 or 0.5, from 0.05 to 512",
            })
    }
}

/// The address of a Debian mirror.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror(String);

impl Mirror {
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The one that leads everybody to a near server.
impl Default for Mirror {
    fn default() -> Self {
        Self("http://deb.debian.org/debian".into())
    }
}

impl fmt::Display for Mirror {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl FromStr for Mirror {
    type Err = LabError;
    fn from_str(text: &str) -> Result<Self, LabError> {
        let known = ["http://", "https://", "file:/"].iter().any(|scheme| text.starts_with(scheme));
        // It becomes a word of a sources file.
        if known && text.chars().all(|c| c.is_ascii_graphic()) {
            Ok(Self(text.trim_end_matches('/').into()))
        } else {
            Err(LabError::Value {
                what: "mirror",
                found: crate::fleet::printable(text),
                expected: "write its address, such as http://deb.debian.org/debian",
            })
        }
    }
}

/// What `up` is asked for. What is left open stays as the running lab has it, or is the default.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which lab.
    pub name: LabName,
    /// How many hosts; 3 unless said.
    pub hosts: Option<HostCount>,
    /// Memory of each; 2 GiB unless said.
    pub memory: Option<Memory>,
    /// Processors of each; all of the machine's unless said.
    pub cpus: Option<Cpus>,
    /// Debian mirror to build from; the machine's own unless said.
    pub mirror: Option<Mirror>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_a_network_device() {
        for good in ["lab", "a", "test-123456"] {
            let name: LabName = good.parse().unwrap();
            assert!(name.bridge().len() <= 15, "{good}");
        }
        for bad in ["", "Lab", "-a", "1a", "a_b", "a/b", "twelve-chars", "ä", "a b"] {
            assert!(bad.parse::<LabName>().is_err(), "{bad}");
        }
    }

    #[test]
    fn memory_is_read_with_its_unit() {
        for (text, bytes) in [
            ("2G", 2 << 30),
            ("512M", 512 << 20),
            ("1.5GiB", 3 << 29),
            ("134217728", 128 << 20),
            ("1t", 1 << 40),
        ] {
            assert_eq!(text.parse::<Memory>().unwrap().get(), bytes, "{text}");
        }
        for bad in ["", "G", "2X", "127M", "-2G", "NaNG", "infG", "99999999T", "2 G", "1e400G"] {
            assert!(bad.parse::<Memory>().is_err(), "{bad}");
        }
    }

    #[test]
    fn processors_become_a_quota() {
        assert_eq!("0.5".parse::<Cpus>().unwrap().quota(), 50_000);
        assert_eq!("2".parse::<Cpus>().unwrap().quota(), 200_000);
        assert_eq!("2".parse::<Cpus>().unwrap().to_string(), "2");
        for bad in ["0", "-1", "NaN", "many", "513"] {
            assert!(bad.parse::<Cpus>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_mirror_is_one_word() {
        assert_eq!("https://near/debian/".parse::<Mirror>().unwrap().as_str(), "https://near/debian");
        for bad in ["near/debian", "http://a b", "http://a\ndeb http://b", ""] {
            assert!(bad.parse::<Mirror>().is_err(), "{bad}");
        }
    }

    #[test]
    fn hosts_are_one_to_fifty() {
        assert_eq!("50".parse::<HostCount>().unwrap().get(), 50);
        for bad in ["0", "51", "300", "-1", "three"] {
            assert!(bad.parse::<HostCount>().is_err(), "{bad}");
        }
    }
}
