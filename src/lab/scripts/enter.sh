#!/bin/sh
# Builds the file system view of one host and becomes its first process. All its namespaces are new; every
# mount made here vanishes with the last process of the host.
#
# From the environment: DROVER_HOST, DROVER_DIRECTORY (config, upper, work, containers, names, root), DROVER_BASE,
# DROVER_LXCFS, DROVER_ADDRESS, DROVER_GATEWAY, DROVER_WORKLOADS, DROVER_HIERARCHIES.
set -eu
umask 022
directory=$DROVER_DIRECTORY
root=$directory/root

mount -t overlay overlay \
    -o "lowerdir=$directory/config:$DROVER_BASE,upperdir=$directory/upper,workdir=$directory/work" "$root"
mount -t proc proc "$root/proc"
mount -t sysfs sysfs "$root/sys"

case $DROVER_HIERARCHIES in
unified) mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup" ;;
*)
    mount -t tmpfs -o mode=755 tmpfs "$root/sys/fs/cgroup"
    for hierarchy in $DROVER_HIERARCHIES; do
        case $hierarchy in
        cgroup2) name=unified type=cgroup2 options=rw ;;
        name=*) name=${hierarchy#name=} type=cgroup options=none,$hierarchy ;;
        *) name=$hierarchy type=cgroup options=$hierarchy ;;
        esac
        mkdir "$root/sys/fs/cgroup/$name"
        mount -t "$type" -o "$options" cgroup "$root/sys/fs/cgroup/$name"
        # Controllers that share a hierarchy are known by their single names too.
        case $name in
        *,*) for single in $(echo "$name" | tr , ' '); do ln -s "$name" "$root/sys/fs/cgroup/$single"; done ;;
        esac
    done
    ;;
esac

mount -t tmpfs -o mode=755 tmpfs "$root/dev"
mkdir "$root/dev/net" "$root/dev/pts" "$root/dev/shm" "$root/dev/mqueue"
for device in null zero full random urandom tty fuse net/tun; do
    [ -e "/dev/$device" ] || continue
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$root/dev/pts"
ln -s pts/ptmx "$root/dev/ptmx"
ln -s /proc/self/fd "$root/dev/fd"
ln -s /proc/self/fd/0 "$root/dev/stdin"
ln -s /proc/self/fd/1 "$root/dev/stdout"
ln -s /proc/self/fd/2 "$root/dev/stderr"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t mqueue mqueue "$root/dev/mqueue"
mount -t tmpfs -o mode=755 tmpfs "$root/run"
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
# Podman keeps overlays of its own, and an overlay's upper directory cannot lie on an overlay.
mkdir -p "$root/var/lib/containers"
mount --bind "$directory/containers" "$root/var/lib/containers"
for file in hosts ssh/ssh_known_hosts; do
    mount --bind "$directory/names/${file##*/}" "$root/etc/$file"
done
for file in meminfo stat uptime loadavg cpuinfo swaps diskstats; do
    [ ! -e "$DROVER_LXCFS/proc/$file" ] || mount --bind "$DROVER_LXCFS/proc/$file" "$root/proc/$file"
done
hostname "$DROVER_HOST"

# The namespaces exist: now drover plugs in the network cable. When it is gone instead, so are we.
echo entered
read -r answer && [ "$answer" = connected ] || exit 1

cd "$root"
mkdir -p .outside
pivot_root . .outside
umount -l /.outside
rmdir /.outside 2>/dev/null || true
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    PODMAN_IGNORE_CGROUPSV1_WARNING=1 container=drover \
    /usr/local/sbin/drover-init "$DROVER_ADDRESS" "$DROVER_GATEWAY" "$DROVER_WORKLOADS" </dev/null
