# Continues view.sh: the paths that are gone or whose directory has become something else, each ended by NUL, an empty
# one, then all that was added or changed as a tar stream, the root directory's own mode and owner first.
cat "$lists/deleted" || exit 96
# A file cannot be put where the image has a directory.
cd "$lists/view" && xargs -0 -r sh -c 'exec find "$@" -maxdepth 0 ! -type d -print0' drover <"$lists/include" >"$lists/files" ||
    failed files
IFS=:
for layer in $lower; do
    unset IFS
    cd "$start" && cd "$layer" || failed layer
    xargs -0 -r sh -c "$children" drover <"$lists/files" || failed layer
done
unset IFS
printf '\0'
cd "$lists/view" || failed view
{ printf '.\0'; cat "$lists/include"; } >"$lists/changed"
tar --create --file - --format=posix --numeric-owner --acls --xattrs --xattrs-include='*' \
    --xattrs-exclude='trusted.overlay.*' --null --no-recursion --files-from="$lists/changed" \
    --recursion --files-from="$lists/renamed"
