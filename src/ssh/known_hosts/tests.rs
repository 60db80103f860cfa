use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use russh::keys::PrivateKey;
use russh::keys::key::safe_rng;
use russh::keys::ssh_key::certificate::{Builder, CertType};

use super::*;

fn private() -> PrivateKey {
    PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).unwrap()
}

fn key() -> PublicKey {
    private().public_key().clone()
}

fn ecdsa() -> PublicKey {
    let algorithm = Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 };
    PrivateKey::random(&mut safe_rng(), algorithm).unwrap().public_key().clone()
}

fn text(key: &PublicKey) -> String {
    key.to_openssh().unwrap().trim().to_string()
}

fn known(content: &str) -> KnownHosts {
    let mut known = KnownHosts::default();
    known.parse(Path::new("kh"), content.as_bytes());
    known
}

fn at(line: usize) -> Location {
    Location { file: "kh".into(), line }
}

fn host(name: &str) -> Lookup {
    Lookup::new(name, 22)
}

#[test]
fn a_key_on_record_is_known_with_its_true_line() {
    let (right, other) = (key(), key());
    let content = format!("# comment\n\n  h2 {}\r\nh1,10.0.0.1\t{} a comment\n", text(&other), text(&right));
    let known = known(&content);
    assert_eq!(known.problems(), []);
    for name in ["h1", "10.0.0.1", "H1"] {
        assert_eq!(known.check(&host(name), &right), Verdict::Known(at(4)));
    }
    assert_eq!(known.check(&host("h3"), &right), Verdict::Unknown);
}

#[test]
fn a_changed_key_names_the_line_and_the_old_fingerprint() {
    let (old, new) = (key(), key());
    let known = known(&format!("# one\n# two\nh1 {}\n", text(&old)));
    let expected = Verdict::Changed { location: at(3), recorded: fingerprint(&old) };
    assert_eq!(known.check(&host("h1"), &new), expected);
}

#[test]
fn several_keys_and_types_stand_side_by_side() {
    let (first, second, third) = (key(), key(), ecdsa());
    let lines = known(&format!("h1 {}\nh1 {}\nh1 {}\n", text(&first), text(&second), text(&third)));
    assert_eq!(lines.check(&host("h1"), &second), Verdict::Known(at(2)));
    assert_eq!(lines.check(&host("h1"), &third), Verdict::Known(at(3)));
    let only_ecdsa = known(&format!("h1 {}\n", text(&third)));
    let recorded = vec![("ecdsa-sha2-nistp256".to_string(), at(1))];
    assert_eq!(only_ecdsa.check(&host("h1"), &first), Verdict::OtherType { recorded });
}

#[test]
fn revocation_beats_a_record_of_the_same_key() {
    let key = key();
    for content in
        [format!("h1 {0}\n@revoked * {0}\n", text(&key)), format!("@revoked h1 {0}\nh1 {0}\n", text(&key))]
    {
        let verdict = known(&content).check(&host("h1"), &key);
        assert!(matches!(verdict, Verdict::Revoked(_)), "{content}: {verdict:?}");
    }
}

#[test]
fn wildcards_and_negation_decide_whom_a_line_is_about() {
    let key = key();
    let known = known(&format!("127.0.0.*,!127.0.0.9,*.lab,!evil.lab {}\n", text(&key)));
    assert_eq!(known.check(&host("127.0.0.1"), &key), Verdict::Known(at(1)));
    assert_eq!(known.check(&host("a.lab"), &key), Verdict::Known(at(1)));
    assert_eq!(known.check(&host("127.0.0.9"), &key), Verdict::Unknown);
    assert_eq!(known.check(&host("evil.lab"), &key), Verdict::Unknown);
}

#[test]
fn another_port_has_a_name_of_its_own() {
    let (own, plain) = (key(), key());
    let lines = known(&format!("[h1]:2222 {}\nh1 {}\n", text(&own), text(&plain)));
    let port = Lookup::new("h1", 2222);
    assert_eq!(lines.check(&port, &own), Verdict::Known(at(1)));
    assert!(matches!(lines.check(&port, &plain), Verdict::Changed { .. }));
    assert!(matches!(lines.check(&host("h1"), &own), Verdict::Changed { .. }));
    // Known as a host without a port, it is also good on another port, as with OpenSSH; a mismatch says nothing.
    let without = known(&format!("h1 {}\n", text(&plain)));
    assert_eq!(without.check(&port, &plain), Verdict::Known(at(1)));
    assert_eq!(without.check(&port, &own), Verdict::Unknown);
    assert_eq!(without.check(&Lookup::alias("H1"), &plain), Verdict::Known(at(1)));
}

#[test]
fn names_hashed_by_ssh_keygen_are_found() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("known_hosts");
    let key = key();
    std::fs::write(&file, format!("h1 {0}\n[h1]:2222 {0}\n", text(&key))).unwrap();
    let hashed = std::process::Command::new("ssh-keygen").arg("-H").arg("-f").arg(&file).output();
    if hashed.is_err() {
        assert!(std::env::var_os("DROVER_REQUIRE_LAB").is_none(), "ssh-keygen is not installed");
        eprintln!("skipped: ssh-keygen is not installed");
        return;
    }
    let known = KnownHosts::read(std::slice::from_ref(&file)).unwrap();
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("|1|"));
    for lookup in [host("h1"), Lookup::new("h1", 2222)] {
        assert!(matches!(known.check(&lookup, &key), Verdict::Known(_)));
    }
    assert_eq!(known.check(&host("h2"), &key), Verdict::Unknown);
}

#[test]
fn broken_lines_are_reported_and_the_others_hold() {
    let key = key();
    let mut content = b"h1 ssh-ed25519 AAAA\nh1\n@nonsense h1 x y\n\xff\xfe h1\nh1 ssh-rsa ".to_vec();
    content.extend(text(&key).split(' ').nth(1).unwrap().bytes());
    content.extend(format!("\nh1 {}", text(&key)).bytes());
    let mut known = KnownHosts::default();
    known.parse(Path::new("kh"), &content);
    let lines: Vec<usize> = known.problems().iter().map(|problem| problem.location.line).collect();
    assert_eq!(lines, [1, 2, 3, 4, 5]);
    assert_eq!(known.check(&host("h1"), &key), Verdict::Known(at(6)));
}

#[test]
fn a_missing_file_is_empty_and_an_unreadable_one_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    assert!(KnownHosts::read(&[directory.path().join("none")]).is_ok());
    // A directory cannot be read as a file, not even by root.
    assert!(KnownHosts::read(&[directory.path().to_path_buf()]).is_err());
}

#[test]
fn types_on_record_are_asked_for_first() {
    let known = known(&format!("h1 {}\n", text(&ecdsa())));
    let order = known.preferred_algorithms(&host("h1"));
    assert_eq!(order[0], Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 });
    assert_eq!(known.preferred_algorithms(&host("h2"))[0], Algorithm::Ed25519);
    assert_eq!(order.len(), 6);
    assert!(!order.contains(&Algorithm::Rsa { hash: None }));
}

fn certificate(
    authority: &PrivateKey,
    kind: CertType,
    principals: &[&str],
    valid: (u64, u64),
) -> Certificate {
    let mut builder =
        Builder::new_with_random_nonce(&mut safe_rng(), key().key_data().clone(), valid.0, valid.1).unwrap();
    builder.cert_type(kind).unwrap();
    builder.key_id("host key").unwrap();
    for principal in principals {
        builder.valid_principal(*principal).unwrap();
    }
    builder.sign(authority).unwrap()
}

#[test]
fn certificates_hold_for_their_authority_hosts_and_time() {
    let (authority, other) = (private(), private());
    let known = known(&format!("@cert-authority *.lab {}\n", text(authority.public_key())));
    let now = 1_000_000;
    let valid = (now - 10, now + 10);
    let lab = host("h1.lab");
    let check =
        |certificate: &Certificate, host: &Lookup, now| known.check_certificate(host, certificate, now);
    let fault = |fault| Verdict::BadCertificate { location: at(1), fault };

    let good = certificate(&authority, CertType::Host, &["h1.lab"], valid);
    assert_eq!(check(&good, &lab, now), Verdict::Certified(at(1)));
    assert_eq!(check(&good, &Lookup::new("h1.lab", 2222), now), Verdict::Certified(at(1)));
    assert_eq!(check(&good, &lab, now - 11), fault(CertificateFault::NotYet));
    assert_eq!(check(&good, &lab, now + 10), fault(CertificateFault::Expired));
    assert_eq!(check(&good, &host("h1.elsewhere"), now), Verdict::Unknown);
    assert_eq!(check(&good, &host("h2.lab"), now), fault(CertificateFault::Principal(vec!["h1.lab".into()])));

    let wild = certificate(&authority, CertType::Host, &["h?.lab"], valid);
    assert_eq!(check(&wild, &lab, now), Verdict::Certified(at(1)));
    let user = certificate(&authority, CertType::User, &["h1.lab"], valid);
    assert_eq!(check(&user, &lab, now), fault(CertificateFault::NotForHosts));
    let stranger = certificate(&other, CertType::Host, &["h1.lab"], valid);
    assert_eq!(check(&stranger, &lab, now), Verdict::Unknown);
}

#[test]
fn a_revoked_authority_or_key_revokes_the_certificate() {
    let authority = private();
    let now = 1_000_000;
    let good = certificate(&authority, CertType::Host, &["h1"], (now - 10, now + 10));
    let inner = PublicKey::new(good.public_key().clone(), "");
    for revoked in [authority.public_key(), &inner] {
        let content =
            format!("@cert-authority h1 {}\n@revoked * {}\n", text(authority.public_key()), text(revoked));
        let verdict = known(&content).check_certificate(&host("h1"), &good, now);
        assert_eq!(verdict, Verdict::Revoked(at(2)));
    }
}

#[test]
fn certificates_are_asked_for_only_where_an_authority_may_vouch() {
    let known = known(&format!("@cert-authority *.lab {}\n", text(&key())));
    assert!(!known.certificate_algorithms(&host("h1.lab")).is_empty());
    assert!(!known.certificate_algorithms(&Lookup::new("h1.lab", 2222)).is_empty());
    assert!(known.certificate_algorithms(&host("h1")).is_empty());
}

#[test]
fn remembering_makes_private_files_and_keeps_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("new/known_hosts");
    let (first, second) = (key(), key());
    remember(&file, &Lookup::new("H1", 2222), &first, Naming::Plain).unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("[h1]:2222 {}\n", text(&first)));
    // A last line without its end does not swallow the new one; a second time changes nothing.
    std::fs::write(&file, format!("h9 {}", text(&first))).unwrap();
    for _ in 0..2 {
        remember(&file, &host("h2"), &second, Naming::Hashed).unwrap();
    }
    let content = std::fs::read_to_string(&file).unwrap();
    assert_eq!(content.lines().count(), 2);
    assert!(!content.contains("h2") && content.contains("|1|"), "{content}");
    let known = KnownHosts::read(std::slice::from_ref(&file)).unwrap();
    assert!(matches!(known.check(&host("h2"), &second), Verdict::Known(Location { line: 2, .. })));
    assert!(matches!(known.check(&host("h9"), &first), Verdict::Known(_)));
}

#[test]
fn many_writers_at_once_lose_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("known_hosts");
    std::thread::scope(|scope| {
        for index in 0..8 {
            let file = &file;
            scope.spawn(move || remember(file, &host(&format!("h{index}")), &key(), Naming::Plain).unwrap());
        }
    });
    let known = KnownHosts::read(std::slice::from_ref(&file)).unwrap();
    assert_eq!((known.lines.len(), known.problems().len()), (8, 0));
}

proptest! {
    #[test]
    fn no_bytes_can_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut known = KnownHosts::default();
        known.parse(Path::new("kh"), &bytes);
        let verdict = known.check(&host("h1"), &PublicKey::from_openssh(SOME_KEY).unwrap());
        prop_assert_eq!(verdict, Verdict::Unknown);
    }

    /// Nearly right lines reach deeper into the parsers than noise does.
    #[test]
    fn nearly_right_lines_cannot_break_the_reader(
        marker in "(@revoked |@cert-authority |@|)",
        hosts in "(\\|1\\|[a-zA-Z0-9+/=|]{0,40}|[!*?a-z,\\[\\]:0-9]{0,20})",
        kind in "(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp256|[a-z-]{0,12})",
        key in "[a-zA-Z0-9+/=]{0,80}",
    ) {
        let mut known = KnownHosts::default();
        known.parse(Path::new("kh"), format!("{marker}{hosts} {kind} {key}\n").as_bytes());
        let _ = known.check(&Lookup::new("h1", 2222), &PublicKey::from_openssh(SOME_KEY).unwrap());
        prop_assert!(known.lines.len() + known.problems().len() <= 1);
    }
}

const SOME_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB9dG4kjRhQTtWTVzd2t27+t0DEHBPW7iOD23TUiYLio";
