# shellcheck shell=bash
# Packages by purpose. install_for build run test bench: quick when everything is there.

packages_build() {
    echo gcc g++ cmake ninja-build pkg-config git \
        libh2o-evloop-dev libwslay-dev libpq-dev libcurl4-openssl-dev libjansson-dev libyaml-dev \
        libcmocka-dev libprotobuf-c-dev protobuf-c-compiler libssl-dev
}

packages_run() {
    echo docker.io iproute2 iptables busybox-static curl ca-certificates python3 procps util-linux
    psql_package
}

packages_test() {
    packages_run
    echo clang clang-format shellcheck docker-registry docker-compose \
        libtap-parser-sourcehandler-pgtap-perl python3-pytest python3-psycopg2 python3-yaml
    local version
    version=$(distribution_postgres)
    echo "postgresql-$version-pgtap" "postgresql-server-dev-$version"
    apt-cache show libclang-rt-14-dev >/dev/null 2>&1 && echo libclang-rt-14-dev
}

packages_bench() {
    packages_run
    echo wrk nghttp2-client hyperfine nginx-light haproxy "postgresql-$(distribution_postgres)"
}

# The PostgreSQL the distribution packages: 15 on Debian 12, 14 on Ubuntu 22.04, 16 on Ubuntu 24.04.
distribution_postgres() {
    apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: postgresql-\([0-9]\+\)$/\1/p' | head -n 1
}

psql_package() { have psql || echo postgresql-client; }

# install_for PURPOSE...: purposes are build, run, test, bench.
install_for() {
    local purpose wanted missing
    have apt-get || die "packages are installed with apt-get, which is not here; CONTRIBUTING.md lists what is needed"
    [ -n "$(distribution_postgres)" ] || apt_refresh
    wanted=$(for purpose in "$@"; do "packages_$purpose"; done)
    missing=$(packages_missing "$wanted")
    [ -n "$missing" ] || return 0
    note "installing $missing"
    # shellcheck disable=SC2086 # a list of package names
    apt_install $missing
}

packages_missing() {
    local package installed missing=()
    installed=$(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^ii  *//p')
    for package in $1; do
        grep -qxF "$package" <<<"$installed" || missing+=("$package")
    done
    echo "${missing[*]-}"
}

apt_log() { echo "${TMPDIR:-/tmp}/caravanserai-apt.log"; }

# Package lists older than a day, or none, are fetched anew: versions in them may be gone.
apt_refresh() {
    [ -n "$(find /var/lib/apt/lists -name '*Packages*' -mtime -1 -print -quit 2>/dev/null)" ] && return
    logged "$(apt_log)" "apt-get update" apt-get -q update
}

# Without a word from us a server package starts its service, and PostgreSQL's makes a cluster: neither is wanted.
apt_install() {
    apt_refresh
    _keep_services_down
    DEBIAN_FRONTEND=noninteractive logged "$(apt_log)" "installing packages" \
        apt-get -q -y --no-install-recommends -o Dpkg::Options::=--force-confold install "$@"
    _let_services_start
}

_keep_services_down() {
    _policy=/usr/sbin/policy-rc.d
    if [ -e "$_policy" ] || [ -d /run/systemd/system ]; then
        _policy=''
    else
        printf '#!/bin/sh\nexit 101\n' >"$_policy"
        chmod 755 "$_policy"
    fi
    if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    fi
}

_let_services_start() { [ -z "$_policy" ] || rm -f "$_policy"; }

# The npm that is there is taken; NodeSource's nodejs conflicts with Debian's npm package.
install_npm() { have npm || apt_install nodejs npm; }
