# Makes the root file system of the waiting container like the source's. Waits for its standard input: the length in bytes
# of a list of paths to be removed, a line end, the list, each path ended by NUL, then a tar stream. $1 our directory
set -u
export LC_ALL=C
directory=$1
read -r bundle <"$directory/bundle.path" || exit 92
root=$(sed -n 's/.*"root":{[^}]*"path":"\([^"]*\)".*/\1/p' "$bundle/config.json" | head -n 1)
cd "$root" || { echo "the root file system of the container is not mounted" >&2; exit 94; }
echo ready
read -r size || exit 93
head -c "$size" | xargs -0 -r rm -rf --one-file-system -- || exit 91
tar --extract --file - --numeric-owner --same-permissions --same-owner --acls --xattrs --xattrs-include='*' \
    --delay-directory-restore 2>"$directory/changes.log" || {
    [ -d "$directory" ] || {
        echo "the restore was given up here meanwhile, since nothing was heard of this console for too long" >&2
        exit 91
    }
    { grep -m 1 'No space' "$directory/changes.log" || head -n 1 "$directory/changes.log"; } >&2
    exit 91
}
echo placed
