#!/bin/bash
# The first process of a lab host: brings up the network, keeps sshd and the Podman service running, reaps.
#
# $1 address   $2 gateway   $3 sample workloads: "create", "resume" or "leave"
address=$1 gateway=$2 workloads=$3
exec 3>&1 >>/var/log/drover-init.log 2>&1

if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    for controller in $(cat /sys/fs/cgroup/cgroup.controllers); do
        echo "+$controller" >/sys/fs/cgroup/cgroup.subtree_control || echo "no $controller for containers"
    done
fi

ip link set lo up
ip address add "$address/24" dev eth0
ip link set eth0 up
ip route add default via "$gateway"

# keep NAME COMMAND...: runs a service and starts it again when it ends.
keep() {
    local name=$1
    shift
    while :; do
        "$@" >>"/var/log/$name.log" 2>&1
        echo "$name ended with $?, starting it again"
        sleep 1
    done
}

# run NAME OPTION...: a sample workload. One that is here already is started as it is.
run() {
    local name=$1
    shift
    if podman container exists "$name"; then
        podman start "$name"
    elif [ "$workloads" = create ]; then
        podman run --detach --name "$name" --label drover.sample="$name" "$@" "localhost/drover/$name:latest"
    fi
}

samples() {
    local failed=
    run counter || failed="$failed counter"
    run redis --publish 6379:6379 || failed="$failed redis"
    run web --publish 8080:8080 || failed="$failed web"
    if [ -z "$failed" ]; then
        echo samples >&3
    else
        echo "failed$failed did not start: $(tail -n 3 /var/log/drover-init.log | tr '\n' ' ')" >&3
    fi
}

mkdir -p /run/sshd /run/podman /run/lock
keep sshd /usr/sbin/sshd -D -e 3>&- &
keep podman podman system service --time=0 unix:///run/podman/podman.sock 3>&- &
[ "$workloads" = leave ] || samples &
exec 3>&-
trap 'exit 0' TERM
while :; do wait; sleep 1; done
