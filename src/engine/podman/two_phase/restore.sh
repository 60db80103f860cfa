# Continues common.sh: has the engine restore. Runs detached: no connection ends it.
# $3 the volumes that come with it, one a line; further arguments are options of the restore
# Held open, so that a word that is said early is not lost.
exec 7<>"$directory/answer" 8<>"$directory/release"
echo $$ >"$directory/pid"
volumes=$3
shift 3
echo "stamp preparing $(date +%s.%N)" | tee -a "$directory/stamps" >&7
# Searched before the directories that Podman knows.
[ -x "$directory/bin/netavark" ] && export CONTAINERS_HELPER_BINARY_DIR="$directory/bin"
PATH=$directory/bin:$PATH podman container restore --file-locks --import "$directory/metadata.tar" "$@" >"$directory/podman.log" 2>&1
code=$?
if [ $code = 0 ]; then
    state restored
    echo "outcome restored" >&7
    exit 0
fi
state failed
{ sed 's/^/podman: /' "$directory/podman.log"
  quote_log "$(podman container inspect --format '{{.StaticDir}}' "$container" 2>/dev/null)/restore.log"; } >&7
# Nobody has to come for what is left of it. A wrapper whose Podman was killed must not go on either.
ln -s undo "$directory/decision" 2>/dev/null
end_wrappers
(
    # Names of volumes have no blanks.
    IFS='
'
    remove_restored $volumes 2>/dev/null
) && state undone
echo "outcome failed" >&7
[ "$(cat "$directory/state")" = undone ] && tidy
