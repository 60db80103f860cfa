# Removes our directory and our lock; see Engine::tidy.
# $1 directory, $2 container
set -u
directory=$1 container=$2
# A lock is ours only when it names our directory.
unlock() {
    read -r owner rest <"/run/drover/lock-$container/owner" 2>/dev/null && [ "$owner" = "$directory" ] &&
        rm -rf -- "/run/drover/lock-$container"
}
case $directory in
    /run/drover/*)
        unlock
        rm -rf -- "$directory"
        rmdir /run/drover 2>/dev/null
        ;;
    */drover-*) rm -rf -- "$directory" ;;
esac
exit 0
