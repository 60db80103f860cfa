# Ends a departure that was not taken up; see Engine::stay.
# $1 directory, $2 container
set -u
directory=$1 container=$2
trap '' PIPE HUP INT TERM
# A lock is ours only when it names our directory.
unlock() {
    read -r owner rest <"/run/drover/lock-$container/owner" 2>/dev/null && [ "$owner" = "$directory" ] &&
        rm -rf -- "/run/drover/lock-$container"
}
tidy() {
    case $directory in /run/drover/*) rm -rf -- "$directory" ;; esac
    rmdir /run/drover 2>/dev/null
}
[ -d "$directory" ] || { echo stayed; exit 0; }
true >"$directory/abandoned" || { echo stayed; exit 0; }
# What has not begun by now sees the mark above and never freezes anything.
[ -e "$directory/begun" ] || { tidy; echo stayed; exit 0; }
# The departure may hang on a connection that is gone: without its sender it brings the container back
# itself. 240 s is Podman's own limit for a runtime call.
tries=0
while [ -d "$directory" ] && ! [ -s "$directory/outcome" ] && [ $tries -lt 2400 ]; do
    [ -s "$directory/sender" ] && kill -KILL "$(cat "$directory/sender")" 2>/dev/null
    sleep 0.1
    tries=$((tries + 1))
done
# A departure that was killed may have left the freezer shut.
freezer=$(cat "$directory/freezer" 2>/dev/null)
[ -n "$freezer" ] && [ -w "$freezer" ] && echo THAWED >"$freezer" 2>/dev/null
# Restoring a container that runs is an error to some versions of Podman.
running() { [ "$(podman container inspect --format '{{.State.Running}}' "$container" 2>/dev/null)" = true ]; }
if running || podman container restore --tcp-established --file-locks "$container" >&2 || running; then
    unlock
    tidy
    echo stayed
else
    echo lost
fi
exit 0
