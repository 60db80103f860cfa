#!/bin/sh
# Ends every process in the control groups of given hosts and removes the groups. It runs in a mount
# namespace of its own.
#
# $1 directory for mounts   $2 names of control groups, separated by spaces   $3… hierarchies as in join.sh
set -u
mounts=$1 groups=$2
shift 2

roots=
for hierarchy in "$@"; do
    case $hierarchy in
    mount:*)
        controller=${hierarchy#mount:}
        mkdir -p "$mounts/$controller"
        mount -t cgroup -o "$controller" cgroup "$mounts/$controller" 2>/dev/null || continue
        roots="$roots $mounts/$controller"
        ;;
    *) roots="$roots ${hierarchy#*:}" ;;
    esac
done

# 200 rounds of 50 ms: 10 s, far longer than the kernel takes to end processes that do not hang in IO.
round=0
while :; do
    left=
    for root in $roots; do
        for group in $groups; do
            [ -d "$root/$group" ] || continue
            find "$root/$group" -name cgroup.procs -exec cat {} + 2>/dev/null |
                while read -r process; do kill -KILL "$process" 2>/dev/null; done
            # What a freezer of version 1 holds does not die before it is let go.
            find "$root/$group" -name freezer.state 2>/dev/null |
                while read -r freezer; do echo THAWED >"$freezer"; done
            find "$root/$group" -depth -type d -exec rmdir {} + 2>/dev/null
            [ ! -d "$root/$group" ] || left="$left $root/$group"
        done
    done
    [ -n "$left" ] || break
    round=$((round + 1))
    if [ "$round" -ge 200 ]; then
        echo "control groups that could not be removed:$left" >&2
        exit 1
    fi
    sleep 0.05
done

# Where the machine's tree is a container's, processes were moved aside for the lab: put them back.
for root in $roots; do
    [ -d "$root/drover-others" ] || continue
    set -- "$root"/drover-*-h*
    [ ! -d "$1" ] || continue
    for controller in $(cat "$root/cgroup.subtree_control"); do
        echo "-$controller" >"$root/cgroup.subtree_control" 2>/dev/null
    done
    while read -r process; do
        echo "$process" >"$root/cgroup.procs" 2>/dev/null
    done <"$root/drover-others/cgroup.procs"
    rmdir "$root/drover-others" 2>/dev/null
done
exit 0
