//! What a host's network looks like: ip, ss. Both read what the kernel says in /proc/net.

use super::call::{Call, Grammar, Outcome, fail, quoted};
use crate::simulation::machine::process::Process;

/// ip(8): `ip address` and `ip link`, with and without `-br`
pub(super) async fn ip(process: &mut Process, words: &[String]) -> Outcome {
    let mut brief = false;
    let mut objects = Vec::new();
    for word in &words[1..] {
        match word.as_str() {
            "-br" | "-brief" => brief = true,
            option if option.starts_with('-') => {}
            object => objects.push(object),
        }
    }
    let object = objects.first().copied().unwrap_or_default();
    // An object may be cut short, but not to nothing.
    let means = |name: &str| !object.is_empty() && name.starts_with(object);
    let addresses = means("address");
    if !addresses && !means("link") {
        return fail(format!("Object \"{object}\" is unknown, try \"ip help\"."));
    }
    let devices = process.content("/proc/net/dev").unwrap_or_default();
    let devices = String::from_utf8_lossy(&devices);
    let mut text = String::new();
    for (index, line) in devices.lines().skip(2).enumerate() {
        let name = line.split(':').next().unwrap_or_default().trim();
        // The hosts of this world are known by name only: no address but the loopback's own.
        let loopback = name == "lo";
        if brief {
            let state = if loopback { "UNKNOWN" } else { "UP" };
            let address = if loopback && addresses { "127.0.0.1/8 ::1/128 " } else { "" };
            text.push_str(&format!("{name:<16} {state:<14} {address}\n"));
            continue;
        }
        let (flags, state, kind) = match loopback {
            true => ("LOOPBACK,UP,LOWER_UP", "UNKNOWN", "loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00"),
            false => ("BROADCAST,MULTICAST,UP,LOWER_UP", "UP", "ether"),
        };
        let number = index + 1;
        let size = if loopback { 65536 } else { 1500 };
        text.push_str(&format!("{number}: {name}: <{flags}> mtu {size} state {state}\n    link/{kind}\n"));
        if loopback && addresses {
            text.push_str("    inet 127.0.0.1/8 scope host lo\n    inet6 ::1/128 scope host\n");
        }
    }
    process.out(text).await?;
    Ok(0)
}

/// An address as /proc/net/tcp has it: the four bytes of the processor's order, and the port.
fn address(text: &str) -> Option<String> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let port = if port == 0 { "*".to_owned() } else { port.to_string() };
    if address.len() == 8 {
        let [d, c, b, a] = u32::from_str_radix(address, 16).ok()?.to_be_bytes();
        return Some(format!("{a}.{b}.{c}.{d}:{port}"));
    }
    let word = |at: usize| u32::from_str_radix(address.get(at..at + 8)?, 16).ok().map(u32::swap_bytes);
    let words = [word(0)?, word(8)?, word(16)?, word(24)?];
    let whole = words.into_iter().fold(0_u128, |whole, word| whole << 32 | u128::from(word));
    Some(format!("[{}]:{port}", std::net::Ipv6Addr::from(whole)))
}

/// ss(8): TCP sockets, listening (`-l`), all (`-a`), or those that are connected
pub(super) async fn ss(process: &mut Process, words: &[String]) -> Outcome {
    let call = Call::parse(
        words,
        &Grammar {
            short: "tlnaup46Hroi",
            long: &[
                ("tcp", 't'),
                ("listening", 'l'),
                ("numeric", 'n'),
                ("all", 'a'),
                ("no-header", 'H'),
                ("processes", 'p'),
            ],
            wrong: 255,
        },
    )?;
    if let Some(filter) = call.operands.first() {
        return fail(format!("Error: filters such as {} are not known on this host", quoted(filter)));
    }
    let mut rows = Vec::new();
    for (file, only) in [("/proc/net/tcp", '6'), ("/proc/net/tcp6", '4')] {
        if call.has(only) && !call.has(if only == '6' { '4' } else { '6' }) {
            continue;
        }
        let text = process.content(file).unwrap_or_default();
        for line in String::from_utf8_lossy(&text).lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let [_, local, peer, state, queues, ..] = fields.as_slice() else { continue };
            // include/net/tcp_states.h
            let state = match *state {
                "0A" => "LISTEN",
                "01" => "ESTAB",
                "06" => "TIME-WAIT",
                "08" => "CLOSE-WAIT",
                _ => "UNCONN",
            };
            let listens = state == "LISTEN";
            if !call.has('a') && listens != call.has('l') {
                continue;
            }
            let queue =
                |text: Option<&str>| text.and_then(|text| u64::from_str_radix(text, 16).ok()).unwrap_or(0);
            let (sending, receiving) = queues.split_once(':').unwrap_or((queues, ""));
            // Of a listening socket ss shows how many may wait: the kernel's own limit.
            let sending = if listens { 4096 } else { queue(Some(sending)) };
            if let (Some(local), Some(peer)) = (address(local), address(peer)) {
                rows.push([
                    state.to_owned(),
                    queue(Some(receiving)).to_string(),
                    sending.to_string(),
                    local,
                    peer,
                ]);
            }
        }
    }
    let title = ["State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port"].map(str::to_owned);
    if !call.has('H') {
        rows.insert(0, title);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let [state, receiving, sending, local, peer] = row;
        let line = format!(
            "{state:<a$} {receiving:<b$} {sending:<c$} {local:>d$} {peer:>e$}",
            a = widths[0],
            b = widths[1],
            c = widths[2],
            d = widths[3],
            e = widths[4]
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    process.out(text).await?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_those_of_the_kernel() {
        assert_eq!(address("0100007F:1F90").as_deref(), Some("127.0.0.1:8080"));
        assert_eq!(address("00000000:0000").as_deref(), Some("0.0.0.0:*"));
        assert_eq!(address("00000000000000000000000001000000:0016").as_deref(), Some("[::1]:22"));
        assert_eq!(address("nonsense"), None);
    }
}
