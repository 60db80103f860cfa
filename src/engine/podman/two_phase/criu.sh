#!/bin/sh
# The criu of one checkpoint or restore, as the file “verb” says: waits for the word, then is the real one. A restore waits
# until the images have arrived and the source has handed over; a checkpoint until its destination waits.
set -u
mask=$(umask)
umask 077
directory=${0%/bin/criu}
echo $$ >>"$directory/helpers"
read -r criu <"$directory/criu.path"
echo $$ >>"$directory/helpers"
run() {
    umask "$mask"
    trap - PIPE HUP INT TERM
    CRIU_CONFIG_FILE=$directory/criu.conf exec "$criu" "$@"
}
read -r verb <"$directory/verb"
case $verb in checkpoint) order=freeze ready=prepared fifo=verdict ;; *) order=go ready=waiting fifo=release ;; esac
# Podman itself asks for the version; only the runtime's call is the one.
tr '\0' '\n' <"/proc/$PPID/cmdline" >"$directory/caller.$$"
grep -q -x "$verb" "$directory/caller.$$" || run "$@"
case $(head -n 1 "$directory/caller.$$") in *podman) run "$@" ;; esac
# The runtime calls several times; the first call waits for all.
case $(readlink "$directory/decision") in go) run "$@" ;; undo) exit 1 ;; esac
trap '' PIPE HUP INT
exec 7<>"$directory/answer" 8<>"$directory/$fifo"
state() { echo "$1" >"$directory/state.$$" && mv -f "$directory/state.$$" "$directory/state"; }
after() { sed -n "/^$1\$/{n;p;q;}" "$directory/caller.$$"; }
after --image-path >"$directory/images.path"
after --bundle >"$directory/bundle.path"
rm -f "$directory/caller.$$"
echo "stamp $ready $(date +%s.%N)" >&7
state "$ready"
echo "$ready" >&7
# Words come as long as somebody is there: 15 s without one is three beats missed, and less than the source waits. Podman
# gives a restore up after 240 s, so it must have begun well before.
ticking=$$
(
    trap 'kill "$nap"; exit' TERM
    while kill -0 "$ticking" 2>/dev/null; do
        sleep 5 &
        nap=$!
        wait "$nap"
        echo tick >&8
    done
) 7>&- &
ticker=$!
missed=0 ticks=0 verdict=
while [ -z "$verdict" ] && read -r word <&8; do
    case $word in
        alive) missed=0 ;;
        "$order") verdict=go ;;
        abort | lost)
            echo "stamp lost $(date +%s.%N)" >>"$directory/stamps"
            verdict=abort
            ;;
        tick)
            missed=$((missed + 1)) ticks=$((ticks + 1))
            if [ $missed -ge 3 ] || [ $ticks -ge 40 ]; then verdict=abort; fi
            ;;
    esac
done
kill "$ticker" 2>/dev/null
# The first decision holds; somebody who undoes this decides, too.
case $verdict in
    go) ln -s go "$directory/decision" 2>/dev/null ;;
    *) ln -s undo "$directory/decision" 2>/dev/null ;;
esac
[ "$(readlink "$directory/decision")" = go ] || exit 1
# Podman may have given up, and its runtime with it.
[ "$verb" = checkpoint ] || state released
exec 7>&- 8>&-
run "$@"
