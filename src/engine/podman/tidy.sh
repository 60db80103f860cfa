# Continues source.sh: removes our directory and our lock, on either side; see Engine::tidy.
case $directory in
    */drover-*) rm -rf -- "$directory" ;;
    *) tidy ;;
esac
exit 0
