# Describes the paths on standard input: `type mode uid gid size mtime target NUL path NUL`, an empty record,
# then `sha256  path NUL` of every regular file. Paths that are not there are left out. $1 a directory of ours
# for the list: on the source, where nothing may be missing, a path that cannot be read is an error.
entries() {
    list=$(mktemp "$1/entries.XXXXXX") && cat >"$list" || exit 90
    xargs -0 -r sh -c 'exec find "$@" -maxdepth 0 -printf "%y %m %U %G %s %T@ %l\0%p\0"' drover <"$list"
    listed=$?
    printf '\0'
    xargs -0 -r sh -c 'exec find "$@" -maxdepth 0 -type f -print0' drover <"$list" >"$list.files"
    xargs -0 -r sha256sum -z -- <"$list.files"
    hashed=$?
    rm -f -- "$list" "$list.files"
    return $((listed + hashed))
}
