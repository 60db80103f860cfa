# Podman's records of one container, as a gzipped tar stream: its database and the runtime's configuration.
# $1 the storage root, $2 the container's own directory
set -u
# A write that is under way leaves a journal; the copy would be torn. It takes some milliseconds.
tries=0
while [ -e "$1/db.sql-journal" ] && [ $tries -lt 20 ]; do
    sleep 0.05
    tries=$((tries + 1))
done
[ -f "$1/db.sql" ] && [ ! -e "$1/db.sql-wal" ] || { echo "Podman keeps its records in another form here" >&2; exit 95; }
before=$(stat -c '%s %Y %Z' "$1/db.sql")
tar --create --file - -C "$1" db.sql -C "$2" config.json | gzip -1
[ "$(stat -c '%s %Y %Z' "$1/db.sql")" = "$before" ] && [ ! -e "$1/db.sql-journal" ] || { echo "Podman was writing its records" >&2; exit 95; }
