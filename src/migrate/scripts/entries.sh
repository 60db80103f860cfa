# Describes the paths on standard input: `type mode uid gid size mtime target NUL path NUL`, an empty record,
# then `sha256  path NUL` of every regular file. Paths that are not there are left out.
entries() {
    names=$(mktemp) || exit 90
    cat >"$names"
    xargs -0 -r sh -c 'exec find "$@" -maxdepth 0 -printf "%y %m %U %G %s %T@ %l\0%p\0"' drover <"$names" 2>/dev/null
    printf '\0'
    xargs -0 -r sh -c 'exec find "$@" -maxdepth 0 -type f -print0' drover <"$names" 2>/dev/null |
        xargs -0 -r sha256sum -z --
    rm -f -- "$names"
}
