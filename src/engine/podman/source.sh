# What the scripts of the source share. $1 directory, $2 container.
set -u
umask 077
directory=$1 container=$2 lock=/run/drover/lock-$2
# A closed connection must not end a script half-way: it has a container to bring back.
trap '' PIPE HUP INT TERM
running() { [ "$(podman container inspect --format '{{.State.Running}}' "$container" 2>/dev/null)" = true ]; }
# Restoring what runs is an error to some versions of Podman.
bring_back() {
    # A departure that was killed may have left the freezer shut.
    freezer=$(cat "$directory/freezer" 2>/dev/null)
    [ -n "$freezer" ] && [ -w "$freezer" ] && echo THAWED >"$freezer" 2>/dev/null
    running || podman container restore --tcp-established --file-locks "$container" >&2 || running
}
# A lock is ours only when it names our directory.
unlock() {
    read -r owner rest <"$lock/owner" 2>/dev/null && [ "$owner" = "$directory" ] && rm -rf -- "$lock"
}
tidy() {
    unlock
    case $directory in /run/drover/*) rm -rf -- "$directory" ;; esac
    rmdir /run/drover 2>/dev/null
}
