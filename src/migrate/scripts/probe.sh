# Everything about a host that decides whether a container can leave it or come to it, one `key value` a line.
# $1 process id of the container or 0, $2 its writable layer or empty, further arguments are its volumes' directories
export LC_ALL=C
pid=$1 upper=$2
shift 2
# The first CRIU run after a boot probes the kernel and keeps the result: better now than while frozen.
criu check >/dev/null 2>&1 &
check=$!
echo "user $(id -u)"
echo "architecture $(uname -m)"
echo "kernel $(uname -r)"
while read -r key value rest; do
    case $key in MemTotal: | MemAvailable:) echo "${key%:} $((value * 1024))" ;; esac
done </proc/meminfo
free() { df -P -B1 "$1" 2>/dev/null | awk 'NR == 2 { print $4 }'; }
echo "free-memory-files $(free /dev/shm)"
echo "free-disk $(free /var/tmp)"
# Asking Podman takes 0.1 s; its own configuration file says the same.
root=$(awk -F'"' '$1 ~ /^[ \t]*graphroot[ \t]*=/ { print $2 }' /etc/containers/storage.conf /usr/share/containers/storage.conf 2>/dev/null | head -n 1)
echo "free-storage $(free "${root:-/var/lib/containers}")"
for tool in podman criu zstd gzip tar find comm sort xargs sha256sum tee mkfifo unshare awk stat df mount; do
    command -v "$tool" >/dev/null 2>&1 || echo "missing $tool"
done
tar --version 2>/dev/null | grep -q 'GNU tar' || echo "missing tar"
comm -z /dev/null /dev/null 2>/dev/null || echo "missing comm"
find /dev/null -maxdepth 0 -printf '' 2>/dev/null || echo "missing find"
for runtime in crun runc kata youki; do
    command -v "$runtime" >/dev/null 2>&1 && echo "runtime $runtime"
done
echo "criu $(criu --version 2>/dev/null | awk '/^Version:/ { print $2 }')"
awk '$4 == "0A" { split($2, part, ":"); print "listening " part[2] }' /proc/net/tcp /proc/net/tcp6 2>/dev/null
if [ "$pid" -gt 0 ]; then
    awk '$4 == "01"' "/proc/$pid/net/tcp" "/proc/$pid/net/tcp6" 2>/dev/null | wc -l | sed 's/^/established /'
    path=$(awk -F: '$2 == "memory" { print "/sys/fs/cgroup/memory" $3; found = 1 } $1 == "0" { v2 = $3 }
        END { if (!found) print "/sys/fs/cgroup" v2 }' "/proc/$pid/cgroup")
    awk '{ value[$1] = $2 } END { if ("total_rss" in value) printf "memory %.0f\n", value["total_rss"] + value["total_shmem"]
        else if ("anon" in value) printf "memory %.0f\n", value["anon"] + value["shmem"] }' "$path/memory.stat" 2>/dev/null
    # Holes count: they are sent as zeros.
    size() { du -s -x -B1 --apparent-size "$1" 2>/dev/null | { read -r bytes rest && echo "$bytes"; }; }
    [ -n "$upper" ] && echo "upper $(size "$upper")"
    for volume; do echo "volume $(size "$volume")"; done
fi
wait "$check" && echo "criu-check good" || echo "criu-check failed"
