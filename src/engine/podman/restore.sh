# Restores a container from what arrived; see Engine::restore.
# $1 directory, $2 container, $3 the API's socket, or empty for the command line, $4 keep or renew addresses,
# $5 keep or close connections; further arguments are options of Podman
set -u
umask 077
directory=$1 container=$2 socket=$3 address=$4 connections=$5
shift 5
mkdir -p -m 700 "$directory" || exit 90
# Nothing on standard input means that the restore is not wanted any more.
if ! read -r deleted; then
    # Whoever asked may be gone, and what has arrived may fill the memory of this host.
    case $directory in */drover-*) rm -rf -- "$directory" ;; esac
    exit 93
fi
printf '%s' "$deleted" >"$directory/deleted.files"
trap '' PIPE HUP INT TERM
cd "$directory" || exit 92
echo $$ >restoring
echo "since $(date +%s.%N)"
tar --append --file archive rootfs-diff.tar deleted.files || exit 92
rm -f rootfs-diff.tar
if [ -n "$socket" ] && command -v curl >/dev/null; then
    options='tcpEstablished=true&fileLocks=true'
    [ "$address" = renew ] && options="$options&ignoreStaticIP=true&ignoreStaticMAC=true"
    curl --silent --show-error --fail-with-body --request POST --unix-socket "$socket" --data-binary @archive \
        --header 'Content-Type: application/x-tar' --header 'Expect:' --output answer \
        "http://podman/v4.0.0/libpod/containers/import/restore?import=true&$options" 2>podman.log
    code=$?
    [ $code = 0 ] || sed -n 's/.*"message":"\(.*\)","response".*/Error: \1/p' answer >>podman.log
else
    [ "$address" = renew ] && set -- --ignore-static-ip --ignore-static-mac "$@"
    if [ "$connections" = keep ]; then
        set -- --tcp-established "$@"
    else
        # Podman has no option for it; the runtime finds CRIU by its PATH, and CRIU its options in this file.
        echo tcp-close >criu.conf && mkdir -m 700 bin && criu=$(command -v criu) &&
            printf '#!/bin/sh\nCRIU_CONFIG_FILE=%s/criu.conf exec %s "$@"\n' "$directory" "$criu" >bin/criu &&
            chmod 700 bin/criu && PATH=$directory/bin:$PATH
        export PATH
    fi
    podman container restore --file-locks "$@" --import archive >podman.log 2>&1
    code=$?
fi
echo $code >restored
if [ $code = 0 ]; then
    echo restored
    exit 0
fi
cat podman.log >&2
# The half-made container keeps CRIU's log; when Podman has already taken it away its words above must do.
log=$(podman container inspect --format '{{.StaticDir}}' "$container" 2>/dev/null)/restore.log
# Some errors are none to CRIU, others only follow from the first: which one counts is decided by who reads them.
[ -r "$log" ] && grep -E 'Error \(' "$log" | grep -v 'RLIMIT_NOFILE for self' | head -n 30 | sed 's/^/criu: /' >&2
exit 1
