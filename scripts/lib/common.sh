# shellcheck shell=bash
# What every script starts from: where things are, how to talk, how to wait.
#
# CARA_ROOT   the checkout
# CARA_CACHE  what is downloaded once and kept: PostgreSQL binaries, demo image root   (/var/cache/caravanserai)
# CARA_STATE  what a quickstart runs from: database, engine, pid files, logs           (/var/lib/caravanserai)
# CARA_USER   the unprivileged user PostgreSQL runs as, created when it is missing     (caravanserai)

CARA_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
CARA_CACHE=${CARA_CACHE:-/var/cache/caravanserai}
CARA_STATE=${CARA_STATE:-/var/lib/caravanserai}
CARA_USER=${CARA_USER:-caravanserai}
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

if [ -t 2 ]; then
    _bold=$'\e[1m' _dim=$'\e[2m' _red=$'\e[31m' _plain=$'\e[0m'
else
    _bold='' _dim='' _red='' _plain=''
fi

# Progress goes to stderr, so that stdout stays what a script promises to print.
step() { printf '%s==> %s%s\n' "$_bold" "$*" "$_plain" >&2; }
note() { printf '    %s%s%s\n' "$_dim" "$*" "$_plain" >&2; }
warn() { printf '%swarning:%s %s\n' "$_red" "$_plain" "$*" >&2; }
die() {
    printf '%serror:%s %s\n' "$_red" "$_plain" "$*" >&2
    exit 1
}

have() { command -v "$1" >/dev/null 2>&1; }

# Runs the calling script again as root when it is not. Call first, with the script's own arguments.
be_root() {
    [ "$EUID" -eq 0 ] && return
    have sudo || die "this needs root: run it as root, or install sudo"
    exec sudo --preserve-env=CARA_CACHE,CARA_STATE,CARA_USER,CARA_POSTGRES_IMAGE,DATABASE_URL,DOCKER_HOST,CI \
        -- "$0" "$@"
}

# Runs a command as the owner of the checkout, so that a build under sudo leaves no files of root's.
as_owner() {
    local owner
    owner=$(stat -c %U "$CARA_ROOT")
    if [ "$EUID" -ne 0 ] || [ "$owner" = root ] || [ "$owner" = UNKNOWN ]; then
        "$@"
    else
        runuser -u "$owner" -- "$@"
    fi
}

# wait_for SECONDS COMMAND...: until the command succeeds; 1 when it has not in time.
wait_for() {
    local deadline=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$deadline" ] || return 1
        sleep 0.05
    done
}

# logged LOG WHAT COMMAND...: output goes to the log; when the command fails, says what and where to read.
logged() {
    local log=$1 what=$2
    shift 2
    mkdir -p "$(dirname "$log")"
    "$@" >"$log" 2>&1 </dev/null && return
    tail -n 15 "$log" >&2
    die "$what failed; the whole log is $log"
}

# Prints a TCP port on 127.0.0.1 that nobody listens on, the wanted one when it is free.
free_port() {
    local port=${1:-0}
    /usr/bin/python3 - "$port" <<'PY'
import socket, sys
for port in (int(sys.argv[1]), 0):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            continue
        print(s.getsockname()[1])
        break
PY
}

# --- processes of ours: one pid file each -------------------------------------------------------

# daemon_start NAME DIR COMMAND...: in the background, detached, log in DIR/NAME.log, pid in DIR/NAME.pid.
daemon_start() {
    local name=$1 dir=$2
    shift 2
    mkdir -p "$dir"
    setsid "$@" >>"$dir/$name.log" 2>&1 </dev/null &
    echo "$! $(_started_at $!)" >"$dir/$name.pid"
    disown
}

# A pid is ours only while the process that was started under it lives: pids are used again.
_started_at() { awk '{ sub(/.*\) /, ""); print $20 }' "/proc/$1/stat" 2>/dev/null || true; }

daemon_pid() {
    local pid born
    read -r pid born 2>/dev/null <"$2/$1.pid" || return 1
    [ -n "$born" ] && [ "$(_started_at "$pid")" = "$born" ] || return 1
    echo "$pid"
}

daemon_running() { daemon_pid "$1" "$2" >/dev/null; }

# daemon_stop NAME DIR [SIGNAL]: waits for the end, kills after 15 s. Fine when it does not run.
daemon_stop() {
    local pid
    if pid=$(daemon_pid "$1" "$2"); then
        kill -s "${3:-TERM}" "$pid" 2>/dev/null || true
        wait_for 15 _is_gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
        wait_for 5 _is_gone "$pid" || warn "$1 (process $pid) does not end"
    fi
    rm -f "$2/$1.pid"
}

_is_gone() {
    local state
    state=$(awk '{ sub(/.*\) /, ""); print $1 }' "/proc/$1/stat" 2>/dev/null) || return 0
    [ -z "$state" ] || [ "$state" = Z ]
}
