# Freezes a container and streams its checkpoint archive; see Engine::depart.
# $1 directory, $2 container, $3 compressor, $4 the API's socket, or empty for the command line,
# $5 the container's first process
#
# Podman opens the export file for reading and writing, so it would wait for ever on a FIFO whose reader has
# gone: the readers below stay to the end whatever happens to the network.
set -u
umask 077
directory=$1 container=$2 compressor=$3 socket=$4 pid=$5
mkdir -p -m 700 "$directory" || exit 90
# A closed connection must not end this script half-way: it has a container to bring back.
trap '' PIPE HUP INT TERM
# Two migrations of one container must not both believe that they froze it.
if ! mkdir "/run/drover/lock-$container" 2>/dev/null; then
    rm -rf -- "$directory"
    echo "another migration of this container is under way, or was interrupted: $(cat "/run/drover/lock-$container/owner" 2>/dev/null)" >&2
    exit 97
fi
echo "$directory since $(date)" >"/run/drover/lock-$container/owner"
tidy() {
    rm -rf -- "/run/drover/lock-$container" "$directory"
    rmdir /run/drover 2>/dev/null
}
# Whoever does not want it any more may have removed the directory already.
echo begun >"$directory/begun" || { tidy; exit 90; }
[ -e "$directory/abandoned" ] && { echo stayed >"$directory/outcome"; echo stayed >&2; exit 1; }
mkfifo -m 600 "$directory/archive" "$directory/hash"
sha256sum <"$directory/hash" >"$directory/sum" &
hasher=$!
{ tee "$directory/hash" 2>/dev/null; cat >/dev/null; } <"$directory/archive" | {
    sh -c 'echo $$ >"$1/sender"; exec "$2" -q -1 -c' drover "$directory" "$compressor" 2>/dev/null
    echo $? >"$directory/sent"
    cat >/dev/null
} &
pump=$!
# Held open until Podman has ended: when it fails before it opens the file, the readers see an end all the
# same. Opened after the readers were started, since none of them may inherit it.
exec 9<>"$directory/archive"
# CRIU asks the freezer of cgroup v1 once, and when not every process has stopped by then it looks again only
# after 100 ms (criu/seize.c). A freezer that says FROZEN already saves that time; CRIU leaves it as it was, so
# it is thawed below whatever happens. Measured on the lab: 160 ms for the dump without this, 60 ms with it.
freezer=/sys/fs/cgroup/freezer$(awk -F: '$2 == "freezer" { print $3 }' "/proc/$pid/cgroup" 2>/dev/null)/freezer.state
case $freezer in *"$container"*) ;; *) freezer=/dev/null ;; esac
echo "$freezer" >"$directory/freezer"
thaw() { [ -w "$freezer" ] && echo THAWED >"$freezer" 2>/dev/null; }
code=1
if [ -n "$socket" ] && command -v curl >/dev/null; then
    [ -w "$freezer" ] && echo FROZEN >"$freezer"
    # The service has started long ago; a new podman process takes 0.1 to 0.2 s longer.
    curl --silent --fail --request POST --unix-socket "$socket" --output "$directory/archive" \
        "http://podman/v4.0.0/libpod/containers/$container/checkpoint?export=true&ignoreRootFS=true&tcpEstablished=true&fileLocks=true" \
        >"$directory/podman.log" 2>&1 9>&-
    code=$?
    thaw
fi
# After a failure of the API, too: its words are the better ones, and a container that is gone is not frozen twice.
[ $code = 0 ] || {
    podman container checkpoint --ignore-rootfs --tcp-established --file-locks --compress none \
        --export "$directory/archive" "$container" >"$directory/podman.log" 2>&1 9>&-
    code=$?
}
exec 9>&-
wait "$pump" "$hasher"
if [ "$code" = 0 ] && [ "$(cat "$directory/sent")" = 0 ] && ! [ -e "$directory/abandoned" ]; then
    read -r sum rest <"$directory/sum"
    # Written before it is said: whoever comes later finds it.
    echo "departed $sum" >"$directory/outcome"
    echo "departed $sum" >&2
    exit 0
fi
if [ "$code" != 0 ]; then
    cat "$directory/podman.log" >&2
    log=$(podman container inspect --format '{{.StaticDir}}' "$container" 2>/dev/null)/dump.log
    # That CRIU may not raise its own file limit is an error to it alone: it goes on, and so does this search.
    [ -r "$log" ] && grep -E 'Error' "$log" | grep -v -m 1 'RLIMIT_NOFILE for self' | sed 's/^/criu: /' >&2
fi
# After a failed dump it runs already, and restoring what runs is an error to some versions of Podman.
running() { [ "$(podman container inspect --format '{{.State.Running}}' "$container" 2>/dev/null)" = true ]; }
if running || podman container restore --tcp-established --file-locks "$container" >"$directory/podman.log" 2>&1; then
    outcome=stayed
else
    cat "$directory/podman.log" >&2
    outcome=lost
fi
echo "$outcome" >"$directory/outcome"
echo "$outcome" >&2
# It runs again, so nobody needs our directory and lock, and whoever asked may be gone.
[ "$outcome" = stayed ] && tidy
exit 1
