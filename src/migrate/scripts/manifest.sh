# Continues view.sh: what the difference looks like on the source, to be compared with the destination; the
# deleted paths first, each ended by NUL, then an empty one.
cd "$lists/view" || exit 92
if [ -s "$lists/renamed" ]; then
    xargs -0 -r sh -c 'exec find "$@" -print0' drover <"$lists/renamed" >>"$lists/include" || exit 96
fi
cat "$lists/deleted" || exit 96
printf '\0'
# The root directory itself, which no archive carries: a change of its mode or owner must not be lost unseen.
{ printf '.\0'; cat "$lists/include"; } | entries "$lists"
