# Continues common.sh: removes our directory, lock and record.
tidy
exit 0
