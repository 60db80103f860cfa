//! Interrupted migrations made by hand: the states of source and destination as a real one leaves them, with real
//! checkpoints that a hook holds, real restores that a wrapper holds, and no drover that still leads them.

/// What every script below begins with. $1 transaction, $2 name, $3 the other side's host, $4 way.
const COMMON: &str = r#"
set -eu
umask 077
tx=$1 name=$2 from=$3 to=$4 way=$5 role=$6
D=/run/drover/$tx
word() { echo "$1" >"$D/state.new"; mv "$D/state.new" "$D/state"; }
record() { # $1 container
    mkdir -p -m 700 /run/drover /var/lib/drover
    mkdir -m 700 "$D" "$D/bin"
    mkdir "/run/drover/lock-$1"
    echo "$D since tester@laptop today" >"/run/drover/lock-$1/owner"
    printf '{"tx":"%s","container":"%s","name":"%s","from":"%s","to":"%s","role":"%s","who":"tester@laptop","since":"2026-01-02T03:04:05Z","way":"%s"}\n' \
        "$tx" "$1" "$name" "$from" "$to" "$role" "$way" >"/var/lib/drover/$tx.json"
    touch -d '1 minute ago' "/var/lib/drover/$tx.json"
}
# The laptop's last word was a minute ago.
silence() { touch -d '1 minute ago' "$1"; }
await() { # $1 word
    tries=0
    until [ "$(cat "$D/state" 2>/dev/null)" = "$1" ]; do
        tries=$((tries + 1))
        [ $tries -lt 600 ] || { echo "waited in vain for $1: $(cat "$D/state" "$D/podman.log" 2>&1)"; exit 1; }
        sleep 0.05
    done
}
"#;

/// Freezes a container with a hook, and leaves it in the state $7: prepared, dumped, handed, kept or committed.
const SOURCE: &str = r#"
id=$(podman inspect --format '{{.Id}}' "$name")
record "$id"
mkfifo -m 600 "$D/verdict"
word prepared
cat >"$D/hook" <<'HOOK'
#!/bin/sh
D=${0%/hook}
word() { echo "$1" >"$D/state.new"; mv "$D/state.new" "$D/state"; }
[ "$CRTOOLS_SCRIPT_ACTION" = post-dump ] || exit 0
exec 3<>"$D/verdict"
word dumped
while read -r verdict <&3; do
    case $verdict in
        handed) word handed ;;
        commit) exit 0 ;;
        expired) echo kept >"$D/last"; exit 0 ;;
        abort) exit 1 ;;
    esac
done
HOOK
chmod 700 "$D/hook"
echo "action-script $D/hook" >"$D/criu.conf"
printf '#!/bin/sh\nCRIU_CONFIG_FILE=%s/criu.conf exec /usr/sbin/criu "$@"\n' "$D" >"$D/bin/criu"
chmod 700 "$D/bin/criu"
# shellcheck disable=SC2016
[ "$7" = prepared ] || setsid sh -c '
    D=$1
    word() { echo "$1" >"$D/state.new"; mv "$D/state.new" "$D/state"; }
    echo $$ >"$D/pid"
    if PATH=$D/bin:$PATH podman container checkpoint --tcp-established --file-locks "$2" >"$D/podman.log" 2>&1; then
        word "$(cat "$D/last" 2>/dev/null || echo committed)"
    else
        word thawed
    fi' drover "$D" "$id" </dev/null >/dev/null 2>&1 &
tell() { echo "$1" >"$D/verdict"; }
case $7 in
    prepared) ;;
    dumped) await dumped ;;
    handed) await dumped; tell handed; await handed ;;
    kept) await dumped; tell handed; await handed; tell expired; await kept ;;
    committed) await dumped; tell handed; await handed; tell commit; await committed ;;
esac
silence "$D/verdict"
echo "$id"
"#;

/// Prepares a restore from the archive $7, of the container $8, and leaves it in the state $9: waiting, restored, undone.
const DESTINATION: &str = r#"
archive=$7 id=$8
record "$id"
mkfifo -m 600 "$D/release"
word preparing
cat >"$D/bin/criu" <<'WRAPPER'
#!/bin/sh
D=${0%/bin/criu}
word() { echo "$1" >"$D/state.new"; mv "$D/state.new" "$D/state"; }
case $1:$(tr '\000' ' ' <"/proc/$PPID/cmdline") in
    swrk:*crun*restore*) ;;
    *) exec /usr/sbin/criu "$@" ;;
esac
# The runtime calls more than once for one restore, also after a call that failed.
case $(cat "$D/state") in
    preparing) ;;
    released) exec /usr/sbin/criu "$@" ;;
    *) exit 1 ;;
esac
exec 4<>"$D/release"
word waiting
while read -r verdict <&4; do
    case $verdict in
        go) word released; exec 4<&-; exec /usr/sbin/criu "$@" ;;
        abort | expired) exit 1 ;;
    esac
done
WRAPPER
chmod 700 "$D/bin/criu"
# shellcheck disable=SC2016
setsid sh -c '
    D=$1
    word() { echo "$1" >"$D/state.new"; mv "$D/state.new" "$D/state"; }
    echo $$ >"$D/pid"
    if PATH=$D/bin:$PATH podman container restore --tcp-established --file-locks --import "$3" >"$D/podman.log" 2>&1; then
        word restored
    else
        word failed
        podman container rm --force --time 0 "$2" >/dev/null 2>&1
        word undone
    fi' drover "$D" "$id" "$archive" </dev/null >/dev/null 2>&1 &
await waiting
case $9 in
    waiting) ;;
    restored) echo go >"$D/release"; await restored ;;
    undone) echo abort >"$D/release"; await undone ;;
esac
silence "$D/release"
"#;

use super::moving::Scene;

/// One interrupted migration of a counter from h1 to h2.
pub struct Interrupted<'a> {
    pub scene: &'a Scene,
    pub tx: String,
    pub name: String,
    pub id: String,
    pub way: &'static str,
}

impl<'a> Interrupted<'a> {
    /// A counter on h1 that has begun to count. Nothing of a migration is there yet but an archive for h2.
    pub fn begin(scene: &'a Scene, name: &str) -> Self {
        let id = scene.counter("h1", name);
        super::wait_until("it has counted", || scene.log("h1", name).last().copied());
        let tx = format!(
            "{:016x}",
            id.bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)))
        );
        Self { scene, tx, name: name.into(), id, way: "two-phase" }
    }

    fn script(&self, host: &str, role: &str, script: &str, more: &[&str]) {
        let words = [self.tx.as_str(), &self.name, "h1", "h2", self.way, role];
        let words: Vec<String> = words.iter().chain(more).map(|word| format!("'{word}'")).collect();
        self.scene.ssh(host, &format!("set -- {}\n{COMMON}{script}", words.join(" ")));
    }

    /// An archive of the container as it is now, on h2; the container runs on. Made by stopping it and going on from
    /// the archive, since a log that runs on meanwhile would have lines that its memory does not know.
    pub fn archive(&self) {
        let name = &self.name;
        let script = format!(
            "set -e
             podman container checkpoint --tcp-established --file-locks --export /root/{name}.tar {name}
             podman rm {name}
             podman container restore --tcp-established --file-locks --import /root/{name}.tar
             ssh h2 'cat >/root/{name}.tar' </root/{name}.tar; rm /root/{name}.tar"
        );
        self.scene.ssh("h1", &script);
    }

    /// Brings the source into a state.
    pub fn source(&self, state: &str) {
        self.script("h1", "source", SOURCE, &[state]);
    }

    /// Brings the destination into a state; needs the archive.
    pub fn destination(&self, state: &str) {
        self.script(
            "h2",
            "destination",
            DESTINATION,
            &[&format!("/root/{}.tar", self.name), &self.id, state],
        );
    }
}
