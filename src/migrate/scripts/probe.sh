# Everything about a host that decides whether a container can leave it or come to it, one `key value` a line, and of
# the container itself, when there is one. Reads only. The arguments are `word=value`, each of them may be missing:
# known   what is known already, as an earlier run said it in `known`: slow facts are looked at only when that is no
#         longer true
# socket  the engine's socket; ask (any number) what to ask it, as URLs without blanks or wild cards
# pid     a container's first process, where the engine cannot be asked from here; upper, volume (any number) its places
# Lines on standard input, until its end, are asked last: what concerns a container whose own host is still answering.
# ask URL as above; id of a container, of which an earlier try may have left control groups; file PATH: what is there?
# The start of a program costs a millisecond or two, so few are started.
export LC_ALL=C
known= socket= questions= pid= upper= id= kinds=
for argument; do
    value=${argument#*=}
    case $argument in
    known=*) known=$value ;;
    socket=*) socket=$value ;;
    ask=*) questions="$questions $value" ;;
    pid=*) pid=$value ;;
    upper=*) upper=$value ;;
    esac
done
slow() {
    # The first CRIU run after a boot probes the kernel and keeps the result: better now than while frozen.
    [ -e /run/criu.kdat ] || echo "first-run yes"
    criu check >/dev/null 2>&1 && echo "criu-check good" || echo "criu-check failed"
    echo "criu $(criu --version 2>/dev/null | awk '/^Version:/ { print $2 }')"
    for feature in mem_dirty_track uffd timens network_lock_nftables seccomp_filters; do
        criu check --feature $feature >/dev/null 2>&1 || echo "lacks $feature"
    done
    for runtime in crun runc kata youki; do
        if command -v "$runtime" >/dev/null 2>&1; then
            "$runtime" checkpoint --help >/dev/null 2>&1 && echo "runtime $runtime" || echo "runtime-lacks $runtime"
        fi
    done
    if command -v ldconfig >/dev/null 2>&1; then
        ldconfig -p 2>/dev/null | grep -q 'libcriu\.so\.2' && echo "libcriu there" || echo "libcriu missing"
    fi
    if command -v ldd >/dev/null 2>&1; then
        ldd "$(command -v criu)" 2>/dev/null | grep -q libselinux && echo "criu-selinux yes" || echo "criu-selinux no"
    fi
    echo "glibc $(getconf GNU_LIBC_VERSION 2>/dev/null)"
    for tool in podman criu zstd gzip tar find comm sort xargs sha256sum tee mkfifo unshare awk stat df mount; do
        command -v "$tool" >/dev/null 2>&1 || echo "missing $tool"
    done
    tar --version 2>/dev/null | grep -q 'GNU tar' || echo "missing tar"
    comm -z /dev/null /dev/null 2>/dev/null || echo "missing comm"
    find /dev/null -maxdepth 0 -printf '' 2>/dev/null || echo "missing find"
    while IFS== read -r key value; do
        [ "$key" = PRETTY_NAME ] && echo "distribution $value"
    done </etc/os-release
    awk -F: '/^(flags|Features)[ \t]*:/ { print "cpu-flags" $2; exit }' /proc/cpuinfo
    awk -F: '/^model name[ \t]*:/ { print "cpu-model" $2; exit }' /proc/cpuinfo
}
facts() {
    echo "clock $(date +%s.%N)"
    read -r boot 2>/dev/null </proc/sys/kernel/random/boot_id
    # A tool that was changed since is another tool.
    programs=
    for tool in criu crun runc; do
        path=$(command -v "$tool" 2>/dev/null) && programs="$programs $path"
    done
    stamp=$boot
    [ -n "$programs" ] && stamp=$stamp:$(stat -L -c %Y.%s $programs 2>/dev/null | tr '\n' ':')
    echo "known $stamp"
    if [ "$stamp" = "$known" ] && [ -n "$boot" ]; then
        echo "slow known"
    else
        slow 2>/dev/null
    fi
    echo "user $(id -u)"
    echo "system $(uname -m -r)"
    while read -r key value rest; do
        # In KiB. No sums here: a number too large for the shell, which lxcfs was seen to tell, would end it.
        case $key in MemTotal: | MemAvailable: | SwapFree:) echo "${key%:} $value" ;; esac
    done </proc/meminfo
    # Asking Podman takes 0.1 s; its own configuration files say the same, the last one that speaks of it counts.
    settings=$(cat /usr/share/containers/storage.conf /etc/containers/storage.conf /usr/share/containers/containers.conf \
        /etc/containers/containers.conf /etc/containers/containers.conf.d/*.conf 2>/dev/null |
        awk -F'"' '$1 ~ /^[ \t]*graphroot[ \t]*=/ { root = $2 } $1 ~ /^[ \t]*cgroup_manager[ \t]*=/ { manager = $2 }
            END { print manager ":" root }')
    manager=${settings%%:*} root=${settings#*:}
    [ -n "$manager" ] || { [ -d /run/systemd/system ] && manager=systemd || manager=cgroupfs; }
    echo "cgroup-manager $manager"
    stat -f -c 'free %a %S %n' /dev/shm /var/tmp /tmp 2>/dev/null
    stat -f -c 'free %a %S storage' "${root:-/var/lib/containers}" 2>/dev/null
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        read -r controllers </sys/fs/cgroup/cgroup.controllers
        echo "cgroup 2 $controllers"
    else
        controllers=
        while read -r name hierarchy number state; do
            [ "$state" = 1 ] && controllers="$controllers $name"
        done 2>/dev/null </proc/cgroups
        echo "cgroup 1$controllers"
    fi
    echo "processors $(nproc)"
    read -r modules 2>/dev/null </sys/kernel/security/lsm && echo "security $modules"
    read -r enforcing 2>/dev/null </sys/fs/selinux/enforce && echo "selinux $enforcing"
    command -v iptables-restore >/dev/null 2>&1 && echo "firewall iptables"
    command -v nft >/dev/null 2>&1 && echo "firewall nft"
    [ -d /etc/criu ] && cat /etc/criu/default.conf /etc/criu/crun.conf /etc/criu/runc.conf 2>/dev/null | sed 's/^/criu-option /'
    # In a UDP table 07 is a socket that waits, in a TCP table nothing is in it.
    cat /proc/self/status /proc/net/tcp /proc/net/tcp6 /proc/net/udp /proc/net/udp6 2>/dev/null |
        awk '$1 == "CapBnd:" { print "capabilities " $2 } $4 == "0A" { split($2, part, ":"); print "listening " part[2] }
            $4 == "07" { split($2, part, ":"); print "listening-udp " part[2] }'
}
# Nothing else is written until it has ended: lines must not mix.
facts &
while IFS= read -r line; do
    value=${line#* }
    case $line in
    "ask "*) questions="$questions $value" ;;
    "id "*) id=$value ;;
    "file "*)
        kind=missing
        [ -e "$value" ] && kind=other
        [ -f "$value" ] && kind=file
        [ -d "$value" ] && kind=directory
        [ -S "$value" ] && kind=socket
        kinds="$kinds $kind"
        ;;
    esac
done
answers=
if [ -n "$socket" ] && [ -n "$questions" ] && command -v curl >/dev/null 2>&1; then
    # One process and one connection for all questions: each costs some milliseconds then.
    answers=$(curl -s --unix-socket "$socket" -w '\nanswer-code %{http_code}\n' $questions 2>/dev/null)
    # Text within a JSON string has no bare quotes, so only the field itself looks like this.
    case $answers in *'"Pid":'*)
        pid=${answers#*'"Pid":'}
        pid=${pid%%[!0-9]*}
        ;;
    esac
    case $answers in *'"UpperDir":"'*)
        upper=${answers#*'"UpperDir":"'}
        upper=${upper%%'"'*}
        ;;
    esac
fi
wait
for kind in $kinds; do echo "file $kind"; done
[ -n "$answers" ] && printf 'answers\n%s\nanswers-end\n' "$answers"
[ -n "$id" ] && find /sys/fs/cgroup -maxdepth 5 -type d -name "*libpod-$id*" 2>/dev/null | sed 's/^/left-over /'
