# Continues source.sh: ends a departure that is not taken up; see Engine::stay and Engine::guard.
# $3 guard, or empty. A guard waits: for the word that somebody else answers for the container now, or for
# the end of its input, which means that whoever ordered the departure has gone.
if [ "$3" = guard ]; then
    read -r order && [ "$order" = handed ] && { echo handed; exit 0; }
fi
settle() {
    if running; then
        echo stayed
    elif [ -d "$lock" ]; then
        echo elsewhere
    elif bring_back; then
        echo stayed
    else
        echo lost
    fi
    exit 0
}
# Nothing has begun, or somebody has tidied up already, or the host was started anew.
true 2>/dev/null >"$directory/abandoned" || settle
if mkdir "$directory/begun" 2>/dev/null; then
    # Nothing has begun, and with the mark nothing can any more. It stays as long as an order may still be on
    # its way: TCP sends for minutes.
    echo stayed >"$directory/outcome"
    (sleep 300; tidy) </dev/null >/dev/null 2>&1 &
    settle
fi
# The departure may hang on a connection that is gone: without its sender it brings the container back
# itself. 240 s is Podman's own limit for a runtime call.
tries=0
while [ -d "$directory" ] && ! [ -s "$directory/outcome" ] && [ $tries -lt 2400 ]; do
    if [ -s "$directory/sender" ]; then
        kill -KILL "$(cat "$directory/sender")" 2>/dev/null && rm -f "$directory/sender"
    fi
    [ -s "$directory/departing" ] && ! kill -0 "$(cat "$directory/departing")" 2>/dev/null && break
    sleep 0.1
    tries=$((tries + 1))
done
if [ "$(cat "$directory/outcome" 2>/dev/null)" = elsewhere ]; then
    tidy
    echo elsewhere
elif bring_back; then
    tidy
    echo stayed
else
    echo lost
fi
exit 0
