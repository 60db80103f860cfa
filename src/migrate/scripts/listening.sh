# The ports on which something listens in the network namespace of a process: `HEXADECIMAL tcp|udp` a line. $1 process
[ -d "/proc/$1" ] || exit 96
awk '$4 == "0A" { split($2, part, ":"); print part[2], "tcp" }' "/proc/$1/net/tcp" "/proc/$1/net/tcp6" 2>/dev/null
awk '$4 == "07" { split($2, part, ":"); print part[2], "udp" }' "/proc/$1/net/udp" "/proc/$1/net/udp6" 2>/dev/null
exit 0
