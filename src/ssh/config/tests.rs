use proptest::prelude::*;

use super::*;
use crate::fleet::{Engine, HostName, HostSpec, Sudo};

fn person() -> Person {
    Person { user: "jo".into(), home: "/home/jo".into(), agent: Some("/run/agent".into()) }
}

fn query(address: &str) -> Query {
    Query { address: address.into(), user: None, port: None }
}

fn spec(address: &str) -> HostSpec {
    HostSpec {
        name: HostName::new("h1").unwrap(),
        address: address.into(),
        user: None,
        port: None,
        identity: Vec::new(),
        jump: Vec::new(),
        known_hosts: Vec::new(),
        engine: Engine::Podman,
        sudo: Sudo::Auto,
        labels: std::collections::BTreeMap::new(),
        memory_reserve: 0,
        host_key_check: crate::fleet::HostKeyCheck::default(),
    }
}

const CONFIG: &str = "\
Host web
    HostName web.example.org
    User deploy
    Port 2200
    IdentityFile ~/.ssh/%h_key
    CertificateFile ~/.ssh/web-cert.pub
    IdentitiesOnly yes
    IdentityAgent none
    ProxyJump gate@10.0.0.1:2022,inner
    UserKnownHostsFile ~/.ssh/web_hosts /srv/hosts
    HostKeyAlias web-cluster
    HashKnownHosts yes
    ConnectTimeout 7
Host odd
    ProxyCommand nc %h %p
";

fn assert_web(settings: &Settings) {
    assert_eq!(settings.host_name, "web.example.org");
    assert_eq!((settings.user.as_str(), settings.port), ("deploy", 2200));
    assert_eq!(settings.identity_files, [PathBuf::from("/home/jo/.ssh/web.example.org_key")]);
    assert_eq!(settings.certificate_files, [PathBuf::from("/home/jo/.ssh/web-cert.pub")]);
    assert_eq!(settings.agent_keys, AgentKeys::Configured);
    assert_eq!(settings.agent, AgentSocket::None);
    assert_eq!(settings.jump, ["gate@10.0.0.1:2022", "inner"]);
    assert_eq!(settings.user_known_hosts[1], PathBuf::from("/srv/hosts"));
    assert!(settings.user_known_hosts[0].ends_with(".ssh/web_hosts"));
    assert_eq!(settings.host_key_alias.as_deref(), Some("web-cluster"));
    assert_eq!(settings.naming, Naming::Hashed);
    assert_eq!(settings.connect_timeout, Some(Duration::from_secs(7)));
    assert_eq!(settings.proxy_command, None);
}

fn config_file() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), CONFIG).unwrap();
    file
}

#[tokio::test]
async fn openssh_answers_for_an_alias() {
    let file = config_file();
    let resolver = OpenSshResolver::new(person()).with_config(file.path());
    let settings = match resolver.ask(&query("web")).await {
        Ok(settings) => settings,
        Err(openssh::Failure::NotInstalled) => {
            assert!(std::env::var_os("DROVER_REQUIRE_LAB").is_none(), "ssh is not installed");
            eprintln!("skipped: ssh is not installed");
            return;
        }
        Err(openssh::Failure::Refused(cause)) => panic!("{cause}"),
    };
    assert_eq!(settings.resolved_by, ResolvedBy::OpenSsh);
    assert_web(&settings);
    let odd = resolver.resolve(&query("odd")).await.unwrap();
    assert!(odd.proxy_command.unwrap().starts_with("nc "));
    let plain = resolver.resolve(&Query { port: Some(99), ..query("10.1.2.3") }).await.unwrap();
    assert_eq!((plain.host_name.as_str(), plain.port), ("10.1.2.3", 99));
    assert!(plain.identity_files.contains(&PathBuf::from("/home/jo/.ssh/id_ed25519")));
}

#[tokio::test]
async fn the_built_in_reader_answers_the_same_where_there_is_no_ssh() {
    let file = config_file();
    let resolver = SystemResolver {
        openssh: OpenSshResolver::new(person()).with_program("/nonexistent/ssh"),
        builtin: BuiltinResolver::new(person()).with_files(vec![file.path().into()]),
    };
    let settings = resolver.resolve(&query("web")).await.unwrap();
    assert_eq!(settings.resolved_by, ResolvedBy::Builtin);
    assert_web(&settings);
    let odd = resolver.resolve(&query("odd")).await.unwrap();
    assert_eq!(odd.proxy_command.as_deref(), Some("nc %h %p"));
}

#[tokio::test]
async fn a_broken_configuration_is_refused_in_words() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "Host x\n  Port notaport\n").unwrap();
    match OpenSshResolver::new(person()).with_config(file.path()).ask(&query("x")).await {
        Err(openssh::Failure::Refused(cause)) => assert!(cause.contains("refused"), "{cause}"),
        Err(openssh::Failure::NotInstalled) => eprintln!("skipped: ssh is not installed"),
        Ok(settings) => panic!("{settings:?}"),
    }
}

#[test]
fn the_fleet_file_wins_over_the_configuration() {
    let settings = openssh::read(
        "hostname web.example.org\nproxyjump gate\nidentityfile ~/.ssh/a\nuserknownhostsfile ~/kh\n",
        &query("web"),
        &person(),
    );
    let mut spec = spec("web");
    let target = Target::new(&spec, settings.clone(), &person()).unwrap();
    assert_eq!(target.hops[0].host, "gate");
    assert_eq!(target.settings.user_known_hosts, [PathBuf::from("/home/jo/kh")]);
    assert_eq!(target.agent.as_deref(), Some(Path::new("/run/agent")));
    spec.jump = vec!["root@[fe80::1]:2222".into()];
    spec.identity = vec!["~/keys/one".into()];
    spec.known_hosts = vec!["/lab/known_hosts".into()];
    let target = Target::new(&spec, settings, &person()).unwrap();
    assert_eq!(
        target.hops,
        [HopAddress { user: Some("root".into()), host: "fe80::1".into(), port: Some(2222) }]
    );
    assert_eq!(target.own_identities, [PathBuf::from("/home/jo/keys/one")]);
    assert_eq!(target.settings.user_known_hosts, [PathBuf::from("/lab/known_hosts")]);
    assert!(target.settings.global_known_hosts.is_empty());
}

#[test]
fn addresses_that_could_be_options_or_shell_syntax_are_refused() {
    for address in ["-oProxyCommand=reboot", "", "a b", "a;b", "$(reboot)", "`x`", "a\nb", "a|b", "h'"] {
        assert!(Target::query(&spec(address)).is_err(), "{address:?}");
        assert!(address.parse::<HopAddress>().is_err(), "{address:?}");
    }
    let with_user = |user: &str| HostSpec { user: Some(user.into()), ..spec("h1") };
    assert!(Target::query(&with_user("-x")).is_err());
    assert!(Target::query(&with_user("$(x)")).is_err());
    for hop in ["h1:0", "h1:99999", "h1:x", "[::1", "[::1]x", "@h1", "u@"] {
        assert!(hop.parse::<HopAddress>().is_err(), "{hop:?}");
    }
    for (hop, host, port) in [
        ("h1", "h1", None),
        ("u@h1:22", "h1", Some(22)),
        ("::1", "::1", None),
        ("[::1]:2", "::1", Some(2)),
        ("[::1]", "::1", None),
    ] {
        let parsed: HopAddress = hop.parse().unwrap();
        assert_eq!((parsed.host.as_str(), parsed.port), (host, port));
    }
    assert_eq!(Target::query(&spec("[::1]")).unwrap().address, "::1");
}

proptest! {
    #[test]
    fn no_text_can_break_the_readers(text in "(\\PC|\n| |[a-z@:\\[\\]%~]){0,60}") {
        let settings = openssh::read(&text, &query("h1"), &person());
        prop_assert_eq!(settings.resolved_by, ResolvedBy::OpenSsh);
        if let Ok(hop) = text.parse::<HopAddress>() {
            prop_assert!(!hop.host.is_empty() && !hop.host.starts_with('-'));
        }
        let _ = expand(&text, &settings, &query("h1"), &person());
    }
}
