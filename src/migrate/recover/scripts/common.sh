# What looking and acting share. Nothing here trusts what stands in files: identities are checked before they
# become part of a path.
set -u
umask 077
LC_ALL=C
export LC_ALL PODMAN_IGNORE_CGROUPSV1_WARNING=1
run=/run/drover keep=/var/lib/drover
hexadecimal() { # $1 text, $2 digits
    case $1 in *[!0-9a-f]*) return 1 ;; esac
    [ ${#1} = "$2" ]
}
# Whether a process of a transaction lives here: hook, wrapper, supervisor, a restore of kept images. The pattern
# does not match itself, and our own scripts are told the bare identity.
held() { # $1 transaction
    rest=${1#?}
    head=${1%"$rest"}
    for file in $(grep -las -e "/run/drover/[$head]$rest" -e "/drover-[$head]$rest" /proc/[0-9]*/cmdline); do
        living "${file%/cmdline}" && return 0
    done
    return 1
}
living() { # $1 directory of a process
    read -r line 2>/dev/null <"$1/stat" || return 1
    line=${line##*) }
    case $line in Z* | X*) return 1 ;; esac
}
# The control groups tell what runs without asking the engine, whose lock may be taken.
processes() { # $1 container; says none, frozen or free
    answer=none
    for file in $(grep -lEs "libpod-(payload-)?$1" /proc/[0-9]*/cgroup); do
        living "${file%/cgroup}" || continue
        answer=free
        freezer=$(freezer_of "${file%/cgroup}")
        [ -n "$freezer" ] && answer=frozen
        break
    done
    echo "$answer"
}
freezer_of() { # $1 directory of a process; says the file that keeps it frozen, when one does
    while IFS=: read -r number controllers path; do
        case $controllers in
            freezer)
                file=/sys/fs/cgroup/freezer$path/freezer.state
                [ "$(cat "$file" 2>/dev/null)" = FROZEN ] && echo "$file" && return
                ;;
            '')
                file=/sys/fs/cgroup$path/cgroup.freeze
                [ "$(cat "$file" 2>/dev/null)" = 1 ] && echo "$file" && return
                ;;
        esac
    done <"$1/cgroup"
}
# Asked only when nothing of ours holds the container: its lock would make this wait.
engine() { # $1 container, $2 a file that its images must be newer than; says absent, stopped, images or silent
    static=$(timeout 20 podman container inspect --format '{{.StaticDir}}' -- "$1" 2>"/dev/null")
    case $? in
        0) ;;
        124 | 126 | 127 | 137) echo silent && return ;;
        *)
            timeout 20 podman container exists "$1" >/dev/null 2>&1
            case $? in 0) echo stopped ;; 1) echo absent ;; *) echo silent ;; esac
            return
            ;;
    esac
    # CRIU writes its inventory last. One from before the transaction is somebody else's.
    if [ -s "$static/checkpoint/inventory.img" ] && [ "$static/checkpoint/inventory.img" -nt "$2" ]; then
        echo images
    else
        echo stopped
    fi
}
word() { # $1 file with one word
    read -r first rest 2>/dev/null <"$1" || [ -n "${first:-}" ] || first=
    printf '%s' "${first:-}"
    first=
}
