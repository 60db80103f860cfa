# Continues entries.sh: the same description at the destination. $1 root file system
cd "$1" || exit 92
entries
