//! What a person reads of a recovered transaction: what was found, what was done, where it is, what to do next.

use super::case::Case;
use super::{Ended, Field, Recovered};
use crate::fleet::printable;
use crate::migrate::protocol::{DestinationState, Recovery, SourceState, Why};

pub(super) fn tell(
    case: &Case,
    field: &Field,
    found: (SourceState, DestinationState),
    did: Vec<Recovery>,
    ended: Ended,
    cause: Option<String>,
) -> Recovered {
    let name = if case.name.is_empty() {
        case.container.as_ref().map_or_else(|| "a container".into(), |id| id.short().to_owned())
    } else {
        printable(&case.name)
    };
    let side = |text: &str| if text.is_empty() { "an unknown host".to_owned() } else { printable(text) };
    let (from, to) = (side(&case.from), side(&case.to));
    let seen = format!("{from} {}, {to} {}", found.0.words(), found.1.words());
    let deeds: Vec<&str> =
        did.iter().filter(|action| !action.is_final()).map(|action| action.word()).collect();
    let deeds = if deeds.is_empty() { "nothing".to_owned() } else { deeds.join(", ") };
    let rest = match ended {
        Ended::OnSource => format!("done: {deeds}. {name} runs on {from}"),
        Ended::AtDestination => format!("done: {deeds}. {name} runs on {to}"),
        Ended::Nowhere => format!("done: {deeds}. {name} runs neither on {from} nor on {to}"),
        Ended::UnderWay => format!(
            "left alone: its migration is under way, led by {} since {}",
            side(&case.who),
            if case.since.is_empty() { "some time ago".into() } else { printable(&case.since) }
        ),
        Ended::WouldAct => {
            format!("would be done: {}", did.first().map_or("nothing", |action| action.word()))
        }
        Ended::TwoCopies => {
            let since =
                |started: &Option<String>| started.clone().unwrap_or_else(|| "an unknown time".into());
            let [source, destination] = &case.started;
            format!(
                "{name} RUNS TWICE: on {from} since {}, on {to} since {}. Nothing was deleted. Compare the two, stop the one that is not wanted with “podman container stop {name}”, then run “drover recover” again",
                since(source),
                since(destination)
            )
        }
        Ended::Held => held(case, field, &name, &from, &to, did.last().copied()),
        Ended::Failed => format!(
            "done: {deeds}, then it failed: {}. {from} {}, {to} {}. Mend the cause and run “drover recover” again; it goes on where it was",
            cause.as_deref().unwrap_or("the outcome of the restore did not come"),
            case.source.words(),
            case.destination.words()
        ),
    };
    Recovered {
        tx: case.tx.clone(),
        container: case.container.clone(),
        message: format!("{name} ({from} → {to}): {seen}; {rest}"),
        name: case.name.clone(),
        from,
        to,
        who: printable(&case.who),
        since: printable(&case.since),
        found,
        decided: case.decided,
        did,
        ended,
    }
}

fn held(case: &Case, field: &Field, name: &str, from: &str, to: &str, action: Option<Recovery>) -> String {
    let Some(Recovery::Hold(why)) = action else { return "nothing was done".into() };
    let reason = |host: &Option<crate::fleet::HostName>, name: &str| {
        let cause = host.as_ref().and_then(|host| field.unreachable.get(host));
        match (cause, host) {
            (Some(cause), _) => printable(cause),
            (None, Some(_)) => format!("the engine of {name} does not answer"),
            (None, None) => format!("{name} is not in the fleet file"),
        }
    };
    match why {
        Why::SourceUnreachable if case.destination == DestinationState::Restored => format!(
            "{name} runs on {to}; {from} cannot be asked ({}). It never starts there by itself; run “drover recover” again when {from} answers",
            reason(&case.from_host, from)
        ),
        Why::SourceUnreachable => format!(
            "held: {from} cannot be asked ({}), and {name} may be there. Run “drover recover” again when it answers",
            reason(&case.from_host, from)
        ),
        Why::DestinationUnreachable => format!(
            "held: {to} cannot be asked ({}), and {name} may run there, so nothing is started on {from}. Bring {to} back and run “drover recover” again",
            reason(&case.to_host, to)
        ),
        Why::BothUnreachable => format!(
            "held: neither host can be asked ({}; {}). Run “drover recover” again when they answer",
            reason(&case.from_host, from),
            reason(&case.to_host, to)
        ),
        Why::GoneAfterCommit => format!(
            "held: {name} was committed to {to}, which does not run it any more. What {from} has is older. To go on from there: “podman container restore --tcp-established --file-locks {name}” on {from}; to let it go: “podman container rm {name}” on {from}; then “drover recover”"
        ),
        Why::OnlyStopped => format!(
            "held: {name} runs nowhere and no complete images of it are on {from}. Look at “podman ps -a” on {from} and {to}; “podman container start {name}” starts it anew, without its memory"
        ),
        Why::OnlyCopy => format!(
            "held: the copy on {to} was to be undone, but it is the only one. It was not touched; “podman ps” on {to} shows it"
        ),
    }
}
