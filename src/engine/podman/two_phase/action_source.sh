#!/bin/sh
# What happens at CRIU's stages while it checkpoints the source. At post-dump the processes are frozen and the images
# complete; they stay frozen until this script ends: 0 ends them, anything else lets them run on.
case $CRTOOLS_SCRIPT_ACTION in pre-dump | network-lock | post-dump) ;; *) exit 0 ;; esac
set -u
umask 077
directory=${0%/action}
trap '' PIPE HUP INT
state() { echo "$1" >"$directory/state.$$" && mv -f "$directory/state.$$" "$directory/state"; }
exec 7<>"$directory/answer"
stamp() { echo "stamp $1 $(date +%s.%N)" | tee -a "$directory/stamps" >&7; }
case $CRTOOLS_SCRIPT_ACTION in
    pre-dump)
        stamp frozen
        state frozen
        freezer=$(cat "$directory/freezer" 2>/dev/null) && [ -w "$freezer" ] && echo FROZEN >"$freezer"
        exit 0
        ;;
    network-lock)
        stamp locked
        exit 0
        ;;
esac
shut() {
    for freezer in freezer:FROZEN freezer.v2:1; do
        file=$(cat "$directory/${freezer%:*}" 2>/dev/null) && [ -w "$file" ] && echo "${freezer#*:}" >"$file"
    done
}
open() {
    for freezer in freezer:THAWED freezer.v2:0; do
        file=$(cat "$directory/${freezer%:*}" 2>/dev/null) && [ -w "$file" ] && echo "${freezer#*:}" >"$file"
    done
}
stamp dumped
state dumped
images=$(readlink "$CRTOOLS_IMAGE_DIR")
bundle=${images%/checkpoint}
# Each directory under a name of its own, in one stream; only names of members are changed, not what links point to. With a
# dot at its end a name also means the directory behind a link of that name, which gets owner and mode by it.
pack() {
    tar -C "$1" --create --file - --numeric-owner --acls --xattrs --xattrs-include='*' --transform "flags=rhS;s,^\.\$,$2/.,;s,^\./,$2/," .
}
{
    pack "$images" checkpoint &&
        { ! grep -q -F " $bundle/shm " /proc/mounts || pack "$bundle/shm" shm; } &&
        { number=0
          while read -r volume; do
              pack "$volume" "volume-$number" || exit 1
              number=$((number + 1))
          done <"$directory/volumes"; } &&
        # Last, since the engine may still be writing what the container said just before.
        { ! [ -s "$bundle/ctr.log" ] || tar -C "$bundle" --create --file - --transform 's,^.*,log,' ctr.log; } &&
        echo dumped >&7
} >"$directory/images" 2>/dev/null &
sending=$!
exec 8<>"$directory/verdict"
# Words come as long as somebody is there: 20 s without one is four beats missed. A waiting that no laptop ends
# after the destination took over ends by itself a minute later, with the images kept.
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
missed=0 handed=no verdict=
while [ -z "$verdict" ] && read -r word <&8; do
    case $word in
        alive) missed=0 ;;
        handed)
            handed=yes missed=0
            # From now on nothing may run here by itself, not even when CRIU is killed and lets go of the processes.
            shut
            state handed
            echo handed >&7
            ;;
        commit) [ $handed = yes ] && verdict=committed ;;
        abort) verdict=thawed ;;
        lost)
            stamp lost
            if [ $handed = no ]; then verdict=thawed; fi
            ;;
        tick)
            missed=$((missed + 1))
            if [ $missed = 4 ]; then stamp expired; fi
            if [ $handed = no ] && [ $missed -ge 4 ]; then verdict=thawed; fi
            if [ $handed = yes ] && [ $missed -ge 12 ]; then verdict=kept; fi
            ;;
    esac
done
verdict=${verdict:-thawed}
echo "$verdict" >"$directory/decided"
kill "$ticker" "$sending" 2>/dev/null
stamp "$verdict"
case $verdict in
    thawed) open ;;
    *)
        # A frozen process of version 1 cannot die, so its freezer must open; CRIU holds the processes until it has ended
        # them, and shuts the freezer again before it lets them go (criu/seize.c). When CRIU is gone, nothing holds them
        # but the freezer, and the checkpoint ends them.
        read -r line </proc/$$/stat
        line=${line##*) }
        line=${line#* }
        [ "${line%% *}" = "$PPID" ] && [ -s "$directory/freezer" ] && open
        ;;
esac
case $verdict in committed | kept) exit 0 ;; *) exit 1 ;; esac
