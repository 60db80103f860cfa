# Continues common.sh: the destination's side of a two-phase move, for as long as the connection lives. Begins the
# restore, which waits before it calls the real criu.
# $3 who, $4 record, $5 wrapper of criu, $6 its action script, $7 script of the restore, $8 bytes of the metadata archive,
# $9 now or frozen: when the restore may begin, $10 wrapper of netavark or empty, $11 an option for CRIU or empty, $12 volumes,
# one a line; further arguments are options of the restore
begin "$3" "$4" release
install_criu restore "$5" "$6"
restore=$7 size=$8 when=$9
shift 9
hold_network "$1"
[ -z "$2" ] || echo "$2" >>"$directory/criu.conf"
shift 2
exec 8<>"$directory/release" 7<>"$directory/answer"
state preparing
head -c "$size" >"$directory/metadata.tar"
[ "$(wc -c <"$directory/metadata.tar")" = "$size" ] || { tidy; exit 1; }
# The same address must not be up on both hosts: there the restore begins only when the source is frozen.
if [ "$when" = frozen ]; then
    echo prepared
    while read -r order || order=lost; do
        case $order in
            begin) break ;;
            time) echo "time $(date +%s.%N)" ;;
            alive) ;;
            *)
                # Names of volumes have no blanks.
                remove_restored $1
                tidy
                exit 1
                ;;
        esac
    done
fi
setsid sh -c "$restore" drover "$directory" "$container" "$@" </dev/null >/dev/null 2>&1 7>&- 8>&- &
supervisor=$!
(while sleep 1 && kill -0 $supervisor 2>/dev/null; do :; done; echo "outcome gone" >&7) 8>&- &
watcher=$!
while read -r answer; do
    echo "$answer"
    case $answer in outcome*) break ;; esac
done <&7 8>&- &
answers=$!
exec 7>&-
# A shell gives what runs in its background no input but a named one.
exec 3<&0
# Without a laptop the restore decides by itself, and this script has nothing left to do.
(
    while read -r word; do
        case $word in
            time) echo "time $(date +%s.%N)" ;;
            go | abort | alive) echo "$word" >&8 ;;
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
