//! Whether a host certificate holds: for a host, for this host, for now.

use russh::keys::ssh_key::certificate::CertType;
use russh::keys::{Algorithm, Certificate};

/// Why a certificate of a trusted authority is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    /// It is a user's certificate.
    #[error("it is not a host certificate")]
    NotForHosts,
    /// The authority's signature is wrong or of a kind no longer trusted.
    #[error("its signature does not hold")]
    Signature,
    /// It names no hosts, or others.
    #[error("it is for {}, not for this host", if .0.is_empty() { "no host by name".to_string() } else { .0.join(", ") })]
    Principal(Vec<String>),
    /// It begins later.
    #[error("it is not valid yet; compare the clocks")]
    NotYet,
    /// It is over.
    #[error("it has expired; have it renewed")]
    Expired,
    /// It demands what drover does not know.
    #[error("it carries the unknown critical option {0}")]
    Option(String),
}

/// The first reason against a certificate, if there is one.
pub(super) fn fault(certificate: &Certificate, host: &str, now: u64) -> Option<CertificateFault> {
    if certificate.cert_type() != CertType::Host {
        return Some(CertificateFault::NotForHosts);
    }
    let sha1 = Algorithm::Rsa { hash: None };
    if certificate.signature().algorithm() == sha1 || certificate.verify_signature().is_err() {
        return Some(CertificateFault::Signature);
    }
    let principals = certificate.valid_principals();
    // A certificate without principals would hold for every host; it is refused like one for others.
    if !principals.iter().any(|principal| super::pattern::matches(&principal.to_lowercase(), host)) {
        return Some(CertificateFault::Principal(
            principals.iter().map(|name| crate::fleet::printable(name)).collect(),
        ));
    }
    if now < certificate.valid_after() {
        return Some(CertificateFault::NotYet);
    }
    if now >= certificate.valid_before() {
        return Some(CertificateFault::Expired);
    }
    // No critical option is defined for hosts.
    certificate
        .critical_options()
        .iter()
        .next()
        .map(|(name, _)| CertificateFault::Option(crate::fleet::printable(name)))
}
