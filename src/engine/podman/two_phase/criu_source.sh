#!/bin/sh
# The criu of one checkpoint: the real one, with our action script.
directory=${0%/bin/criu}
echo $$ >>"$directory/helpers"
read -r criu <"$directory/criu.path"
CRIU_CONFIG_FILE=$directory/criu.conf exec "$criu" "$@"
