# Continues common.sh: one step of a recovery on one host; see recover::act.
# $1 verb, $2 transaction, $3 container, further arguments by verb. The last line says what is true now.
verb=$1 tx=$2 container=$3
shift 3
hexadecimal "$tx" 16 && hexadecimal "$container" 64 || exit 90
directory=$run/$tx record=$keep/$tx.json decided=$keep/$tx.decision
# A closed connection must not end a step half-way.
# SIGTERM is left alone: “timeout” ends with it what hangs.
trap '' PIPE HUP INT
# Of several recoveries one acts at a time on a host; the lock goes with this process, whatever ends it.
if [ -d "$keep" ]; then
    command -v flock >/dev/null || { echo "flock is missing; install util-linux" >&2; exit 91; }
    exec 8<"$keep"
    flock -x -w 300 8 || { echo "another recovery has been at work here for five minutes" >&2; exit 92; }
fi
# Nobody may read a FIFO any more: then writing must not wait for ever.
say() { # $1 FIFO, $2 word
    [ -p "$1" ] && timeout 2 sh -c 'printf "%s\n" "$2" >"$1"' drover "$1" "$2" 8<&- 2>/dev/null
}
until_true() { # $1 seconds, rest: a condition
    left=$(($1 * 20))
    shift
    while ! "$@"; do
        left=$((left - 1))
        [ $left -gt 0 ] || return 1
        sleep 0.05
    done
}
free() { ! held "$tx"; }
state_is() { case " $* " in *" $(word "$directory/state") "*) return 0 ;; esac; return 1; }
settled() { state_is "$@" || free; }
write_state() {
    [ -d "$directory" ] || return 0
    echo "$1" >"$directory/state.new" && mv -f "$directory/state.new" "$directory/state"
}
durable() { sync -f "$keep" 2>/dev/null || sync; }
# The first decision about a started destination holds; a transaction that was tidied has none any more.
decide() { # $1 commit or undo; says the one that holds, or gone
    [ -f "$record" ] || { echo gone; return; }
    ln -s "$1" "$decided" 2>/dev/null
    [ -f "$record" ] || { rm -f -- "$decided"; echo gone; return; }
    durable
    readlink "$decided"
}
podman_() { timeout 300 podman "$@" 8<&-; }

close_destination() { # $1… volumes that came with the restore
    if ! [ -f "$record" ]; then
        [ "$(processes "$container")" = none ] || { echo running; return; }
        case $(engine "$container" /dev/null) in
            absent) echo closed ;;
            silent) echo silent ;;
            *) echo foreign ;;
        esac
        return
    fi
    [ "$(decide undo)" = commit ] && { echo committed; return; }
    if held "$tx"; then
        say "$directory/release" abort
        # What was released comes to its outcome; what waits ends by our word, or with its wrapper.
        settled undone released restored failed || until_true 10 settled undone released restored failed || {
            for file in $(grep -las "/run/drover/[${tx%"${tx#?}"}]${tx#?}/bin/criu" /proc/[0-9]*/cmdline); do
                process=${file%/cmdline}
                kill -KILL "${process#/proc/}" 2>/dev/null
            done
        }
        until_true 260 settled undone restored || { echo silent; return; }
    fi
    # Nobody else's container has this id here: the record was written before there was any.
    if timeout 60 podman container exists "$container" 8<&-; then
        podman_ container rm --force --time 0 -- "$container" >/dev/null
        timeout 60 podman container exists "$container" 8<&- && { echo left-over; return; }
    fi
    until_true 10 free
    for volume; do podman_ volume rm -- "$volume" >/dev/null 2>&1; done
    # What was made for it and is in use by others meanwhile stays: Podman refuses.
    for network in $(podman_ network ls --quiet --filter "label=drover.transaction=$tx" 2>/dev/null); do
        podman_ network rm -- "$network" >/dev/null 2>&1
    done
    # A restore that failed leaves its control groups, and on version 1 they make the next one fail.
    find /sys/fs/cgroup -depth -type d -path "*libpod-$container*" -exec rmdir {} + 2>/dev/null
    write_state undone
    echo closed
}

# Its hook is dead, and what it had shut is still shut.
release_frozen() {
    for file in $(grep -lEs "libpod-(payload-)?$container" /proc/[0-9]*/cgroup); do
        process=${file%/cgroup}
        freezer=$(freezer_of "$process")
        case $freezer in
            *freezer.state) echo THAWED >"$freezer" ;;
            *cgroup.freeze) echo 0 >"$freezer" ;;
        esac
        break
    done
}

thaw() { # $1 abort or wait
    if held "$tx"; then
        [ "$1" = abort ] && say "$directory/verdict" abort
        until_true 40 settled thawed kept committed lost
    fi
    until_true 20 free
    case $(processes "$container") in
        frozen) release_frozen && write_state thawed && echo running ;;
        free) echo running ;;
        none) echo stopped ;;
    esac
}

restore_kept() {
    [ -f "$record" ] || { echo gone; return; }
    [ "$(processes "$container")" = free ] && { echo running; return; }
    held "$tx" && { echo held; return; }
    try() { podman_ container restore --tcp-established --file-locks -- "$container" >&2; }
    # An engine that was killed in the middle may not have noticed yet that it ended.
    try || { podman_ container cleanup -- "$container" >/dev/null 2>&1; try; }
    if [ "$(processes "$container")" = free ]; then
        write_state thawed
        echo running
    else
        echo stopped
    fi
}

commit_source() {
    [ -f "$record" ] || { [ "$(processes "$container")" = none ] && echo gone || echo running; return; }
    if held "$tx"; then
        say "$directory/verdict" commit
        until_true 40 settled committed kept thawed lost
        until_true 20 free
    fi
    [ "$(processes "$container")" = none ] || { echo running; return; }
    [ -d "$directory" ] && write_state committed
    timeout 60 podman container exists "$container" 8<&- || { echo removed; return; }
    # Without --force: whatever runs after all is not removed.
    podman_ container rm -- "$container" >/dev/null || { echo left-over; return; }
    echo removed
}

tidy() {
    if held "$tx" && ! state_is thawed committed kept lost restored undone; then
        echo held
        return
    fi
    rm -f -- "$record"
    [ -d "$keep" ] && durable
    rm -f -- "$decided"
    if [ "$(word "$run/lock-$container/owner")" = "$directory" ]; then rm -rf -- "$run/lock-$container"; fi
    rm -rf -- "$directory" "/var/tmp/drover-$tx" "/dev/shm/drover-$tx"
    rmdir "$run" 2>/dev/null
    rmdir "$keep" 2>/dev/null
    echo tidied
}

case $verb in
    decide)
        if [ "$1" = commit ] && [ "$(processes "$container")" = none ]; then echo stopped; else decide "$1"; fi
        ;;
    close) close_destination "$@" ;;
    thaw) thaw "$1" ;;
    restore) restore_kept ;;
    commit) commit_source ;;
    tidy) tidy ;;
    *) exit 93 ;;
esac
