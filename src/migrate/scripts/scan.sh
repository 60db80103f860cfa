# Follows probe.sh: the container's processes, found through their control group, its memory, its connections.
if [ "${pid:-0}" -gt 0 ] && [ -d "/proc/$pid" ]; then
    groups=$(awk -F: '$2 == "memory" { print "/sys/fs/cgroup/memory" $3; found = 1 } $1 == "0" { v2 = $3 }
        END { if (!found) print "/sys/fs/cgroup" v2 }' "/proc/$pid/cgroup")
    freezer=$(awk -F: '$2 == "freezer" { print "/sys/fs/cgroup/freezer" $3 "/freezer.state"; found = 1 } $1 == "0" { v2 = $3 }
        END { if (!found) print "/sys/fs/cgroup" v2 "/cgroup.freeze" }' "/proc/$pid/cgroup")
    faults() {
        read -r now rest </proc/uptime
        awk -v now="$now" '{ value[$1] = $2 } END { if ("total_pgfault" in value) print "faults", now, value["total_pgfault"]
            else if ("pgfault" in value) print "faults", now, value["pgfault"] }' "$groups/memory.stat" 2>/dev/null
    }
    faults
    awk '{ value[$1] = $2 } END { if ("total_rss" in value) printf "memory %.0f\n", value["total_rss"] + value["total_shmem"]
        else if ("anon" in value) printf "memory %.0f\n", value["anon"] + value["shmem"] }' "$groups/memory.stat" 2>/dev/null
    read -r state 2>/dev/null <"$freezer" && echo "freezer $state"
    # Holes count: they are sent as zeros.
    size() { du -s -x -B1 --apparent-size "$2" 2>/dev/null | { read -r bytes rest && echo "$1 $bytes"; }; }
    [ -n "$upper" ] && size upper "$upper" &
    printf '%s\n' "$answers" | grep -o '"Type":"volume",[^{}]*"Source":"[^"]*"' | sed 's/.*"Source":"//;s/"$//' |
        while read -r volume; do size volume "$volume"; done &
    for argument; do
        case $argument in volume=*) size volume "${argument#volume=}" ;; esac
    done
    statuses= descriptors= maps= rollups=
    for process in $(find "$groups" -name cgroup.procs -exec cat {} + 2>/dev/null | sort -n -u | head -n 2000); do
        [ -d "/proc/$process/fd" ] || continue
        statuses="$statuses /proc/$process/status"
        descriptors="$descriptors /proc/$process/fd"
        maps="$maps /proc/$process/maps"
        rollups="$rollups /proc/$process/smaps_rollup"
    done
    [ -n "$statuses" ] || statuses=/proc/$pid/status
    awk '$1 == "Name:" { name = substr($0, 7) } $1 == "State:" { state = $2 } $1 == "Pid:" { pid = $2 } $1 == "PPid:" { parent = $2 }
        $1 == "TracerPid:" { print "process", pid, parent, state, $2, name }
        $1 == "RssAnon:" { anonymous += $2 } $1 == "VmSwap:" { swap += $2 }
        END { printf "anonymous %.0f\nswap %.0f\n", anonymous * 1024, swap * 1024 }' $statuses 2>/dev/null
    awk '$1 == "CapBnd:" { print "container-capabilities " $2 } $1 == "Seccomp:" { print "seccomp " $2 }' "/proc/$pid/status"
    # A name may hold any character but NUL; what would end the line becomes a question mark.
    opened=
    [ -n "$descriptors" ] && opened=$(find $descriptors -type l -printf '%p %l\0' 2>/dev/null | tr '\n\0' '?\n')
    printf '%s\n' "$opened" | awk '{ path = $1; target = substr($0, length($1) + 2) }
        target ~ /^socket:/ { sockets = sockets " " substr(target, 9, length(target) - 9); next }
        target ~ /\(deleted\)$/ || target ~ /^anon_inode:/ || target ~ /^\/dev\// { print "fd " path " " target }
        END { print "sockets" sockets }' | head -n 5000
    # Of what is deleted or a device, its kind is asked through the descriptor itself.
    ask_kind() { xargs -r stat -L -c 'kind %n %s %h %t:%T %F' 2>/dev/null; }
    printf '%s\n' "$opened" | awk '{ target = substr($0, length($1) + 2) }
        target ~ /^\/.*\(deleted\)$/ || target ~ /^\/dev\// { print $1 }' | head -n 5000 | ask_kind
    mapped=
    [ -n "$maps" ] && mapped=$(grep -H -e '(deleted)' -e '\[uprobes\]' -e 'io_uring' -e '/hsperfdata' -e ' /dev/' $maps 2>/dev/null | head -n 1000)
    if [ -n "$mapped" ]; then
        printf '%s\n' "$mapped" | sed 's/^/map /'
        printf '%s\n' "$mapped" | sed -n 's,^\(/proc/[0-9]*/map\)s:\([0-9a-f]*-[0-9a-f]*\) .* /.*,\1_files/\2,p' | ask_kind
    fi
    # Walking the page tables takes some 10 ms for each 512 MiB.
    if [ -n "$rollups" ] && [ "$(awk '$1 == "RssAnon:" { sum += $2 } END { printf "%.0f", sum }' $statuses)" -lt 2097152 ]; then
        cat $rollups 2>/dev/null | awk '$1 == "Rss:" { resident += $2 } $1 == "Private_Dirty:" { dirty += $2 }
            END { printf "resident %.0f\nprivate-dirty %.0f\n", resident * 1024, dirty * 1024 }'
    fi
    awk '$4 == "01" || $4 == "03" || $4 == "0A" { print "tcp", $2, $3, $4, $10 }' "/proc/$pid/net/tcp" "/proc/$pid/net/tcp6" 2>/dev/null | head -n 20000
    awk '/^MPTCP/ { sum += $3 } END { print "mptcp", sum + 0 }' "/proc/$pid/net/protocols" 2>/dev/null
    if command -v nsenter >/dev/null 2>&1 && command -v ss >/dev/null 2>&1; then
        nsenter -t "$pid" -n ss -xnH 2>/dev/null | awk '$NF > 0 { print "unix", $(NF - 2), $NF }' | head -n 5000
    fi
    awk '{ sub(/^.*-> /, ""); sub(/^[0-9]+: /, ""); print "lock", $1, $4, $5 }' /proc/locks 2>/dev/null | head -n 5000
    awk '{ for (field = 7; field <= NF && $field != "-"; field++) if ($field ~ /^(shared|master):/) print "mount " $field " " $5 }' "/proc/$pid/mountinfo" 2>/dev/null
    wait
    faults
fi
echo "clock $(date +%s.%N)"
