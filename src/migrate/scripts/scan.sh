# Follows probe.sh: the container's processes, found through their control group, its memory, its connections.
faults() {
    read -r now rest </proc/uptime
    count=
    while read -r key value; do
        case $key in
        pgfault) [ -n "$count" ] || count=$value ;;
        total_pgfault) count=$value ;;
        esac
    done 2>/dev/null <"$groups/memory.stat"
    [ -n "$count" ] && echo "faults $now $count"
}
if [ "${pid:-0}" -gt 0 ] && [ -d "/proc/$pid" ]; then
    groups= freezer= unified=
    while IFS=: read -r number controllers path; do
        case $controllers in
        memory) groups=/sys/fs/cgroup/memory$path ;;
        freezer) freezer=/sys/fs/cgroup/freezer$path/freezer.state ;;
        "") unified=$path ;;
        esac
    done <"/proc/$pid/cgroup"
    groups=${groups:-/sys/fs/cgroup$unified} freezer=${freezer:-/sys/fs/cgroup$unified/cgroup.freeze}
    faults
    used=$(awk '{ value[$1] = $2 } END { if ("total_rss" in value) printf "%.0f\n", value["total_rss"] + value["total_shmem"]
        else if ("anon" in value) printf "%.0f\n", value["anon"] + value["shmem"] }' "$groups/memory.stat" 2>/dev/null)
    [ -n "$used" ] && echo "memory $used"
    read -r state 2>/dev/null <"$freezer" && echo "freezer $state"
    # Holes count: they are sent as zeros.
    size() { du -s -x -B1 --apparent-size "$2" 2>/dev/null | { read -r bytes rest && echo "$1 $bytes"; }; }
    [ -n "$upper" ] && size upper "$upper"
    case $answers in *'"Type":"volume"'*)
        printf '%s\n' "$answers" | grep -o '"Type":"volume",[^{}]*"Source":"[^"]*"' | sed 's/.*"Source":"//;s/"$//' |
            while read -r volume; do size volume "$volume"; done
        ;;
    esac
    for argument; do
        case $argument in volume=*) size volume "${argument#volume=}" ;; esac
    done
    statuses= descriptors= maps= rollups= all= families=
    for process in $(find "$groups" -name cgroup.procs -exec cat {} + 2>/dev/null); do
        [ -d "/proc/$process/fd" ] || continue
        all="$all $process"
        # The file has no line end, so reading it succeeds and fails at once.
        family=
        read -r family 2>/dev/null <"/proc/$process/task/$process/children"
        families="$families $family"
        statuses="$statuses /proc/$process/status"
        descriptors="$descriptors /proc/$process/fd"
        maps="$maps /proc/$process/maps"
        rollups="$rollups /proc/$process/smaps_rollup"
    done
    # A process that has ended and was not waited for is in no control group any more.
    for process in $families; do
        case "$all " in
        *" $process "*) ;;
        *) [ -e "/proc/$process/status" ] && statuses="$statuses /proc/$process/status" ;;
        esac
    done
    cat ${statuses:-/proc/$pid/status} 2>/dev/null | awk -v first="$pid" '$1 == "Name:" { name = substr($0, 7) }
        $1 == "State:" { state = $2 } $1 == "Pid:" { pid = $2 } $1 == "PPid:" { parent = $2 }
        $1 == "TracerPid:" { print "process", pid, parent, state, $2, name }
        $1 == "RssAnon:" { anonymous += $2 } $1 == "VmSwap:" { swap += $2 }
        $1 == "CapBnd:" && pid == first { print "container-capabilities " $2 }
        $1 == "Seccomp:" && pid == first { print "seccomp " $2 }
        END { printf "anonymous %.0f\nswap %.0f\n", anonymous * 1024, swap * 1024 }'
    if [ -n "$descriptors" ]; then
        # A name may hold any character but NUL; what would end the line becomes a question mark.
        find $descriptors -type l -printf '%p %l\0' 2>/dev/null | tr '\n\0' '?\n' | awk '{ target = substr($0, length($1) + 2) }
            target ~ /^socket:/ { sockets = sockets " " substr(target, 9, length(target) - 9); next }
            target ~ /\(deleted\)$/ || target ~ /^anon_inode:/ || target ~ /^\/dev\// { if (++count < 5000) print "fd " $0 }
            END { print "sockets" sockets }'
        # Through the links: what kind of file, how large, how many names are left.
        find -L $descriptors -mindepth 1 -maxdepth 1 \( -type b -o -type c -o -type f \) -printf 'kind %p %s %n %y\n' 2>/dev/null
        mapped=$(grep -H -e '(deleted)' -e '\[uprobes\]' -e 'io_uring' -e '/hsperfdata' -e ' /dev/' $maps 2>/dev/null)
        if [ -n "$mapped" ]; then
            printf '%s\n' "$mapped" | awk 'NR < 2000 { print "map " $0 }'
            printf '%s\n' "$mapped" | sed -n 's,^\(/proc/[0-9]*/map\)s:\([0-9a-f]*-[0-9a-f]*\) .* /.*,\1_files/\2,p' |
                xargs -r stat -L -c 'kind %n %s %h %F' 2>/dev/null
        fi
        # Walking the page tables takes some 10 ms for each 512 MiB: more than 2 GiB are not walked.
        [ "${used:-0}" -lt 2147483648 ] && cat $rollups 2>/dev/null | awk '$1 == "Rss:" { resident += $2 } $1 == "Private_Dirty:" { dirty += $2 }
            END { printf "resident %.0f\nprivate-dirty %.0f\n", resident * 1024, dirty * 1024 }'
    fi
    cat "/proc/$pid/net/protocols" "/proc/$pid/net/tcp" "/proc/$pid/net/tcp6" 2>/dev/null | awk '/^MPTCP/ { sum += $3 }
        ($4 == "01" || $4 == "03" || $4 == "0A") && ++count < 20000 { print "tcp", $2, $3, $4, $10 } END { print "mptcp", sum + 0 }'
    if { read -r line && read -r line; } 2>/dev/null <"/proc/$pid/net/unix" && command -v nsenter >/dev/null 2>&1; then
        nsenter -t "$pid" -n ss -xnH 2>/dev/null | awk '$NF > 0 && ++count < 5000 { print "unix", $(NF - 2), $NF }'
    fi
    awk '{ sub(/^.*-> /, ""); sub(/^[0-9]+: /, "") } NR < 5000 { print "lock", $1, $4, $5 }' /proc/locks 2>/dev/null
    awk '{ for (field = 7; field <= NF && $field != "-"; field++) if ($field ~ /^(shared|master):/) print "mount " $field " " $5 }' "/proc/$pid/mountinfo" 2>/dev/null
    faults
fi
echo "clock $(date +%s.%N)"
