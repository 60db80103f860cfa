//! Single values of the fleet file and of other files: each either becomes a type that cannot be wrong, or says what was
//! expected and what was found.

use std::path::{Path, PathBuf};

use toml::de::DeValue;

use super::position::{quoted, suggestion};
use super::{Engine, HostKeyCheck, Sudo};

pub(super) const ENGINES: [(&str, Engine); 4] =
    [("podman", Engine::Podman), ("docker", Engine::Docker), ("runc", Engine::Runc), ("auto", Engine::Auto)];

pub(super) const SUDO: [(&str, Sudo); 3] =
    [("auto", Sudo::Auto), ("always", Sudo::Always), ("never", Sudo::Never)];

pub(super) const HOST_KEY_CHECKS: [(&str, HostKeyCheck); 3] =
    [("strict", HostKeyCheck::Strict), ("ask", HostKeyCheck::Ask), ("accept-new", HostKeyCheck::AcceptNew)];

/// A value as a message shows it, cut where it would fill the line.
pub(crate) fn found(value: &DeValue<'_>) -> String {
    let shorten = |text: &str| {
        let cut: String = text.chars().take(40).collect();
        if cut.len() < text.len() { format!("{cut}…") } else { cut }
    };
    match value {
        DeValue::String(text) => format!("“{}”", shorten(text)),
        DeValue::Integer(number) => format!("the number {}", shorten(&number.to_string())),
        DeValue::Float(number) => format!("the number {}", shorten(&number.to_string())),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(value) => format!("the date {value}"),
        DeValue::Array(_) => "a list".into(),
        DeValue::Table(_) => "a table".into(),
    }
}

/// One of a few words.
pub(crate) fn word<T: Copy>(value: &DeValue<'_>, words: &[(&str, T)]) -> Result<T, String> {
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let Some(text) = value.as_str() else {
        return Err(format!("expected one of {}, found {}", quoted(&known), found(value)));
    };
    words
        .iter()
        .find(|(word, _)| *word == text)
        .map(|(_, meaning)| *meaning)
        .ok_or_else(|| format!("unknown value {}; {}", found(value), suggestion(text, &known)))
}

/// Any text that can be shown on one line.
pub(crate) fn line(value: &DeValue<'_>) -> Result<String, String> {
    match value.as_str() {
        Some(text) if text.trim().is_empty() => Err("expected a text, found an empty one".into()),
        Some(text) if text.chars().any(char::is_control) => {
            Err(format!("expected a text without control characters, found {}", found(value)))
        }
        Some(text) => Ok(text.to_string()),
        None => Err(format!("expected a text in quotation marks, found {}", found(value))),
    }
}

/// A word for ssh: it must not be taken for an option, nor fall apart into several words.
fn ssh_word(value: &DeValue<'_>, what: &str) -> Result<String, String> {
    let text = line(value)?;
    if text.starts_with('-') || text.chars().any(char::is_whitespace) {
        return Err(format!(
            "expected {what} without spaces and not beginning with “-”, found {}",
            found(value)
        ));
    }
    Ok(text)
}

/// An address or an alias.
pub(super) fn address(value: &DeValue<'_>) -> Result<String, String> {
    let text = ssh_word(value, "an address or alias")?;
    // Addresses of IPv6 have colons and no brackets; a single colon is a port in the wrong place.
    if let Some((user, rest)) = text.split_once('@') {
        return Err(format!(
            "expected an address without a user, found {}: write address = \"{rest}\" and user = \"{user}\"",
            found(value)
        ));
    }
    if let [host, port] = text.split(':').collect::<Vec<_>>()[..] {
        return Err(format!(
            "expected an address without a port, found {}: write address = \"{host}\" and port = {port}",
            found(value)
        ));
    }
    Ok(text)
}

/// A login name.
pub(super) fn user(value: &DeValue<'_>) -> Result<String, String> {
    let text = ssh_word(value, "a login name")?;
    if text.contains('@') {
        return Err(format!("expected a login name without “@”, found {}", found(value)));
    }
    Ok(text)
}

/// A TCP port.
pub(crate) fn port(value: &DeValue<'_>) -> Result<u16, String> {
    match value {
        DeValue::Integer(number) => u16::from_str_radix(number.as_str(), number.radix()).ok(),
        _ => None,
    }
    .filter(|port| *port > 0)
    .ok_or_else(|| format!("expected a number from 1 to 65535, found {}", found(value)))
}

/// A jump host, `[user@]host[:port]`.
pub(super) fn jump(value: &DeValue<'_>) -> Result<String, String> {
    let text = ssh_word(value, "a jump host")?;
    let (user, host_and_port) = match text.rsplit_once('@') {
        Some((user, rest)) => (Some(user), rest),
        None => (None, text.as_str()),
    };
    let (host, port) = match host_and_port.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, Some(rest.strip_prefix(':').unwrap_or("?"))),
        None => match host_and_port.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (host_and_port, None),
        },
    };
    let good_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    if user == Some("") || host.is_empty() || host.starts_with('-') || text.contains(',') || !good_port {
        return Err(format!(
            "expected a jump host as “[user@]host[:port]”, IPv6 addresses in brackets, found {}; \
             several go into a list",
            found(value)
        ));
    }
    Ok(text)
}

/// A path: `~/` is the home directory, a relative one lies beside the fleet file.
pub(super) fn path(value: &DeValue<'_>, beside: &Path, home: Option<&Path>) -> Result<PathBuf, String> {
    let text = line(value)?;
    if text != "~" && !text.starts_with("~/") {
        if text.starts_with('~') {
            return Err(format!(
                "expected a path, found {}: only “~/”, your own home directory, is understood",
                found(value)
            ));
        }
        return Ok(beside.join(text));
    }
    match home {
        Some(home) => Ok(home.join(text.trim_start_matches('~').trim_start_matches('/'))),
        None => {
            Err(format!("{} needs a home directory, and none is known: write the whole path", found(value)))
        }
    }
}

/// An amount of memory: `"512M"`, `"1.5G"`, or a number of bytes. Units are binary.
pub(crate) fn memory(value: &DeValue<'_>) -> Result<u64, String> {
    let parsed = match value {
        DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
        DeValue::String(text) => memory_text(text),
        _ => None,
    };
    parsed.ok_or_else(|| format!("expected an amount such as “512M” or “2G”, found {}", found(value)))
}

fn memory_text(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor: u64 = match unit.trim_start() {
        "" | "B" => 1,
        "K" | "KiB" => 1 << 10,
        "M" | "MiB" => 1 << 20,
        "G" | "GiB" => 1 << 30,
        "T" | "TiB" => 1 << 40,
        _ => return None,
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor);
    }
    let amount = number.parse::<f64>().ok()? * factor as f64;
    // Beyond this a float no longer counts single bytes, and no machine has so much memory.
    (amount < (1u64 << 53) as f64).then_some(amount as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_of_memory() {
        assert_eq!(memory_text("512M"), Some(512 << 20));
        assert_eq!(memory_text("1.5 GiB"), Some(3 << 29));
        assert_eq!(memory_text("0"), Some(0));
        for wrong in ["", "M", "-1G", "5 MB", "1.2.3G", "99999999999T", "1e3"] {
            assert_eq!(memory_text(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn jump_hosts() {
        let read = |text: &str| jump(&DeValue::String(text.into()));
        for right in ["gate", "ops@gate", "ops@gate:2222", "[fe80::1]:22", "ops@[fe80::1]"] {
            assert_eq!(read(right).as_deref(), Ok(right));
        }
        for wrong in ["@gate", "gate:", "gate:0", "fe80::1", "a,b", "ops@-oProxyCommand=x", "[::1]22", ""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
