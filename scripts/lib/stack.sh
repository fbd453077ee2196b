# shellcheck shell=bash
# What a quickstart consists of, below $CARA_STATE: an engine, PostgreSQL, cara-server, cara-agent. Each x_up may be
# called again at any time and does only what is missing; each x_down is fine when there is nothing.
#
# What was chosen at the first start (ports, whose engine, whose database) is kept in $CARA_STATE/choices.

STACK_NETNS=caravanserai
STACK_COMPOSE=caravanserai-quickstart
DEMO_IMAGE=caravanserai-demo:1

stack_exists() { [ -e "$CARA_STATE/choices" ]; }

stack_begin() {
    mkdir -p "$CARA_STATE/run"
    chmod 755 "$CARA_STATE"
    touch "$CARA_STATE/choices"
}

# choice NAME [VALUE-IF-NEW]: prints what was chosen, choosing now when it has not been.
choice() {
    local value
    value=$(sed -n "s/^$1=//p" "$CARA_STATE/choices" 2>/dev/null | tail -n 1)
    if [ -z "$value" ] && [ $# -gt 1 ]; then
        value=$2
        (umask 077 && echo "$1=$value" >>"$CARA_STATE/choices")
    fi
    echo "$value"
}

# --- the Docker engine ---------------------------------------------------------------------------------------------

stack_engine_up() {
    local host
    if [ -z "$(choice engine)" ]; then
        if host=$(_running_engine); then
            choice engine "$host" >/dev/null
        else
            choice engine own >/dev/null
        fi
    fi
    if [ "$(choice engine)" = own ]; then
        _own_engine_up
        note "an engine of our own, in the network namespace $STACK_NETNS (DOCKER_HOST=$(stack_docker_host))"
    else
        note "the engine that runs here ($(stack_docker_host))"
    fi
    export DOCKER_HOST
    DOCKER_HOST=$(stack_docker_host)
}

stack_docker_host() {
    local engine
    engine=$(choice engine)
    if [ "$engine" = own ]; then engine_host "$CARA_STATE/engine"; else echo "$engine"; fi
}

# Prints the address of the engine docker would talk to, when there is one that answers.
_running_engine() {
    timeout 10 docker version >/dev/null 2>&1 || return 1
    echo "${DOCKER_HOST:-$(docker context inspect -f '{{.Endpoints.docker.Host}}')}"
}

_own_engine_up() {
    [ -e "/run/netns/$STACK_NETNS" ] || netns_add "$STACK_NETNS"
    if ! daemon_running dockerd "$CARA_STATE/engine"; then
        engine_start "$CARA_STATE/engine" "$STACK_NETNS"
    fi
    ip link show cara-host >/dev/null 2>&1 || _own_engine_link
}

# A link from this machine into the namespace, so that containers can be reached from here, and only from here.
_own_engine_link() {
    ip link add cara-host type veth peer name eth0 netns "$STACK_NETNS"
    ip addr add 10.214.0.1/30 dev cara-host
    ip link set cara-host up
    ip -n "$STACK_NETNS" addr add 10.214.0.2/30 dev eth0
    ip -n "$STACK_NETNS" link set eth0 up
    ip -n "$STACK_NETNS" route add default via 10.214.0.1
    ip route add 10.213.0.0/16 via 10.214.0.2
    nsenter --net="/run/netns/$STACK_NETNS" iptables -I DOCKER-USER -i eth0 -j ACCEPT
}

# Kills what runs on our own engine; its shutdown would wait ten seconds for each.
stack_engine_clear() {
    daemon_running dockerd "$CARA_STATE/engine" || return 0
    docker ps -q | xargs -r docker kill >/dev/null 2>&1 || true
}

# The lock file that an agent leaves beside an engine's socket (agent/engine_claim.h).
_remove_engine_claim() {
    case $1 in
        unix://*) rm -f "$(readlink -f "${1#unix://}").cara-agent" ;;
    esac
}

stack_engine_down() {
    if [ "$(choice engine)" = own ]; then
        engine_stop "$CARA_STATE/engine"
        netns_del "$STACK_NETNS"
        return
    fi
    [ -z "$(choice image)" ] || docker image rm "$DEMO_IMAGE" >/dev/null 2>&1 || true
    _remove_engine_claim "$(stack_docker_host)"
}

# --- PostgreSQL ----------------------------------------------------------------------------------------------------

stack_database_up() {
    [ -n "$(choice database)" ] || _choose_database
    case $(choice database) in
        given) note "the one DATABASE_URL names" ;;
        compose)
            _compose up -d >"$CARA_STATE/run/compose.log" 2>&1 || die "docker compose failed; see $CARA_STATE/run/compose.log"
            _write_passfile
            note "docker compose, port $(choice postgres_port) of this machine"
            ;;
        own)
            [ -e "$CARA_STATE/postgres/data/PG_VERSION" ] || postgres_init "$CARA_STATE/postgres"
            daemon_running postgres "$CARA_STATE/postgres" ||
                postgres_start "$CARA_STATE/postgres" "$(choice postgres_port)" -c listen_addresses=127.0.0.1
            _own_database
            note "$("$(postgres_install)/postgres" --version | cut -d' ' -f3), 127.0.0.1:$(choice postgres_port), data in $CARA_STATE/postgres"
            ;;
    esac
    wait_for 60 _database_answers || die "PostgreSQL does not answer; its log is in $CARA_STATE"
    _check_database_version
}

_own_database() {
    local admin
    admin=$(postgres_url "$CARA_STATE/postgres" "$(choice postgres_port)")
    [ -n "$(postgres_psql -At -d "$admin" -c "SELECT 1 FROM pg_database WHERE datname = 'caravanserai'")" ] ||
        postgres_psql -d "$admin" -c 'CREATE DATABASE caravanserai'
}

_choose_database() {
    if [ -n "${DATABASE_URL:-}" ]; then
        choice database given >/dev/null
        choice database_url "$DATABASE_URL" >/dev/null
        return
    fi
    choice postgres_port "$(free_port 5432)" >/dev/null
    if [ "$(choice engine)" != own ] && _compose_works; then
        choice database compose >/dev/null
        choice password "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" >/dev/null
    else
        choice database own >/dev/null
    fi
}

# Is there a compose, and the image or a way to get it soon?
_compose_works() {
    local image=${CARA_POSTGRES_IMAGE:-postgres:16}
    _compose version >/dev/null 2>&1 || return 1
    docker image inspect "$image" >/dev/null 2>&1 && return
    note "pulling $image"
    timeout "${CARA_PULL_TIMEOUT:-90}" docker pull -q "$image" >/dev/null 2>&1
}

_compose() {
    local compose=(docker compose)
    docker compose version >/dev/null 2>&1 || compose=(docker-compose)
    CARA_POSTGRES_PORT=$(choice postgres_port) CARA_POSTGRES_PASSWORD=$(choice password) \
        "${compose[@]}" -p "$STACK_COMPOSE" -f "$CARA_ROOT/docker-compose.yml" "$@"
}

stack_database_url() {
    case $(choice database) in
        given) choice database_url ;;
        compose) echo "postgresql://postgres:$(choice password)@127.0.0.1:$(choice postgres_port)/caravanserai" ;;
        own) postgres_tcp_url "$CARA_STATE/postgres" "$(choice postgres_port)" caravanserai ;;
    esac
}

# What psql needs in its environment to reach a database of ours, with no password among it: printed, for people.
stack_psql_variables() {
    local port
    port=$(choice postgres_port)
    case $(choice database) in
        compose) echo "PGHOST=127.0.0.1 PGPORT=$port PGUSER=postgres PGDATABASE=caravanserai PGPASSFILE=$CARA_STATE/run/pgpass" ;;
        own) echo "PGHOST=$CARA_STATE/postgres PGPORT=$port PGUSER=postgres PGDATABASE=caravanserai" ;;
    esac
}

# The password for the one who asked for all this, and for nobody else.
_write_passfile() {
    local file=$CARA_STATE/run/pgpass
    (umask 077 && echo "127.0.0.1:$(choice postgres_port):caravanserai:postgres:$(choice password)" >"$file")
    chown "${SUDO_USER:-$(id -un)}" "$file"
}

_database_answers() { postgres_psql -d "$(stack_database_url)" -c 'SELECT 1'; }

_check_database_version() {
    local version
    version=$(postgres_psql -At -d "$(stack_database_url)" -c 'SHOW server_version_num')
    [ "$version" -ge 160000 ] || die "this needs PostgreSQL 16 or newer; DATABASE_URL leads to $((version / 10000))"
}

stack_database_down() {
    case $(choice database) in
        given) note "the schemas cara and api stay in the database of DATABASE_URL" ;;
        compose) _compose down -v >/dev/null 2>&1 || warn "docker compose down failed: look for the project $STACK_COMPOSE" ;;
        own) postgres_stop "$CARA_STATE/postgres" ;;
    esac
}

# --- the programs --------------------------------------------------------------------------------------------------

stack_server_url() { echo "http://127.0.0.1:$(choice server_port)"; }

stack_ctl() { "$CARA_STATE/bin/caractrl" --server "$(stack_server_url)" "$@"; }

# The programs as built, where users other than the checkout's owner can run them. One that changed is started anew.
stack_programs() {
    local program
    mkdir -p "$CARA_STATE/bin"
    for program in "${PROGRAMS[@]}"; do
        cmp -s "$(build_bin release)/$program" "$CARA_STATE/bin/$program" && continue
        daemon_stop "$program" "$CARA_STATE/run"
        install -m 755 "$(build_bin release)/$program" "$CARA_STATE/bin/"
    done
}

# Settings go by the environment, where `ps` does not show a password; no .env of the current directory is read.
stack_server_up() {
    choice server_port "$(free_port 8080)" >/dev/null
    daemon_running cara-server "$CARA_STATE/run" ||
        HOST=127.0.0.1 PORT=$(choice server_port) DATABASE_URL=$(stack_database_url) \
            daemon_start cara-server "$CARA_STATE/run" env -C "$CARA_STATE/run" "$CARA_STATE/bin/cara-server"
    wait_for 30 _server_ready || _die_with_log cara-server
    note "$(stack_server_url)"
}

_server_ready() {
    daemon_running cara-server "$CARA_STATE/run" && curl -fsS -m 2 "$(stack_server_url)/api/readyz"
}

stack_agent_up() {
    choice agent_port "$(free_port 9090)" >/dev/null
    choice proxy_port "$(free_port 8081)" >/dev/null
    choice node "$(hostname | tr '[:upper:]' '[:lower:]')" >/dev/null
    daemon_running cara-agent "$CARA_STATE/run" ||
        SERVER_URL=$(stack_server_url) NODE_NAME=$(choice node) DOCKER_HOST=$(stack_docker_host) \
            AGENT_LISTEN_PORT=$(choice agent_port) PROXY_LISTEN_ADDR=127.0.0.1:$(choice proxy_port) \
            daemon_start cara-agent "$CARA_STATE/run" env -C "$CARA_STATE/run" "$CARA_STATE/bin/cara-agent"
    wait_for 30 _node_ready || _die_with_log cara-agent
    note "node $(choice node)"
}

_node_ready() {
    daemon_running cara-agent "$CARA_STATE/run" && stack_ctl get node "$(choice node)" | grep -q ' Ready '
}

_die_with_log() {
    tail -n 10 "$CARA_STATE/run/$1.log" >&2
    die "$1 did not come up; its log is $CARA_STATE/run/$1.log"
}

stack_programs_down() {
    daemon_stop cara-agent "$CARA_STATE/run"
    daemon_stop cara-server "$CARA_STATE/run"
}

stack_remove_state() {
    stack_exists || return 0
    (cd "$CARA_STATE" && rm -rf bin run postgres engine choices)
    rmdir "$CARA_STATE" 2>/dev/null || warn "$CARA_STATE holds files that are not ours; it stays"
}
