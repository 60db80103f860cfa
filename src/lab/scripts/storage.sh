#!/bin/sh
# Prepares the Podman storage that the first host starts with: the images of the sample workloads, made
# from the files of the base and from nothing else. It runs in mount and PID namespaces of its own.
#
# $1 base   $2 scratch directory (plain file system)   $3 storage directory to fill   $4 script for the base
set -eu
umask 022
base=$1 scratch=$2 storage=$3 script=$4
root=$scratch/root
mkdir -p "$root" "$scratch/upper" "$scratch/work" "$storage"
mount -t overlay overlay -o "lowerdir=$base,upperdir=$scratch/upper,workdir=$scratch/work" "$root"
mount -t proc proc "$root/proc"
mount -t tmpfs tmpfs "$root/dev"
for device in null zero full random urandom; do
    : >"$root/dev/$device"
    mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
mkdir "$root/dev/shm"
mount -t tmpfs tmpfs "$root/run"
mount -t tmpfs tmpfs "$root/tmp"
mkdir -p "$root/var/lib/containers"
mount --bind "$storage" "$root/var/lib/containers"
cp "$script" "$root/tmp/images.sh"
exec chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
    PODMAN_IGNORE_CGROUPSV1_WARNING=1 sh /tmp/images.sh
