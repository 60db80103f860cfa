# Continues common.sh: freezes the container and waits for what becomes of it. Runs detached: no connection ends it.
# Held open, so that a word that is said early is not lost.
exec 7<>"$directory/answer" 8<>"$directory/words"
echo $$ >"$directory/pid"
PATH=$directory/bin:$PATH podman container checkpoint --tcp-established --file-locks "$container" >"$directory/podman.log" 2>&1
code=$?
freezer=$(cat "$directory/freezer" 2>/dev/null) && [ -w "$freezer" ] && echo THAWED >"$freezer" 2>/dev/null
if [ $code = 0 ]; then
    outcome=$(cat "$directory/verdict" 2>/dev/null)
    case $outcome in committed) ;; *) outcome=kept ;; esac
else
    { sed 's/^/podman: /' "$directory/podman.log"
      quote_log "$(podman container inspect --format '{{.StaticDir}}' "$container" 2>/dev/null)/dump.log"; } >&7
    if running || podman container restore --tcp-established --file-locks "$container" >>"$directory/podman.log" 2>&1; then
        outcome=thawed
    else
        outcome=lost
    fi
fi
# Whoever waits for images that will not come sees their end.
: <>"$directory/images"
state "$outcome"
echo "outcome $outcome" >&7
