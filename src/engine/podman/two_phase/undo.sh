# Continues common.sh: proves that nothing of a restore is left at the destination. Further arguments are volumes
# that were not there before, each ended up here with the restore. Can be run any number of times. Prints undone.
shift 2
if [ -d "$directory" ]; then
    # The first decision holds: with this one a restore that waits does not go on.
    ln -s undo "$directory/decision" 2>/dev/null
    [ -p "$directory/release" ] && echo abort 1<>"$directory/release"
    # A restore that is under way ends by itself: 240 s is Podman's own limit.
    tries=0
    while alive "$(cat "$directory/pid" 2>/dev/null)" && [ $tries -lt 2400 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
    alive "$(cat "$directory/pid" 2>/dev/null)" && { echo "the restore is still under way" >&2; exit 1; }
    end_wrappers
    # An engine whose supervisor was killed clears away behind its failed restore.
    tries=0
    while importing && [ $tries -lt 200 ]; do
        sleep 0.1
        tries=$((tries + 1))
    done
fi
remove_restored "$@" || exit 1
tidy
echo undone
