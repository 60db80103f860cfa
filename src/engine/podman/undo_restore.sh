# Removes what a restore left; see Engine::undo_restore.
# $1 directory, $2 container, further arguments are volumes that were not there before
set -u
directory=$1 container=$2
shift 2
trap '' PIPE HUP INT TERM
# A restore may still be under way although its connection is gone.
tries=0
under_way() {
    [ -s "$directory/restoring" ] && ! [ -s "$directory/restored" ] &&
        kill -0 "$(cat "$directory/restoring")" 2>/dev/null
}
while under_way && [ $tries -lt 2400 ]; do
    sleep 0.1
    tries=$((tries + 1))
done
under_way && { echo "the restore is still under way" >&2; exit 1; }
# No container had this id here before, so what has it now is ours, also after a restart of the host, which
# forgets our directory but not the engine's records.
if podman container exists "$container"; then
    podman container rm --force --time 0 "$container" >/dev/null 2>&1
    podman container exists "$container" && { echo "the left-over of $container could not be removed" >&2; exit 1; }
fi
for volume; do podman volume rm -- "$volume" >/dev/null 2>&1; done
# A restore that failed leaves its control groups, and on version 1 they make the next one fail. Only
# empty ones can be removed.
find /sys/fs/cgroup -depth -type d -path "*libpod-$container*" -exec rmdir {} + 2>/dev/null
case $directory in */drover-*) rm -rf -- "$directory" ;; esac
echo undone
