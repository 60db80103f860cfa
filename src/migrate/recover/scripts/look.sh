# Continues common.sh: says what of drover's is on this host, and where some containers are; see recover::look.
# $1… full ids of containers that are asked about
line() { # $1 key, rest of standard input as one line
    printf '%s ' "$1"
    head -c 4096 | tr '\000-\037' ' '
    echo
}
container_of() { # $1 transaction without a record: a lock names its directory
    for owner in "$run"/lock-*/owner; do
        [ "$(word "$owner")" = "$run/$1" ] || continue
        id=${owner%/owner}
        id=${id##*/lock-}
        hexadecimal "$id" 64 && echo "$id" && return
    done
}
lease() { # $1 FIFO, $2 stamps; says ended, none, or the seconds since the last word
    grep -qsE '^(stamp )?(lost|expired) ' "$2" && echo ended && return
    [ -p "$1" ] || { echo none && return; }
    written=$(stat -c %Y "$1" 2>/dev/null) || { echo none && return; }
    echo "$(($(date +%s) - written))"
}
about() { # $1 container, $2 record or /dev/null, $3 whether something holds it
    found=$(processes "$1")
    echo "processes $found"
    if [ "$found" = none ] && [ "$3" = gone ]; then
        echo "engine $(engine "$1" "$2")"
    else
        echo "engine silent"
        # The age of its oldest process, for a person who has to choose.
        for file in $(grep -lEs "libpod-(payload-)?$1" /proc/[0-9]*/cgroup); do
            started=$(stat -c %y "${file%/cgroup}" 2>/dev/null) && printf 'started %s\n' "${started%%.*}" && break
        done
    fi
}
seen=
for file in "$keep"/*.json "$run"/????????????????; do
    tx=${file##*/}
    tx=${tx%.json}
    hexadecimal "$tx" 16 && [ -e "$file" ] || continue
    case $seen in *" $tx "*) continue ;; esac
    seen="$seen $tx "
    directory=$run/$tx record=$keep/$tx.json
    echo "tx $tx"
    [ -f "$record" ] && line record <"$record"
    state=$(word "$directory/state")
    echo "state $state"
    side=
    [ -p "$directory/verdict" ] && side=source
    [ -p "$directory/release" ] && side=destination
    echo "side $side"
    decision=$(readlink "$keep/$tx.decision" 2>/dev/null) && printf '%s' "$decision" | line decision
    holder=gone
    held "$tx" && holder=alive
    # It may have ended, and written its last word, between the two looks.
    [ $holder = gone ] && echo "state $(word "$directory/state")"
    echo "holder $holder"
    fifo=$directory/verdict
    [ -p "$fifo" ] || fifo=$directory/release
    echo "lease $(lease "$fifo" "$directory/stamps")"
    id=$(tr '\000-\037' ' ' 2>/dev/null <"$record" | sed -n 's/.*"container" *: *"\([0-9a-f]\{64\}\)".*/\1/p')
    [ -n "$id" ] || id=$(container_of "$tx")
    if hexadecimal "$id" 64; then
        echo "container $id"
        reference=/dev/null
        [ -f "$record" ] && reference=$record
        about "$id" "$reference" $holder
        seen="$seen $id "
    fi
    echo end
done
for id; do
    hexadecimal "$id" 64 || continue
    case $seen in *" $id "*) continue ;; esac
    echo "asked $id"
    about "$id" /dev/null gone
    echo end
done
echo complete
