# Continues common.sh: the source's side of a two-phase move, for as long as the connection lives.
# $3 who, $4 record, $5 wrapper of criu, $6 its action script, $7 script of the checkpoint, $8 first process of the container,
# $9 the API's socket, or empty, ${10} seconds for which the stopped container stays; further arguments are directories of volumes
begin "$3" "$4" verdict
install_criu checkpoint "$5" "$6"
mkfifo -m 600 "$directory/images" || { tidy; exit 90; }
checkpoint=$7
# CRIU asks the freezer of cgroup v1 once, and when not every process has stopped by then it looks again only
# after 100 ms (criu/seize.c). A freezer that says FROZEN already saves that time.
freezer=/sys/fs/cgroup/freezer$(awk -F: '$2 == "freezer" { print $3 }' "/proc/$8/cgroup" 2>/dev/null)/freezer.state
case $freezer in *"$container"*) echo "$freezer" >"$directory/freezer" ;; esac
freezer=/sys/fs/cgroup$(awk -F: '$1 == "0" { print $3 }' "/proc/$8/cgroup" 2>/dev/null)/cgroup.freeze
case $freezer in *"$container"*) echo "$freezer" >"$directory/freezer.v2" ;; esac
socket=$9
shift 9
keep=$1
shift
{ [ $# = 0 ] || printf '%s\n' "$@"; } >"$directory/volumes"
exec 8<>"$directory/verdict" 7<>"$directory/answer"
state preparing
setsid sh -c "$checkpoint" drover "$directory" "$container" "$socket" "$keep" </dev/null >/dev/null 2>&1 7>&- 8>&- &
supervisor=$!
# After the hand-over the action script answers for the container, also without this process.
(
    while sleep 1 && { kill -0 $supervisor 2>/dev/null || { [ "$(cat "$directory/state")" = handed ] && helped; }; }; do :; done
    echo "outcome gone" >&7
) 8>&- &
watcher=$!
while read -r answer; do
    echo "$answer"
    case $answer in outcome*) break ;; esac
done <&7 8>&- &
answers=$!
exec 7>&-
# A shell gives what runs in its background no input but a named one.
exec 3<&0
# Without a laptop the checkpoint decides by itself, and this script has nothing left to do.
(
    while read -r word; do
        case $word in
            time) echo "time $(date +%s.%N)" ;;
            freeze | handed | commit | abort | alive) echo "$word" >&8 ;;
        esac
    done
    echo lost >&8
    kill -KILL "$answers" 2>/dev/null
) <&3 &
words=$!
exec 8>&-
wait "$answers"
kill -KILL "$words" "$watcher" 2>/dev/null
exit 0
