# Restores a container from what arrived; see Engine::restore.
# $1 directory, $2 container, further arguments go to podman
set -u
umask 077
directory=$1 container=$2
shift 2
mkdir -p -m 700 "$directory" || exit 90
# Nothing on standard input means that the restore is not wanted any more.
read -r deleted || exit 93
printf '%s' "$deleted" >"$directory/deleted.files"
trap '' PIPE HUP INT TERM
cd "$directory" || exit 92
echo $$ >restoring
echo "since $(date +%s.%N)"
tar --append --file archive rootfs-diff.tar deleted.files || exit 92
rm -f rootfs-diff.tar
podman container restore --tcp-established --file-locks "$@" --import archive >podman.log 2>&1
code=$?
echo $code >restored
if [ $code = 0 ]; then
    echo restored
    exit 0
fi
cat podman.log >&2
# The half-made container keeps CRIU's log; when Podman has already taken it away its words above must do.
log=$(podman container inspect --format '{{.StaticDir}}' "$container" 2>/dev/null)/restore.log
[ -r "$log" ] && grep -m 1 -E 'Error' "$log" | sed 's/^/criu: /' >&2
exit 1
