# shellcheck shell=bash
# Docker engines of our own, each in a network namespace of its own, beside whatever else runs here.
#
#   engine_exec DIR NETNS [ARG]   becomes dockerd; its socket is DIR/docker.sock. NETNS "" is the current one.
#   engine_start DIR NETNS [ARG]  in the background until it answers; engine_stop DIR ends it and its containers
#   engine_host DIR               what DOCKER_HOST should be
#   netns_add NAME / netns_del NAME

# How many networks an engine can make: the default pools end near 31; this one has 1024 of 64 addresses.
ENGINE_POOL=${ENGINE_POOL:-base=10.213.0.0/16,size=26}

engine_host() { echo "unix://$1/docker.sock"; }

engine_exec() {
    local dir=$1 netns=$2
    shift 2
    mkdir -p "$dir"
    echo '{}' >"$dir/daemon.json" # and not what /etc/docker says
    local command=(dockerd -H "unix://$dir/docker.sock" --data-root "$dir/data" --exec-root "$dir/exec"
        -p "$dir/engine.pid" --bridge=none --default-address-pool "$ENGINE_POOL" --userland-proxy=false
        --config-file "$dir/daemon.json" --log-level warn "$@")
    # Not `ip netns exec`: it hides the cgroup mounts, and dockerd then refuses to start.
    [ -z "$netns" ] || command=(nsenter --net="/run/netns/$netns" "${command[@]}")
    exec "${command[@]}"
}

engine_start() {
    local dir=$1
    [ ${#dir} -le 60 ] || die "the engine's directory has too long a name for its sockets: $dir"
    mkdir -p "$dir"
    # shellcheck disable=SC2016 # expanded by the shell it is for
    daemon_start dockerd "$dir" bash -c '. "$0/scripts/lib/all.sh"; engine_exec "$@"' "$CARA_ROOT" "$@"
    wait_for 30 engine_answers "$dir" || {
        tail -n 5 "$dir/dockerd.log" >&2
        die "the Docker engine did not start; see $dir/dockerd.log"
    }
}

engine_answers() { DOCKER_HOST=$(engine_host "$1") docker version; }

# Containers end with their engine; it is given time to do so.
engine_stop() {
    daemon_stop dockerd "$1"
    _unmount_below "$1"
}

_unmount_below() {
    local mount
    awk -v below="$1/" 'index($2, below) == 1 { print $2 }' /proc/mounts | sort -r | while read -r mount; do
        umount -l "$mount" || true
    done
}

netns_add() {
    ip netns add "$1"
    ip -n "$1" link set lo up
}

netns_del() { [ ! -e "/run/netns/$1" ] || ip netns del "$1"; }
