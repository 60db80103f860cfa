#!/bin/sh
# Puts itself into the control groups of one host, sets their limits, and goes on as the host's first
# process. It runs in a mount namespace of its own, so nothing it mounts is seen outside.
#
# $1 name of the control group   $2 memory in bytes   $3 processor time per 100 ms in µs, or "max"
# $4 directory for mounts   $5 enter.sh   $6… hierarchies:
#   at:PATH      a v1 hierarchy (or the bare v2 tree beside v1 ones) that is mounted
#   mount:NAME   a v1 controller that is mounted nowhere
#   unified:PATH the v2 tree of a machine that has only that
set -eu
umask 022
group=$1 memory=$2 quota=$3 mounts=$4 enter=$5
shift 5

fail() {
    echo "failed $*"
    exit 1
}

limited=no
leaf=
for hierarchy in "$@"; do
    case $hierarchy in
    at:*) root=${hierarchy#at:} ;;
    unified:*)
        root=${hierarchy#unified:}
        # Only the machine's real root may have both processes and controllers to hand down. Where this is a
        # container's root its processes are moved aside first: controllers given to it while it has some
        # would make a threaded group of it, which no process can join. Those that begin meanwhile are
        # children of moved ones, so a few rounds are enough.
        for round in 1 2 3 4 5; do
            [ -e "$root/cgroup.type" ] && [ -n "$(cat "$root/cgroup.procs")" ] || break
            mkdir -p "$root/drover-others"
            while read -r process; do
                echo "$process" >"$root/drover-others/cgroup.procs" 2>/dev/null || true
            done <"$root/cgroup.procs"
        done
        for controller in $(cat "$root/cgroup.controllers"); do
            echo "+$controller" >"$root/cgroup.subtree_control" 2>/dev/null || true
        done
        ;;
    mount:*)
        controller=${hierarchy#mount:}
        root=$mounts/$controller
        mkdir -p "$root"
        mount -t cgroup -o "$controller" cgroup "$root" || fail "the cgroup controller $controller could not be mounted"
        ;;
    esac
    directory=$root/$group
    mkdir -p "$directory" || fail "the control group $directory could not be made"
    if [ -e "$directory/cpuset.cpus" ] && [ -e "$directory/cpuset.sched_load_balance" ]; then
        cat "$root/cpuset.cpus" >"$directory/cpuset.cpus"
        cat "$root/cpuset.mems" >"$directory/cpuset.mems"
    fi
    if [ -e "$directory/memory.limit_in_bytes" ]; then
        echo 1 >"$directory/memory.use_hierarchy" 2>/dev/null || true
        echo "$memory" >"$directory/memory.limit_in_bytes" || fail "the memory limit could not be set"
        limited=yes
    fi
    if [ -e "$directory/memory.max" ]; then
        echo "$memory" >"$directory/memory.max" || fail "the memory limit could not be set"
        limited=yes
    fi
    if [ -e "$directory/cpu.cfs_quota_us" ] && [ "$quota" != max ]; then
        echo 100000 >"$directory/cpu.cfs_period_us"
        echo "$quota" >"$directory/cpu.cfs_quota_us"
    fi
    if [ -e "$directory/cpu.max" ]; then
        echo "$quota 100000" >"$directory/cpu.max"
    fi
    case $hierarchy in
    unified:*)
        # Only a group without processes of its own can hand controllers down: the host's live in a leaf.
        # lxcfs knows a leaf of this name for what it is, and shows what the group above it uses.
        mkdir -p "$directory/init.scope"
        leaf=$directory/init.scope/cgroup.procs
        ;;
    esac
    echo $$ >"$directory/cgroup.procs" || fail "the control group $directory could not be joined"
done
[ "$limited" = yes ] || fail "this kernel offers no memory controller (cgroup_enable=memory on its command line may help)"

# The group of this moment is the root of the new control group namespace; only then move to the leaf.
# shellcheck disable=SC2016
exec unshare --cgroup -- sh -c '[ -z "$1" ] || echo $$ >"$1"; shift; exec "$@"' sh "$leaf" \
    unshare --fork --kill-child=KILL --pid --net --uts --ipc -- sh "$enter"
