# Receives a stream into a file and says its hash and length; see Engine::arrive.
# $1 directory, $2 file name, $3 decompressor or empty
set -u
umask 077
directory=$1 name=$2 decompressor=$3
mkdir -p -m 700 "$directory" || exit 90
mkfifo -m 600 "$directory/$name.hash" || exit 90
sha256sum <"$directory/$name.hash" >"$directory/$name.sum" 2>/dev/null &
hasher=$!
decompress() { if [ -n "$decompressor" ]; then "$decompressor" -q -d -c; else cat; fi; }
# A full disk must end this at once: the container at the other end is frozen.
{ decompress; echo $? >"$directory/$name.decoded"; } 2>/dev/null |
    tee --output-error=exit "$directory/$name" >"$directory/$name.hash"
written=$?
wait "$hasher"
read -r sum rest <"$directory/$name.sum"
[ "$written" = 0 ] && [ "$(cat "$directory/$name.decoded")" = 0 ] || {
    case $directory in */drover-*) rm -rf -- "$directory" ;; esac
    exit 91
}
echo "$sum $(wc -c <"$directory/$name")"
