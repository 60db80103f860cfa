# Continues view.sh: what the difference looks like on the source, to be compared with the destination.
cd "$lists/view" || exit 92
entries <"$lists/include"
