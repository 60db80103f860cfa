use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::fleet::HostName;
use crate::simulation::load::Load;

fn parse(text: &str) -> Scenario {
    Scenario::parse("test", text, Path::new("test.toml"), None).unwrap_or_else(|error| panic!("{error}"))
}

fn errors(text: &str) -> String {
    let Err(error) = Scenario::parse("test", text, Path::new("test.toml"), None) else {
        panic!("accepted:\n{text}");
    };
    error.to_string()
}

fn name(text: &str) -> HostName {
    HostName::new(text).unwrap()
}

#[test]
fn the_example_of_the_documentation_is_a_scenario() {
    let example: String = include_str!("mod.rs")
        .lines()
        .skip_while(|line| *line != "//! ```toml")
        .skip(1)
        .take_while(|line| *line != "//! ```")
        .map(|line| format!("{}\n", line.trim_start_matches("//!")))
        .collect();
    let scenario = parse(&example);
    assert_eq!((scenario.title.as_str(), scenario.seed), ("a flaky link", 7));
    let names: Vec<&str> = scenario.hosts.iter().map(|host| host.name.as_str()).collect();
    assert_eq!(names, ["h1", "h2", "h3"]);
    let slow = scenario.links.between(&Place::Host(name("h1")), &Place::Laptop);
    assert_eq!(slow.delay, Duration::from_millis(40));
    assert_eq!(scenario.containers.len(), 6);
    assert_eq!(scenario.loads.len(), 6);
    insta::assert_debug_snapshot!(scenario.events);
}

#[test]
fn a_host_and_a_container_need_little() {
    let scenario =
        parse("[[hosts]]\nname = 'a'\n[[containers]]\nname = 'c'\nhost = 'a'\nworkload = 'redis'\n");
    insta::assert_debug_snapshot!((&scenario.hosts, &scenario.containers));
}

#[test]
fn the_common_host_gives_way_to_each_host() {
    let scenario = parse(
        "[host]\nmemory = '8G'\ncriu = 'none'\nwithout_cpu_flags = ['avx512f']\n[[hosts]]\nname = 'a'\n\
         [[hosts]]\nname = 'b'\nmemory = '2G'\ncriu = '4.2.1'\ncgroup = 1\nruntime = 'runc'\nclock_skew = '-2 s'\n",
    );
    let [a, b] = &scenario.hosts[..] else { panic!("{:?}", scenario.hosts) };
    assert_eq!((a.memory, b.memory), (8 << 30, 2 << 30));
    assert_eq!(a.criu, None);
    assert_eq!(b.criu, Version::new("4.2.1"));
    assert!(!a.cpu_flags.contains(&"avx512f".to_string()) && a.cpu_flags.contains(&"avx2".to_string()));
    assert_eq!((b.cgroup, b.runtime), (CgroupVersion::One, Runtime::Runc));
    assert_eq!(b.runc, Version::new("1.1.15"));
    assert_eq!(b.clock_skew, jiff::SignedDuration::from_secs(-2));
}

#[test]
fn containers_are_dealt_out_or_put_on_each() {
    let hosts = "[[hosts]]\nname = 'h{}'\ncount = 10\n";
    let spread = |table: &str| {
        parse(&format!("{hosts}[[containers]]\nname = 'c-{{}}'\nworkload = 'idle'\n{table}\n"))
            .containers
            .iter()
            .map(|one| one.origin().to_string())
            .collect::<Vec<_>>()
    };
    assert_eq!(spread("host = ['h02', 'h01']\ncount = 3"), ["h02/c-1", "h01/c-2", "h02/c-3"]);
    assert_eq!(spread("host = ['h02', 'h01']\nper_host = 2"), ["h02/c-1", "h02/c-2", "h01/c-3", "h01/c-4"]);
    assert_eq!(spread("host = 'all'").len(), 10);
    assert_eq!(spread("host = 'h{}'\nper_host = 10")[99], "h10/c-100");
    assert_eq!(spread("host = 'h05'"), ["h05/c-1"]);
}

#[test]
fn loads_are_dealt_out_with_a_lag() {
    let scenario = parse(
        "[[hosts]]\nname = 'h{}'\ncount = 3\n[[loads]]\nhost = 'all'\nmetric = 'memory'\nshape = 'square'\n\
         high = '1G'\nperiod = '30 s'\nduty = '50 %'\nstagger = '10 s'\n\
         [[loads]]\nhost = 'all'\nmetric = 'cpu'\nshape = 'moving'\nhigh = 2\ndwell = '5 s'\n\
         [[loads]]\nhost = 'all'\nmetric = 'cpu'\nshape = 'burst'\nhigh = 2\nevery = '5 s'\nlasts = '1 s'\n",
    );
    let at = |index: usize, seconds: u64| scenario.loads[index].shape.at(Duration::from_secs(seconds));
    let gib = (1u64 << 30) as f64;
    // The first is high at 0 to 15 s, the second at 10 to 25 s, the third at 20 to 35 s.
    assert_eq!([at(0, 0), at(1, 0), at(2, 0)], [gib, 0.0, gib]);
    assert_eq!([at(0, 12), at(1, 12), at(2, 12)], [gib, gib, 0.0]);
    assert_eq!([at(0, 22), at(1, 22), at(2, 22)], [0.0, gib, gib]);
    assert_eq!([at(3, 7), at(4, 7), at(5, 7)], [0.0, 2.0, 0.0]);
    let Load::Burst { rhythm: one, .. } = scenario.loads[6].shape else { panic!("no burst") };
    let Load::Burst { rhythm: other, .. } = scenario.loads[7].shape else { panic!("no burst") };
    assert_ne!(one, other);
}

#[test]
fn names_that_are_there_twice_are_told_apart_by_their_hosts() {
    let text = "[[hosts]]\nname = 'h{}'\ncount = 2\n[[containers]]\nname = 'c'\nhost = 'h1'\nworkload = 'web'\n\
                [[containers]]\nname = 'c'\nhost = 'h2'\nworkload = 'web'\n[[events]]\nat = '1 s'\n\
                what = 'stop-container'\ncontainer = ";
    let scenario = parse(&format!("{text}'h2/c'\n"));
    let meant = Origin { host: name("h2"), name: "c".into() };
    assert_eq!(scenario.events[0].action, Action::StopContainer(Which::Container(meant.clone())));
    assert_eq!(scenario.containers.iter().filter(|container| container.origin() == meant).count(), 1);
    assert_eq!(
        errors(&format!("{text}'c'\n")),
        "test.toml:15:13: container: “c” is the name of several: write one of “h1/c”, “h2/c”"
    );
}

#[test]
fn unknown_keys_and_words_get_the_nearest_one() {
    insta::assert_snapshot!(errors(
        "tilte = 'x'\n[host]\nname = 'x'\nmemroy = '1G'\n[[hosts]]\nname = 'h1'\narchitecture = 'x86-64'\n\
         without_cpu_flags = ['avx512']\n[link]\nbandwidth = 1\n[[links]]\nbetween = ['labtop', 'h1']\n\
         [[containers]]\nname = 'web'\nhost = 'h2'\nworkload = 'wbe'\n[[containers]]\nname = 'cache'\nhost = 'h1'\n\
         workload = 'redis'\npeculiar = ['iouring']\n[[loads]]\ncontainer = 'cahce'\nmetric = 'ram'\nshape = 'sqare'\n\
         [[events]]\nduring = 'tranfer'\nof = 'cach'\nwhat = 'cut_link'\n[[events]]\nduring = 'restore'\nwhat = 'fail'\n\
         failure = 'F120'\n"
    ));
}

#[test]
fn bad_values_say_what_was_found() {
    insta::assert_snapshot!(errors(
        r#"seed = -1
teaches = ["a"]
try = [1]
[[hosts]]
name = "h1"
memory = "4 GB"
cores = 0
criu = "new"
cgroup = 3
clock_skew = "2"
boot = "yesterday"
[[hosts]]
name = "bad name"
[[hosts]]
name = "laptop"
[[hosts]]
count = 2
[link]
rate = "1 GB/s"
delay = "1"
loss = 0.5
[[containers]]
name = "c"
host = "h1"
workload = "idle"
dirty_rate = "1M"
cpu = -1
ports = [0]
volumes = [{ name = "v", path = "data" }]
files = [{ size = "1M" }]
labels = { "" = "x" }
status = "paused"
[[loads]]
host = "h1"
metric = "network"
shape = "square"
high = "1M"
period = "0 s"
duty = 0.5
[[loads]]
metric = "cpu"
shape = "burst"
high = 1
every = "1 s"
lasts = "2 s"
[[events]]
at = "soon"
what = "fill-disk"
host = "destination"
path = "tmp"
[[events]]
at = "1 s"
what = "jump-clock"
host = "h1"
by = "1"
[[events]]
what = "host-dies"
[[events]]
during = "restore"
times = 0
what = "cut-link"
between = ["h1"]
"#
    ));
}

#[test]
fn what_contradicts_itself_is_refused() {
    insta::assert_snapshot!(errors(
        r#"[[hosts]]
name = "h1"
memory = "200M"
[[hosts]]
name = "h2"
memory = "1G"
disk = "10G"
podman = "none"
runc = "none"
runtime = "runc"
[[hosts]]
name = "h2"
[[hosts]]
name = "g{}"
[[hosts]]
name = "f"
count = 2
[[hosts]]
name = "h3"
memory = "1G"
disk = "5G"
[[links]]
between = ["h1", "h3"]
[[links]]
between = ["h3", "h1"]
[[links]]
between = ["h1", "h1"]
[[containers]]
name = "a"
host = "h2"
workload = "web"
[[containers]]
name = "big-{}"
host = "h3"
count = 3
workload = "redis"
memory = "300M"
files = [{ path = "/f", size = "400M" }, { path = "/f" }]
[[containers]]
name = "big-1"
host = "h3"
per_host = 1
count = 1
workload = "idle"
[[loads]]
host = "h3"
container = "a"
metric = "cpu"
shape = "constant"
level = 1
[[events]]
at = "1 s"
during = "restore"
what = "slow-link"
between = ["source", "source"]
[[events]]
at = "1 s"
of = "a"
times = 2
what = "stop-container"
container = "moving"
[[events]]
during = "checkpoint"
what = "fail"
failure = "F12"
[[events]]
at = "1 s"
what = "run-container"
container = { name = "a", host = "h2", workload = "web", count = 2 }
"#
    ));
}

#[test]
fn mistakes_of_syntax_come_with_all_others() {
    insta::assert_snapshot!(errors(
        "[[hosts]\nname = 'h1'\n[[hosts]]\nname 'h2'\nmemroy = 1\n[[containers]]\nname = 'c'\nhost = 'h1'\n\
         workload = 'web'\nsockets = many\n"
    ));
    insta::assert_snapshot!(errors("hosts = 3\n[containers]\nname = 'x'\n"));
    insta::assert_snapshot!(errors(""));
}

#[test]
fn large_numbers_are_refused_before_they_fill_the_memory() {
    insta::assert_snapshot!(errors(
        "[[hosts]]\nname = 'h{}'\ncount = 100000\n[[hosts]]\nname = 'a{}'\ncount = 1000\n[[hosts]]\nname = 'b'\n\
         [[containers]]\nname = 'c-{}'\nhost = 'a{}'\nworkload = 'idle'\nper_host = 20000\n"
    ));
}

#[test]
fn a_file_is_read_under_its_own_name() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("mine.toml");
    std::fs::write(&path, "[[hosts]]\nname = 'h1'\n").unwrap();
    let scenario = Scenario::load(&path, None).unwrap();
    assert_eq!((scenario.name.as_str(), scenario.title.as_str()), ("mine", "mine"));
    std::fs::write(&path, b"\xff").unwrap();
    assert!(
        Scenario::load(&path, None)
            .unwrap_err()
            .to_string()
            .ends_with("mine.toml:1:1: this byte is not UTF-8 text: save the file as UTF-8")
    );
    let missing = Scenario::load(&directory.path().join("none.toml"), None).unwrap_err();
    assert!(matches!(missing, ScenarioError::Unreadable { .. }));
}

/// Pieces of scenarios, right and wrong, so that random texts reach beyond the parser's first complaint.
fn pieces() -> impl Strategy<Value = String> {
    let table = prop::sample::select(vec!["hosts", "links", "containers", "loads", "events"]);
    let key = prop::sample::select(vec![
        "name",
        "count",
        "host",
        "per_host",
        "workload",
        "memory",
        "delay",
        "loss",
        "between",
        "shape",
        "metric",
        "high",
        "level",
        "period",
        "duty",
        "dwell",
        "stagger",
        "at",
        "during",
        "what",
        "failure",
        "for",
        "container",
        "ports",
        "files",
        "cores",
        "disk",
    ]);
    let value = prop::sample::select(vec![
        "'h{}'",
        "'h1'",
        "3",
        "'all'",
        "'web'",
        "'512M'",
        "'2 ms'",
        "'5 %'",
        "['laptop', 'h1']",
        "'square'",
        "'moving'",
        "'cpu'",
        "0.5",
        "'25 s'",
        "'9999999 d'",
        "'restore'",
        "'fail'",
        "'F12'",
        "'cut-link'",
        "'host-dies'",
        "[]",
        "{}",
        "[{ path = '/x' }]",
        "99999999999999999999",
        "-1",
        "true",
        "''",
        "\"\\u0000\"",
        "'99999999T'",
    ]);
    let piece = prop_oneof![
        table.prop_map(|table| format!("[[{table}]]\n")),
        (key, value).prop_map(|(key, value)| format!("{key} = {value}\n")),
        Just("[[hosts]]\nname = 'h{}'\ncount = 2\n".to_string()),
        Just("[[containers]]\nname = 'c'\nhost = 'h1'\nworkload = 'web'\n".to_string()),
        ".{0,12}",
        Just("\r\n".to_string()),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_at_a_line_it_has(text in prop_oneof![4 => pieces(), 1 => any::<String>()]) {
        match Scenario::parse("any", &text, Path::new("any.toml"), None) {
            Ok(scenario) => {
                prop_assert!(!scenario.hosts.is_empty());
                for container in &scenario.containers {
                    prop_assert!(scenario.hosts.iter().any(|host| host.name == container.host));
                }
                for load in &scenario.loads {
                    prop_assert!(load.shape.integral(Duration::from_secs(86_400)).is_finite());
                }
            }
            Err(ScenarioError::Invalid { problems, .. }) => {
                prop_assert!(!problems.is_empty());
                let lines = text.lines().count().max(1);
                for problem in problems {
                    prop_assert!((1..=lines).contains(&problem.line), "{problem:?} of {lines} lines");
                    prop_assert!(!problem.text.chars().any(char::is_control));
                }
            }
            Err(other) => prop_assert!(false, "{other}"),
        }
    }
}
