# drover's sampling loop. A line on standard input asks for one sample; when the input ends, so does the loop.
# POSIX sh without extensions (dash, busybox ash). A sample costs one process: grep.
LC_ALL=C
export LC_ALL

# Where engines put a container's cgroup, below each hierarchy.
layouts='libpod_parent/libpod-* libpod_parent/*/libpod-* machine.slice/libpod-* machine.slice/machine-libpod_pod_*/libpod-* docker/* system.slice/docker-*'
# “hierarchy:file”; version 2 has a single hierarchy.
files='cpuacct/:cpuacct.usage memory/:memory.usage_in_bytes memory/:memory.stat memory/:memory.limit_in_bytes pids/:pids.current'
if cd /sys/fs/cgroup 2>/dev/null && [ -e cgroup.controllers ]; then
  files=':cpu.stat :memory.current :memory.stat :memory.max :pids.current'
fi
sources='/proc/stat /proc/meminfo /proc/loadavg /proc/diskstats /proc/net/dev /proc/pressure/cpu /proc/pressure/memory /proc/pressure/io'
set -f
for layout in $layouts; do
  for file in $files; do
    sources="$sources ${file%%:*}$layout/${file#*:}"
  done
done
set +f

# The lines that are wanted, of files that have many more.
lines='^(cpu |MemTotal:|MemAvailable:|SwapTotal:|SwapFree:|some |usage_usec |inactive_file |total_inactive_file |max$|[0-9])|^ *[0-9]+ +[0-9]+ (sd|vd|xvd|hd|nvme|mmcblk|dasd)|^ *[^ ]+: *[0-9]+ +[0-9]+ '

until_clock=0
while read -r sequence; do
  read -r uptime idle </proc/uptime
  if [ "$until_clock" -eq 0 ]; then
    # Reading the clock is a process of its own; in between, the uptime says how much later it is.
    clock=$(date +%s.%N)
    clock_uptime=$uptime
    processors=$(grep -c '^cpu[0-9]' /proc/stat)
    until_clock=60
  fi
  until_clock=$((until_clock - 1))
  echo "drover-begin $sequence $uptime $clock $clock_uptime $processors"
  # The patterns are to be expanded here; one without a match names no file, and -s is silent about it.
  grep -sE "$lines" $sources </dev/null
  echo "drover-end $sequence"
done
