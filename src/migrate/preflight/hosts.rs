//! Whether both hosts can do their part, and fit each other.

use super::{Destination, List, Source};
use crate::fleet::printable;
use crate::migrate::Severity;

pub(super) fn hosts(list: &mut List, source: &Source, destination: &Destination) {
    let sides = [(&source.host, &source.facts), (&destination.host, &destination.facts)];
    for (host, facts) in sides {
        if facts.user != Some(0) {
            list.add(
                "root",
                Severity::Error,
                Some(host),
                "commands do not run as root, and CRIU needs root".into(),
                "set user = \"root\" or sudo = \"always\" for this host in the fleet file",
            );
        }
        if facts.criu.is_empty() {
            list.add(
                "criu",
                Severity::Error,
                Some(host),
                "CRIU is not installed".into(),
                "apt-get install criu libcriu2",
            );
        } else if !facts.criu_works {
            list.add(
                "criu",
                Severity::Error,
                Some(host),
                format!(
                    "CRIU {} does not work with kernel {}",
                    printable(&facts.criu),
                    printable(&facts.kernel)
                ),
                "criu check  (its output says what is missing)",
            );
        }
        let missing = facts.missing_tools();
        if !missing.is_empty() {
            list.add(
                "tools",
                Severity::Error,
                Some(host),
                format!("missing, or without the GNU options needed: {}", missing.join(", ")),
                "apt-get install tar findutils coreutils mawk util-linux gzip",
            );
        }
    }
    if source.facts.architecture == destination.facts.architecture {
        list.pass("architecture", format!("both are {}", printable(&source.facts.architecture)));
    } else {
        list.add(
            "architecture",
            Severity::Error,
            None,
            format!(
                "{} is {}, {} is {}",
                source.host,
                printable(&source.facts.architecture),
                destination.host,
                printable(&destination.facts.architecture)
            ),
            "choose a destination of the same architecture",
        );
    }
    if source.facts.kernel != destination.facts.kernel {
        list.add(
            "kernel",
            Severity::Warning,
            None,
            format!(
                "kernels differ: {} on {}, {} on {}",
                printable(&source.facts.kernel),
                source.host,
                printable(&destination.facts.kernel),
                destination.host
            ),
            "",
        );
    }
    if !source.facts.criu.is_empty() && source.facts.criu == destination.facts.criu {
        list.pass("criu", format!("CRIU {} on both", printable(&source.facts.criu)));
    } else if !source.facts.criu.is_empty() && !destination.facts.criu.is_empty() {
        list.add(
            "criu-version",
            Severity::Warning,
            None,
            format!(
                "CRIU {} on {}, {} on {}; an older one may not read the newer one's images",
                printable(&source.facts.criu),
                source.host,
                printable(&destination.facts.criu),
                destination.host
            ),
            "",
        );
    }
    let runtime = &source.container.runtime;
    if destination.facts.runtimes.contains(runtime) {
        list.pass(
            "engine",
            format!(
                "Podman {} → {}, {}",
                printable(&source.version),
                printable(&destination.version),
                printable(runtime)
            ),
        );
    } else {
        let runtime = printable(runtime);
        list.add(
            "runtime",
            Severity::Error,
            Some(&destination.host),
            format!("the container was made with {runtime}, which is missing there; only the same runtime can restore it"),
            format!("apt-get install {runtime}"),
        );
    }
}
