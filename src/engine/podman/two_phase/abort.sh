# Continues common.sh: makes the container run again on its source. Can be run any number of times. Prints stayed, lost,
# or elsewhere when another migration has the container under way.
if ! [ -d "$directory" ]; then
    if running; then echo stayed
    elif [ -d "$lock" ]; then echo elsewhere
    elif podman container restore --tcp-established --file-locks "$container" >&2 || running; then echo stayed
    else echo lost; fi
    rm -f -- "$record"
    rmdir /var/lib/drover 2>/dev/null
    exit 0
fi
[ -p "$directory/verdict" ] && echo abort 1<>"$directory/verdict"
tries=0
while { alive "$(cat "$directory/pid" 2>/dev/null)" || helped; } && [ $tries -lt 2400 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
thaw
if running || podman container restore --tcp-established --file-locks "$container" >&2 || running; then
    tidy
    echo stayed
else
    echo lost
fi
