# Puts a tar stream in its places at the destination while the restore waits. Waits for its standard input.
# $1 our directory, $2 decompressor with one option, further arguments are volumes
set -u
umask 077
export LC_ALL=C
directory=$1 decompressor=$2
shift 2
read -r images <"$directory/images.path" && read -r bundle <"$directory/bundle.path" || exit 92
stage=$directory/stage
mkdir -m 700 "$stage" || exit 90
ln -s "$images" "$stage/checkpoint" && ln -s "$bundle" "$stage/bundle" || exit 90
[ -d "$bundle/shm" ] && ln -s "$bundle/shm" "$stage/shm"
# The places at which secrets are mounted lie in a directory that the engine makes anew and leaves empty.
secrets=$(sed -n 's/.*"destination":"\/run\/secrets","type":"bind","source":"\([^"]*\)".*/\1/p' "$bundle/config.json" | head -n 1)
if [ -d "$secrets" ]; then
    grep -o '"destination":"/run/secrets/[^"]*"' "$bundle/config.json" | cut -d '"' -f 4 | while read -r place; do
        place=$secrets/${place#/run/secrets/}
        [ -e "$place" ] || { mkdir -p -m 755 "${place%/*}" && : >"$place" && chmod 700 "$place"; } || exit 94
    done || exit 94
fi
number=0
for volume; do
    path=$(podman volume inspect --format '{{.Mountpoint}}' -- "$volume") && [ -d "$path" ] || exit 94
    # The engine may have put there what the image has at that place; the container may have removed it.
    find "$path" -mindepth 1 -maxdepth 1 -exec rm -rf -- {} + || exit 94
    ln -s "$path" "$stage/volume-$number"
    number=$((number + 1))
done
echo ready
{ $decompressor; echo $? >"$directory/decoded"; } 2>/dev/null |
    tar -C "$stage" --extract --file - --ignore-zeros --keep-directory-symlink --numeric-owner --same-permissions \
        --same-owner --acls --xattrs --xattrs-include='*' --delay-directory-restore 2>"$directory/tar.log"
placed=$?
[ "$placed" = 0 ] && [ "$(cat "$directory/decoded")" = 0 ] || {
    [ -d "$directory" ] || {
        echo "the restore was given up here meanwhile, since nothing was heard of this console for too long" >&2
        exit 91
    }
    # What went wrong first; the rest follows from it.
    { grep -m 1 'No space' "$directory/tar.log" || head -n 1 "$directory/tar.log"; } >&2
    exit 91
}
# conmon has the log open already; what follows is added behind what the container said before.
log=$bundle/ctr.log
if [ -f "$stage/log" ] && [ -f "$log" ]; then cat "$stage/log" >>"$log" || exit 91; fi
[ -s "$images/inventory.img" ] || exit 91
echo "stamp placed $(date +%s.%N)" >>"$directory/stamps"
echo placed
