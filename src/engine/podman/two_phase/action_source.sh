# Continues decide.sh. What happens at CRIU's stages while it checkpoints the source. At post-dump the processes are frozen and the images
# complete; they stay frozen until this script ends: 0 ends them, anything else lets them run on.
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
stamp dumped
state dumped
images=$(readlink "$CRTOOLS_IMAGE_DIR")
bundle=${images%/checkpoint}
# Each directory under a name of its own, in one stream; only names of members are changed, not what links point to.
pack() {
    tar -C "$1" --create --file - --numeric-owner --acls --xattrs --xattrs-include='*' --transform "flags=rhS;s,^\.,$2," .
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
exec 8<>"$directory/words"
shut() {
    freezer=$(cat "$directory/freezer" 2>/dev/null) && [ -w "$freezer" ] && echo FROZEN >"$freezer"
    freezer=$(cat "$directory/freezer.v2" 2>/dev/null) && [ -w "$freezer" ] && echo 1 >"$freezer"
}
# A killed CRIU that nobody has waited for yet has no program any more.
held() { [ -e "/proc/$PPID/exe" ]; }
decide no
kill "$sending" 2>/dev/null
# As CRIU left it: it holds the processes itself, and cannot end those that a freezer of version 1 holds as well.
if held; then
    freezer=$(cat "$directory/freezer" 2>/dev/null) && [ -w "$freezer" ] && echo THAWED >"$freezer"
fi
stamp "$verdict"
# Whatever CRIU makes of this, nothing may run here any more once the destination has it. The freezer of version 1 was shut
# before the dump, and CRIU shuts it again before it lets go of the processes (criu/seize.c); version 2 is shut here, since
# there a frozen process can be killed.
case $verdict in
    committed | kept) [ -w "$(cat "$directory/freezer.v2" 2>/dev/null)" ] && echo 1 >"$(cat "$directory/freezer.v2")" ;;
esac
case $verdict in committed | kept) exit 0 ;; *) exit 1 ;; esac
