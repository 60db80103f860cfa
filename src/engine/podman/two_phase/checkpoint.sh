# Continues common.sh: freezes the container and waits for what becomes of it. Runs detached: no connection ends it.
# $3 the API's socket, or empty; $4 seconds for which the stopped container stays, or 0
# Held open, so that a word that is said early is not lost.
exec 7<>"$directory/answer" 8<>"$directory/verdict"
echo $$ >"$directory/pid"
PATH=$directory/bin:$PATH podman container checkpoint --tcp-established --file-locks "$container" >"$directory/podman.log" 2>&1
code=$?
# A killed Podman leaves its CRIU to itself, and that still answers for the container.
[ $code = 0 ] || while helped; do
    echo lost >&8
    sleep 0.1
done
verdict=$(cat "$directory/decided" 2>/dev/null)
# The action script was killed after it had handed over: the freezer still holds the processes, and we decide.
if [ $code != 0 ] && [ -z "$verdict" ] && [ "$(cat "$directory/state" 2>/dev/null)" = handed ]; then
    held() { false; }
    shut() { :; }
    decide yes
fi
# That CRIU gave up on our own script's word explains nothing.
[ $code = 0 ] || [ "$verdict" = thawed ] || {
    sed 's/^/podman: /' "$directory/podman.log"
    quote_log "$(podman container inspect --format '{{.StaticDir}}' "$container" 2>/dev/null)/dump.log"
} >&7
case $code,$verdict in
    0,committed) outcome=committed ;;
    0,*) outcome=kept ;;
    *,committed | *,kept)
        # The destination answers for it, although this checkpoint failed after all, for instance by somebody else's
        # action script. Frozen as it is, it is stopped, so that no restart policy brings it back.
        podman container stop --time 0 "$container" >/dev/null 2>&1 &
        stopping=$!
        tries=0
        while alive $stopping && [ $tries -lt 20 ]; do
            sleep 0.1
            tries=$((tries + 1))
        done
        thaw
        wait $stopping
        if running; then outcome=lost; else outcome=$verdict; fi
        ;;
    *)
        thaw
        if running || podman container restore --tcp-established --file-locks "$container" >>"$directory/podman.log" 2>&1; then
            outcome=thawed
        else
            outcome=lost
        fi
        ;;
esac
thaw
# Whoever waits for images that will not come sees their end.
: <>"$directory/images"
remove() {
    # The service has started long ago; a new podman process takes 0.1 s longer.
    if [ -S "$1" ] && command -v curl >/dev/null; then
        curl --silent --fail --request DELETE --unix-socket "$1" --output /dev/null \
            "http://podman/v4.0.0/libpod/containers/$container?force=false&ignore=true" && return
    fi
    podman container rm --ignore -- "$container" >>"$directory/podman.log" 2>&1
}
# The destination answers for the container: whatever becomes of the laptop, nothing may start it here again.
if [ "$outcome" = committed ]; then
    if [ "$4" = 0 ]; then
        remove "$3" || outcome=untidy
    else
        podman container update --restart no "$container" >>"$directory/podman.log" 2>&1
        podman container rename "$container" "$(podman container inspect --format '{{.Name}}' "$container")-moved-${directory##*/}" \
            >>"$directory/podman.log" 2>&1 || outcome=untidy
        (sleep "$4"; remove "$3") </dev/null >/dev/null 2>&1 7>&- 8>&- &
    fi
fi
state "$outcome"
echo "outcome $outcome" >&7
# Nothing is left to decide, and nobody has to come for what is left of it.
case $outcome in thawed | committed) tidy ;; esac
exit 0
