# Continues view.sh: the deleted paths, each ended by NUL, an empty one, then all that was added or changed as a tar stream.
cat "$lists/deleted" || exit 96
printf '\0'
cd "$lists/view" && tar --create --file - --format=posix --numeric-owner --xattrs --xattrs-include='*' \
    --xattrs-exclude='trusted.overlay.*' --null --no-recursion --files-from="$lists/include" \
    --recursion --files-from="$lists/renamed"
