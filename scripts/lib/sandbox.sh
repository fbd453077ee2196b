# shellcheck shell=bash
# A place for tests and benchmarks that the kernel clears away: its own network, process ids and mounts. Whatever was
# started in it - engines, containers, PostgreSQL, daemons that detached themselves - is gone when the command ends,
# however it ends, and no packet of it leaves it.

# in_sandbox COMMAND...: needs root. CARA_SANDBOX names a directory that is there for the command's time only.
in_sandbox() {
    local dir status=0
    dir=$(mktemp -d "${TMPDIR:-/tmp}/cara.XXXXXX")
    chmod 755 "$dir"
    # shellcheck disable=SC2016 # expanded by the shell it is for
    CARA_SANDBOX=$dir unshare --net --pid --mount --fork --kill-child --mount-proc \
        bash -c '. "$0/scripts/lib/all.sh"; sandbox_main "$@"' "$CARA_ROOT" "$@" || status=$?
    rm -rf "$dir"
    return "$status"
}

# Runs as process 1 of the sandbox: a shell that stays, and so reaps what others leave behind.
sandbox_main() {
    local status=0 place
    for place in /run/netns /run/containerd; do
        mkdir -p "$place"
        mount -t tmpfs tmpfs "$place"
    done
    ip link set lo up
    "$@" || status=$?
    return "$status"
}

# Runs the calling script in a sandbox when it is not in one. Call first, with the script's own arguments.
be_in_sandbox() {
    [ -z "${CARA_SANDBOX:-}" ] || return 0
    be_root "$@"
    in_sandbox "$0" "$@"
    exit
}
