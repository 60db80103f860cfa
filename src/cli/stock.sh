# The move as the engines' own commands do it (seeds/000, experiment E1), run on the source; prints seconds.
# $1 container, $2 address of the destination
set -u
export PODMAN_IGNORE_CGROUPSV1_WARNING=1
directory=$(mktemp -d /var/tmp/drover-stock.XXXXXX) || exit 90
archive=$directory/checkpoint.tar.zst
shell="ssh -n -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=$directory/known_hosts -o LogLevel=ERROR"
$shell "root@$2" mkdir -m 700 "$directory" || { rm -rf -- "$directory"; exit 91; }
now() { date +%s.%N; }
start=$(now)
podman container checkpoint --tcp-established --export "$archive" "$1" >/dev/null || {
    podman container restore --tcp-established "$1" >/dev/null
    rm -rf -- "$directory"
    exit 92
}
checkpoint=$(now)
rsync --rsh "$(echo "$shell" | sed 's/ -n / /')" "$archive" "root@$2:$directory/"
transfer=$(now)
$shell "root@$2" podman container restore --tcp-established --import "$archive" >/dev/null
code=$?
restore=$(now)
if [ $code = 0 ]; then
    podman container rm "$1" >/dev/null
elif [ $code != 255 ] && $shell "root@$2" podman container rm --force --ignore "$1" >/dev/null; then
    # Only once the other host has proven that it does not run there.
    podman container restore --tcp-established "$1" >/dev/null
fi
$shell "root@$2" rm -rf -- "$directory"
rm -rf -- "$directory"
echo "$start $checkpoint $transfer $restore"
exit $code
