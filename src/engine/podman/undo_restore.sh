# Removes what a restore left; see Engine::undo_restore.
# $1 directory, $2 container
set -u
directory=$1 container=$2
trap '' PIPE HUP INT TERM
# Without our directory nothing was begun here, and nothing here is ours.
[ -d "$directory" ] || { echo undone; exit 0; }
if [ -s "$directory/restoring" ]; then
    # A restore may still be under way although its connection is gone; 240 s is Podman's own limit.
    tries=0
    while ! [ -s "$directory/restored" ] && kill -0 "$(cat "$directory/restoring")" 2>/dev/null && [ $tries -lt 2400 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    if podman container exists "$container"; then
        podman container rm --force --time 0 "$container" >/dev/null 2>&1
        podman container exists "$container" && { echo "the left-over of $container could not be removed" >&2; exit 1; }
    fi
    # A restore that failed leaves its control groups, and on version 1 they make the next one fail. Only
    # empty ones can be removed.
    find /sys/fs/cgroup -depth -type d -path "*libpod-$container*" -exec rmdir {} + 2>/dev/null
fi
case $directory in */drover-*) rm -rf -- "$directory" ;; esac
echo undone
