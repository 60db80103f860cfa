# Looks at a container's root file system as a whole and finds what differs from its image.
# $1 our directory, $2 where the root file system is mounted. Runs in a mount namespace of its own, so
# that the view below is gone with this script whatever happens.
#
# The difference is found from three lists of names, never from overlayfs' extended attributes, so that opaque
# directories and renamed ones need no special care. Every step is checked: a list that is short for want of
# space would be files that are lost.
set -u
umask 077
export LC_ALL=C
directory=$1 merged=$2
lower= upper= options=ro,index=off redirect=$(cat /sys/module/overlay/parameters/redirect_dir 2>/dev/null)
IFS=,
for option in $(awk -v merged="$merged" '$2 == merged && $3 == "overlay" { print $4; exit }' /proc/mounts); do
    case $option in
        lowerdir=*) lower=${option#lowerdir=} ;;
        upperdir=*) upper=${option#upperdir=} ;;
        redirect_dir=on | metacopy=on) redirect=Y ;;
    esac
    case $option in metacopy=* | userxattr) options=$options,$option ;; esac
done
unset IFS
[ -n "$upper" ] && [ -n "$lower" ] || { echo "$merged is not an overlay mount" >&2; exit 94; }
# With many layers Podman gives the kernel paths that begin at its overlay directory.
case $upper in /*) ;; *) cd "${merged%/*/merged}" || exit 94 ;; esac
[ "$redirect" = Y ] && options=$options,redirect_dir=follow
umount -l "$merged" 2>/dev/null
echo ready
# The end of the input instead of an order: this is not wanted any more.
read -r order || exit 0
[ "$order" = go ] || exit 0
failed() { echo "the changed files of the container could not be listed: $1" >&2; exit 96; }
mkdir -p -m 700 "$directory" || failed directory
lists=$(mktemp -d "$directory/lists.XXXXXX") && mkdir "$lists/view" || failed directory
mount -t overlay drover -o "$options,lowerdir=$upper:$lower" "$lists/view" || failed mount
start=$PWD
children='for path; do if [ -d "$path" ] && [ ! -L "$path" ]; then printf "%s\0" "$path"; fi; done'
# The names in those of the listed directories that are here, added to a file.
names() {
    xargs -0 -r sh -c "$children" drover <"$lists/directories" >"$lists/present" || failed "$1"
    xargs -0 -r sh -c 'exec find "$@" -mindepth 1 -maxdepth 1 -print0' drover <"$lists/present" >>"$1" || failed "$1"
}
cd "$upper" || failed upper
find . -mindepth 1 -print0 >"$lists/upper.raw" && find . -type d -print0 >"$lists/directories" || failed upper
if [ "$redirect" = Y ]; then
    # A renamed directory shows files that are in no list of its own: then all that is visible travels.
    cd "$lists/view" && find . -type d -print0 >"$lists/directories" &&
        find . -mindepth 1 -print0 >"$lists/upper.raw" || failed view
fi
cd "$lists/view" && names "$lists/visible.raw"
IFS=:
for layer in $lower; do
    unset IFS
    cd "$start" && cd "$layer" || failed layer
    names "$lists/image.raw"
done
unset IFS
true >>"$lists/visible.raw" && true >>"$lists/image.raw" || failed space
for list in upper visible image; do
    sort -z -u -o "$lists/$list" "$lists/$list.raw" || failed "$list"
done
comm -z -12 "$lists/upper" "$lists/visible" >"$lists/include" || failed include
comm -z -23 "$lists/image" "$lists/visible" >"$lists/deleted" || failed deleted
comm -z -23 "$lists/visible" "$lists/upper" >"$lists/others" || failed others
comm -z -23 "$lists/others" "$lists/image" >"$lists/renamed" || failed renamed
