# Sends the images, compressed, once there are any. $1 our directory, $2 compressor, further arguments are its options.
read -r order && [ "$order" = go ] || exit 1
images=$1/images
shift
exec "$@" <"$images"
