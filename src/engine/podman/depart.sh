# Continues source.sh: freezes a container and streams its checkpoint archive; see Engine::depart.
# $3 compressor, $4 the API's socket, or empty for the command line, $5 the container's first process
#
# Podman opens the export file for reading and writing, so it would wait for ever on a FIFO whose reader has
# gone: the readers below stay to the end whatever happens to the network.
compressor=$3 socket=$4 pid=$5
mkdir -p -m 700 "$directory" || exit 90
# Of this script and stay.sh the first one decides; the other sees it.
mkdir "$directory/begun" 2>/dev/null || { echo stayed >&2; exit 1; }
# Two migrations of one container must not both believe that they froze it. A lock whose owner has died is
# stale: the container runs here, so nobody has it under way.
if ! mkdir "$lock" 2>/dev/null; then
    read -r owner other rest <"$lock/owner" 2>/dev/null || other=
    if [ -n "$other" ] && ! kill -0 "$other" 2>/dev/null && running; then
        rm -rf -- "$lock"
    fi
    mkdir "$lock" 2>/dev/null || {
        echo elsewhere >"$directory/outcome"
        echo "another migration of this container is under way: $(cat "$lock/owner" 2>/dev/null). If none is: rm -r $lock" >&2
        exit 97
    }
fi
echo "$directory $$ since $(date)" >"$lock/owner"
echo $$ >"$directory/departing"
mkfifo -m 600 "$directory/archive" "$directory/hash" || { tidy; echo stayed >&2; exit 90; }
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
code=1
if [ -n "$socket" ] && command -v curl >/dev/null; then
    [ -w "$freezer" ] && echo FROZEN >"$freezer"
    # The service has started long ago; a new podman process takes 0.1 to 0.2 s longer.
    curl --silent --fail --request POST --unix-socket "$socket" --output "$directory/archive" \
        "http://podman/v4.0.0/libpod/containers/$container/checkpoint?export=true&ignoreRootFS=true&tcpEstablished=true&fileLocks=true" \
        >"$directory/podman.log" 2>&1 9>&-
    code=$?
    [ -w "$freezer" ] && echo THAWED >"$freezer" 2>/dev/null
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
    # Some errors are none to CRIU, others only follow from the first: which one counts is decided by who reads them.
    [ -r "$log" ] && grep -E 'Error \(' "$log" | grep -v 'RLIMIT_NOFILE for self' | head -n 30 | sed 's/^/criu: /' >&2
fi
if bring_back; then outcome=stayed; else outcome=lost; fi
[ "$outcome" = stayed ] && unlock
# Whoever guards us, or was told to bring the container back, reads this and removes our directory.
echo "$outcome" >"$directory/outcome"
echo "$outcome" >&2
exit 1
