# What both sides of a two-phase move share. $1 our directory, $2 the container.
set -u
umask 077
export LC_ALL=C
directory=$1 container=$2 lock=/run/drover/lock-$2
# Durable, so that a host that was started anew can still say what it was doing.
record=/var/lib/drover/${1##*/}.json
# A closed connection must not end a script half-way: it answers for a container.
trap '' PIPE HUP INT TERM
# One word, never half written.
state() { echo "$1" >"$directory/state.$$" && mv -f "$directory/state.$$" "$directory/state"; }
tell() { echo "$*" >>"$directory/answer"; }
stamp() { echo "stamp $1 $(date +%s.%N)" | tee -a "$directory/stamps" >"$directory/answer"; }
alive() { [ -n "$1" ] && kill -0 "$1" 2>/dev/null; }
running() { [ "$(podman container inspect --format '{{.State.Running}}' "$container" 2>/dev/null)" = true ]; }
# Whether a CRIU of our checkpoint or its action script is still there, after their Podman was killed.
helped() {
    while read -r helper; do
        # The number may have been given to somebody else. CRIU writes a title over its command line and environment.
        case $(readlink "/proc/$helper/exe") in "$(readlink -f "$(cat "$directory/criu.path")")") return 0 ;; esac
        grep -q -a -F "$directory/" "/proc/$helper/cmdline" && return 0
    done 2>/dev/null <"$directory/helpers"
    return 1
}
# The freezers that we have shut, or that a killed CRIU has left shut.
thaw() {
    freezer=$(cat "$directory/freezer" 2>/dev/null) && [ -w "$freezer" ] && echo THAWED >"$freezer" 2>/dev/null
    freezer=$(cat "$directory/freezer.v2" 2>/dev/null) && [ -w "$freezer" ] && echo 0 >"$freezer" 2>/dev/null
    return 0
}
# CRIU's first errors; that it may not raise its own file limit is an error to it alone.
quote_log() {
    grep -a -E 'Error' "$1" 2>/dev/null | grep -a -v -m 1 'RLIMIT_NOFILE for self' | sed 's/^/criu: /'
}
# A lock is ours only when it names our directory.
unlock() {
    read -r owner rest <"$lock/owner" 2>/dev/null && [ "$owner" = "$directory" ] && rm -rf -- "$lock"
}
tidy() {
    unlock
    # In this order: without a record nothing can be decided any more.
    rm -f -- "$record"
    rm -f -- "${record%.json}.decision"
    case $directory in /run/drover/*) rm -rf -- "$directory" ;; esac
    rmdir /run/drover /var/lib/drover 2>/dev/null
}
# Makes our directory, the lock and the record. $1 who, for people; $2 the record; $3 the name of the FIFO for words.
begin() {
    mkdir -p -m 700 /run/drover /var/lib/drover || exit 90
    # Two migrations of one container must not both believe that they hold it. The lock of one that is over is stale.
    if ! mkdir "$lock" 2>/dev/null; then
        read -r other rest <"$lock/owner" 2>/dev/null || other=
        if [ -n "$other" ] && ! [ -d "$other" ]; then rm -rf -- "$lock"; fi
        mkdir "$lock" 2>/dev/null || {
            echo "another migration of this container is under way: $(cat "$lock/owner" 2>/dev/null); “drover recover” ends it when its console is gone" >&2
            exit 97
        }
    fi
    mkdir -m 700 "$directory" && mkfifo -m 600 "$directory/$3" "$directory/answer" || { unlock; exit 90; }
    echo "$directory since $(date) $1" >"$lock/owner"
    printf '%s\n' "$2" >"$record.new" && sync "$record.new" && mv -f "$record.new" "$record" || { tidy; exit 90; }
}
# Installs the criu that only our own calls of Podman find, by their PATH. $1 what it is for, $2 its script, $3 the script
# of its actions.
install_criu() {
    mkdir -m 700 "$directory/bin" && printf '%s\n' "$2" >"$directory/bin/criu" && printf '%s\n' "$3" >"$directory/action" &&
        echo "$1" >"$directory/verb" &&
        echo "action-script $directory/action" >"$directory/criu.conf" && command -v criu >"$directory/criu.path" &&
        chmod 700 "$directory/bin/criu" "$directory/action" || { tidy; exit 90; }
}
# Has our own calls of Podman set networks up by a wrapper. $1 its script, or empty where nothing has to be held
hold_network() {
    [ -n "$1" ] || return 0
    path=$(podman info --format '{{.Host.NetworkBackendInfo.Path}}' 2>/dev/null)
    # Without it the move goes on; a packet that comes in the wrong moment ends its connection then.
    case $path in */netavark) ;; *) return 0 ;; esac
    echo "$path" >"$directory/netavark.path" && printf '%s\n' "$1" >"$directory/bin/netavark" &&
        chmod 700 "$directory/bin/netavark"
}
# Removes the networks that were made for this move; Podman refuses what is in use.
remove_networks() {
    for network in $(podman network ls --quiet --filter "label=drover.transaction=${directory##*/}" 2>/dev/null); do
        podman network rm -- "$network" >/dev/null 2>&1
    done
}
# Ends what waits for us as criu, or has become the real one, after its Podman has gone.
end_wrappers() {
    for process in /proc/[0-9]*; do
        case $(tr '\0' ' ' 2>/dev/null <"$process/cmdline") in
            *" $directory/bin/criu "*) kill -KILL "${process#/proc/}" 2>/dev/null ;;
        esac
    done
    criu=$(readlink -f "$(cat "$directory/criu.path")")
    while read -r helper; do
        [ "$(readlink "/proc/$helper/exe")" = "$criu" ] && kill -KILL "$helper"
    done 2>/dev/null <"$directory/helpers"
}
# Whether an engine still works on our restore.
importing() {
    for process in /proc/[0-9]*; do
        case $(tr '\0' ' ' 2>/dev/null <"$process/cmdline") in
            podman*" $directory/metadata.tar "*) return 0 ;;
        esac
    done
    return 1
}
# Removes what a restore made; further arguments are volumes that came with it.
remove_restored() {
    # What a killed CRIU has left half-made belongs to no container as far as the engine is concerned.
    tries=0
    while groups=$(find /sys/fs/cgroup -type f -path "*libpod-$container*" -name cgroup.procs -exec cat {} + 2>/dev/null) &&
        [ -n "$groups" ] && [ $tries -lt 50 ]; do
        find /sys/fs/cgroup -type f -path "*libpod-$container*" -name freezer.state -exec sh -c 'for state; do echo THAWED >"$state"; done' sh {} +
        for process in $groups; do kill -KILL "$process" 2>/dev/null; done
        sleep 0.1
        tries=$((tries + 1))
    done
    # No container had this id here before, so what has it now is ours, also after a restart of the host.
    if podman container exists "$container"; then
        podman container rm --force --time 0 "$container" >/dev/null 2>&1
        podman container exists "$container" && { echo "the left-over of $container could not be removed" >&2; return 1; }
    fi
    for volume; do podman volume rm -- "$volume" >/dev/null 2>&1; done
    # A restore that failed leaves its control groups, and on version 1 they make the next one fail. Only empty ones can be removed.
    find /sys/fs/cgroup -depth -type d -path "*libpod-$container*" -exec rmdir {} + 2>/dev/null
    remove_networks
    return 0
}
