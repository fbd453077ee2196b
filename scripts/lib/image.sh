# shellcheck shell=bash
# An image for demonstrations and tests, made of Debian's busybox-static: nothing is pulled.

# demo_image_import TAG: into the engine DOCKER_HOST names; does nothing when it is there.
demo_image_import() {
    docker image inspect "$1" >/dev/null 2>&1 && return
    demo_image_tar | docker import -c 'CMD ["/bin/sleep","infinity"]' - "$1" >/dev/null
}

# The root file system as a tar archive on stdout: busybox under the names of its applets, and the hello example's pages.
demo_image_tar() {
    local root applet
    root=$(mktemp -d)
    mkdir -p "$root/bin" "$root/etc" "$root/tmp"
    chmod 755 "$root"
    chmod 1777 "$root/tmp"
    echo 'root:x:0:0:root:/:/bin/sh' >"$root/etc/passwd"
    cp -r "$CARA_ROOT/examples/hello/www" "$root/"
    chmod -R a+rX "$root/www"
    cp "$(command -v busybox)" "$root/bin/busybox"
    for applet in $(busybox --list); do
        [ "$applet" = busybox ] || ln -s busybox "$root/bin/$applet"
    done
    tar -C "$root" --owner=0 --group=0 -c .
    rm -rf "$root"
}

# postgres_image_import TAG: a stand-in for the official postgres:16 where nothing can be pulled, made of the binaries
# that are here. Knows POSTGRES_PASSWORD, POSTGRES_DB and PGDATA.
postgres_image_import() {
    docker image inspect "$1" >/dev/null 2>&1 && return
    postgres_image_tar | docker import -c 'ENTRYPOINT ["/bin/sh","/entrypoint"]' \
        -c 'ENV PGDATA=/var/lib/postgresql/data PATH=/opt/postgres/bin:/bin' -c 'EXPOSE 5432' - "$1" >/dev/null
}

postgres_image_tar() {
    local root bin
    bin=$(postgres_install)
    root=$(mktemp -d)
    chmod 755 "$root"
    mkdir -p "$root/opt/postgres/bin" "$root/opt/postgres/share"
    demo_image_tar | tar -C "$root" -x
    echo 'postgres:x:70:70::/var/lib/postgresql:/bin/sh' >>"$root/etc/passwd"
    echo 'postgres:x:70:' >"$root/etc/group"
    mkdir -p "$root/var/lib/postgresql"
    cp "$bin"/{initdb,postgres} "$(_pg_isready)" "$root/opt/postgres/bin/"
    cp -r "$(dirname "$bin")/lib" "$root/opt/postgres/"
    cp -r "$(_share_of "$bin")" "$root/opt/postgres/share/"
    find "$root/opt/postgres/bin" -type f | while read -r program; do _copy_libraries "$root" "$program"; done
    _postgres_entrypoint >"$root/entrypoint"
    tar -C "$root" --owner=0 --group=0 -c .
    rm -rf "$root"
}

_pg_isready() { find /usr/lib/postgresql -name pg_isready | sort -V | tail -n 1; }

# The shared libraries a program was linked with, under the names it looks for.
_copy_libraries() {
    local library
    ldd "$2" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p; s/^\s*\(\/[^ ]*\) .*/\1/p' | while read -r library; do
        case $library in
            "$CARA_CACHE"/*) ;;
            *) mkdir -p "$1$(dirname "$library")" && cp -L "$library" "$1$library" ;;
        esac
    done
}

_postgres_entrypoint() {
    cat <<'SH'
set -eu
if [ ! -e "$PGDATA/PG_VERSION" ]; then
    [ -n "${POSTGRES_PASSWORD:-}" ] || { echo "POSTGRES_PASSWORD is not set" >&2; exit 1; }
    mkdir -p "$PGDATA" && chown -R postgres:postgres "$PGDATA" && chmod 700 "$PGDATA"
    echo "$POSTGRES_PASSWORD" >/tmp/password && chown postgres /tmp/password
    su postgres -c 'initdb -D "$PGDATA" -U postgres --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 --locale=C -E UTF8'
    rm /tmp/password
    echo 'host all all all scram-sha-256' >>"$PGDATA/pg_hba.conf"
    [ -z "${POSTGRES_DB:-}" ] || echo "CREATE DATABASE \"$POSTGRES_DB\"" | su postgres -c 'postgres --single -D "$PGDATA" postgres'
fi
exec su postgres -c 'exec postgres -D "$PGDATA" -k /tmp -c listen_addresses="*"'
SH
}
