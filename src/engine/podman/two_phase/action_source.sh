# Continues decide.sh: what happens at CRIU's stages while it checkpoints the source. At post-dump the processes are frozen
# and the images complete; they stay frozen until this script ends: 0 ends them, anything else lets them run on.
case $CRTOOLS_SCRIPT_ACTION in pre-dump | network-lock | post-dump) ;; *) exit 0 ;; esac
set -u
umask 077
directory=${0%/action}
echo $$ >>"$directory/helpers"
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
# A killed CRIU that nobody has waited for yet has no program any more.
held() { [ -e "/proc/$PPID/exe" ]; }
decide no
kill "$sending" 2>/dev/null
# CRIU holds the processes itself, and cannot end those that a freezer of version 1 holds as well; when it lets go of them
# after all, it shuts that freezer again first, as it was before the dump (criu/seize.c). When CRIU is gone, nothing holds
# them but the freezers, and the checkpoint ends them.
case $verdict in
    thawed) open ;;
    *) if held && [ -s "$directory/freezer" ]; then open; fi ;;
esac
stamp "$verdict"
case $verdict in committed | kept) exit 0 ;; *) exit 1 ;; esac
