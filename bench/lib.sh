# shellcheck shell=bash
# What every benchmark starts with. A benchmark is bench/NAME, a bash script:
#
#   #!/usr/bin/env bash
#   # What is compared with what, in one sentence.
#   . "$(dirname "$0")/lib.sh"
#   bench_begin "$@"              # installs, builds (release), then goes on in a sandbox as root
#   port=$(bench_postgres)        # an empty durable PostgreSQL 16 on 127.0.0.1; bench_url gives its URL
#   bench_engine                  # a Docker engine in this network; DOCKER_HOST is set, image demo:1 is there
#   ...
#   figure apply-to-running.p50 1.08 x '<=' 1.15
#
# In the sandbox nothing can be fetched and nothing outlives the script. $CARA_SANDBOX is a directory for its time only;
# $BIN is where cara-server, cara-agent and caractrl are.
# shellcheck source=../scripts/lib/all.sh
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib/all.sh"
export BIN=${BIN:-$(build_bin release)}

bench_begin() {
    if [ -z "${CARA_SANDBOX:-}" ]; then
        be_root "$@"
        install_for build run bench
        postgres_install >/dev/null
        [ "$BIN" != "$(build_bin release)" ] || build_programs
    fi
    be_in_sandbox "$@"
}

# Prints the port. Durable: fsync is on, as it would be for real.
bench_postgres() { BENCH=durable postgres_throwaway "$CARA_SANDBOX/pg"; }

# bench_url PORT [DATABASE]: over TCP, with password, as a server would have it.
bench_url() { postgres_tcp_url "$CARA_SANDBOX/pg" "$@"; }

bench_engine() {
    engine_start "$CARA_SANDBOX/engine" ''
    DOCKER_HOST=$(engine_host "$CARA_SANDBOX/engine")
    export DOCKER_HOST
    demo_image_import demo:1
}

# A cara-server on a database of its own: sets DATABASE (its URL) and SERVER_URL.
bench_control_plane() {
    local postgres port
    postgres=$(bench_postgres)
    postgres_psql -d "$(bench_url "$postgres")" -c 'CREATE DATABASE cara'
    DATABASE=$(bench_url "$postgres" cara)
    port=$(free_port)
    SERVER_URL=http://127.0.0.1:$port
    export DATABASE SERVER_URL
    mkdir -p "$CARA_SANDBOX/server"
    (cd "$CARA_SANDBOX/server" && DATABASE_URL=$DATABASE HOST=127.0.0.1 PORT=$port exec "$BIN/cara-server") \
        >"$CARA_SANDBOX/server/log" 2>&1 &
    wait_for 15 curl -sf -o /dev/null "$SERVER_URL/api/readyz"
}

# bench_agent [FLAG...]: a node on the engine of bench_engine, Ready when this returns; sets AGENT_LOG.
bench_agent() {
    local port
    port=$(free_port)
    mkdir -p "$CARA_SANDBOX/agent"
    AGENT_LOG=$CARA_SANDBOX/agent/log
    export AGENT_LOG
    (cd "$CARA_SANDBOX/agent" && NODE_NAME=bench AGENT_LISTEN_PORT=$port exec "$BIN/cara-agent" "$@") \
        >"$AGENT_LOG" 2>&1 &
    # shellcheck disable=SC2016 # expanded by the shell it is for
    wait_for 15 sh -c 'curl -s "$SERVER_URL/api/v1/nodes/bench" | grep -q "\"state\":\"Ready\""'
}

# bench_is_running PROJECT
bench_is_running() { curl -s "$SERVER_URL/api/v1/projects/$1" | grep -q '"phase":"Running"'; }

# figure NAME VALUE UNIT [<=|>= GOAL]
figure() {
    if [ $# -gt 3 ]; then
        printf 'figure %s %s %s goal %s %s\n' "$@"
    else
        printf 'figure %s %s %s\n' "$@"
    fi
}

# Numbers on stdin, one a line: prints the Pth percentile.
percentile() { sort -n | awk -v p="$1" '{ v[NR] = $1 } END { i = int((NR - 1) * p / 100 + 0.5) + 1; print v[i] }'; }
