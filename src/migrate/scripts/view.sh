# Looks at a container's root file system as a whole and finds what differs from its image.
# $1 our directory, $2 where the root file system is mounted. Runs in a mount namespace of its own, so
# that the view below is gone with this script whatever happens.
#
# The difference is found from three lists of names, never from overlayfs' extended attributes, so it is
# complete with opaque directories, renamed directories (redirect_dir) and metadata copies (metacopy), too.
set -u
umask 077
export LC_ALL=C
directory=$1 merged=$2
lower= upper= options=ro
IFS=,
for option in $(awk -v merged="$merged" '$2 == merged && $3 == "overlay" { print $4; exit }' /proc/mounts); do
    case $option in
        lowerdir=*) lower=${option#lowerdir=} ;;
        upperdir=*) upper=${option#upperdir=} ;;
        redirect_dir=on) options=$options,redirect_dir=follow ;;
        metacopy=* | userxattr | redirect_dir=*) options=$options,$option ;;
    esac
done
unset IFS
[ -n "$upper" ] && [ -n "$lower" ] || { echo "$merged is not an overlay mount" >&2; exit 94; }
umount -l "$merged" 2>/dev/null
# The end of the input instead of an order: this is not wanted any more.
read -r order || exit 0
[ "$order" = go ] || exit 0
mkdir -p -m 700 "$directory" || exit 90
lists=$(mktemp -d "$directory/lists.XXXXXX") || exit 90
mkdir "$lists/view"
mount -t overlay drover -o "$options,lowerdir=$upper:$lower" "$lists/view" || exit 95
( cd "$upper" && find . -mindepth 1 -print0 ) | sort -z >"$lists/upper"
( cd "$upper" && find . -type d -print0 ) >"$lists/directories"
children='for path; do [ -d "$path" ] && [ ! -L "$path" ] && printf "%s\0" "$path"; done'
names() { xargs -0 -r sh -c "$children" drover <"$lists/directories" |
    xargs -0 -r sh -c 'exec find "$@" -mindepth 1 -maxdepth 1 -print0' drover; }
( cd "$lists/view" && names ) | sort -z >"$lists/visible"
IFS=:
for layer in $lower; do
    ( unset IFS; cd "$layer" && names )
done | sort -z -u >"$lists/image"
unset IFS
comm -z -12 "$lists/upper" "$lists/visible" >"$lists/include"
comm -z -23 "$lists/image" "$lists/visible" >"$lists/deleted"
comm -z -23 "$lists/visible" "$lists/upper" | comm -z -23 - "$lists/image" >"$lists/renamed"
