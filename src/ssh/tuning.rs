//! The SSH parameters of a connection, as measured.

use std::borrow::Cow;
use std::time::Duration;

use russh::{Limits, Preferred, cipher, client};

use super::connection::Purpose;
use super::known_hosts::{KnownHosts, Lookup};

/// Whether AES runs in hardware, which decides the order of ciphers: with it AES-GCM takes half the time of
/// ChaCha20, without it several times as much.
fn aes_in_hardware() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::arch::is_x86_feature_detected!("aes");
    #[cfg(target_arch = "aarch64")]
    return std::arch::is_aarch64_feature_detected!("aes");
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    return false;
}

/// The configuration for one machine.
pub(super) fn configuration(purpose: Purpose, known: &KnownHosts, lookup: &Lookup) -> client::Config {
    let mut preferred = Preferred::DEFAULT;
    // aes128-gcm is not in russh's own list. AES-CTR runs in software and comes last.
    preferred.cipher = Cow::Borrowed(if aes_in_hardware() {
        &[cipher::AES_128_GCM, cipher::AES_256_GCM, cipher::CHACHA20_POLY1305, cipher::AES_256_CTR]
    } else {
        &[cipher::CHACHA20_POLY1305, cipher::AES_128_GCM, cipher::AES_256_GCM, cipher::AES_256_CTR]
    });
    preferred.key = Cow::Owned(known.preferred_algorithms(lookup));
    preferred.host_key_certificates = Cow::Owned(known.certificate_algorithms(lookup));
    client::Config {
        // russh tops the window up at half, so throughput is half a window per round trip.
        window_size: match purpose {
            Purpose::Commands => 2 << 20,
            Purpose::Bulk => 64 << 20,
        },
        maximum_packet_size: 65535,
        // Messages, not bytes, that a channel takes before the connection waits for its draining task.
        channel_buffer_size: 256,
        nodelay: true,
        // A host that answers nothing for 4 intervals is gone: 20 s, well above a stall of a busy host.
        keepalive_interval: Some(Duration::from_secs(5)),
        keepalive_max: 3,
        // RFC 4253 recommends new keys each GiB or hour; russh allows no more.
        limits: Limits {
            rekey_write_limit: 1 << 30,
            rekey_read_limit: 1 << 30,
            rekey_time_limit: Duration::from_secs(3600),
        },
        preferred,
        ..client::Config::default()
    }
}
