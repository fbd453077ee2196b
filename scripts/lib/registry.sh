# shellcheck shell=bash
# A real registry for tests: docker-registry on an address of a namespace of ours.

# registry_exec DIR ADDRESS:PORT: becomes the registry.
registry_exec() {
    local dir=$1 address=$2
    mkdir -p "$dir/data"
    cat >"$dir/config.yml" <<YAML
version: 0.1
log: { level: warn }
storage: { filesystem: { rootdirectory: $dir/data } }
http: { addr: "$address" }
YAML
    exec docker-registry serve "$dir/config.yml"
}

registry_start() {
    # shellcheck disable=SC2016 # expanded by the shell it is for
    daemon_start registry "$1" bash -c '. "$0/scripts/lib/all.sh"; registry_exec "$@"' "$CARA_ROOT" "$@"
    wait_for 15 curl -fsS "http://$2/v2/" || die "the registry did not start; see $1/registry.log"
}

registry_stop() { daemon_stop registry "$1"; }
