#!/bin/sh
# The criu of one restore: waits until the images have arrived and the source has handed over, then is the real one.
set -u
mask=$(umask)
umask 077
directory=${0%/bin/criu}
read -r criu <"$directory/criu.path"
echo $$ >>"$directory/helpers"
run() {
    umask "$mask"
    trap - PIPE HUP INT TERM
    CRIU_CONFIG_FILE=$directory/criu.conf exec "$criu" "$@"
}
# Podman itself asks for the version; only the runtime's call is the restore.
tr '\0' '\n' <"/proc/$PPID/cmdline" >"$directory/caller.$$"
grep -q -x restore "$directory/caller.$$" || run "$@"
case $(head -n 1 "$directory/caller.$$") in *podman) run "$@" ;; esac
# The runtime calls several times; the first call waits for all.
[ -d "$directory/released" ] && run "$@"
trap '' PIPE HUP INT
exec 7<>"$directory/answer" 8<>"$directory/words"
state() { echo "$1" >"$directory/state.$$" && mv -f "$directory/state.$$" "$directory/state"; }
after() { sed -n "/^$1\$/{n;p;q;}" "$directory/caller.$$"; }
after --image-path >"$directory/images.path"
after --bundle >"$directory/bundle.path"
rm -f "$directory/caller.$$"
echo "stamp waiting $(date +%s.%N)" >&7
state waiting
echo waiting >&7
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
        go) verdict=go ;;
        abort | lost) verdict=abort ;;
        tick)
            missed=$((missed + 1)) ticks=$((ticks + 1))
            if [ $missed -ge 3 ] || [ $ticks -ge 40 ]; then verdict=abort; fi
            ;;
    esac
done
kill "$ticker" 2>/dev/null
# Whoever makes this directory decides; somebody who undoes the restore makes it, too.
[ "$verdict" = go ] && mkdir "$directory/released" 2>/dev/null || exit 1
# Podman may have given up, and its runtime with it.
state released
exec 7>&- 8>&-
run "$@"
