# Continues entries.sh: the same description at the destination, after the container has gone on.
# $1 root file system, $2 its first process, $3 a directory of ours
[ -d "/proc/$2" ] || exit 96
cd "$1" || exit 92
# Files that the running container removes meanwhile are not to be found, which is its own affair.
entries "$3" 2>/dev/null
exit 0
