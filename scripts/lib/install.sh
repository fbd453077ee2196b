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
    local version
    version=$(distribution_postgres)
    packages_run
    echo clang clang-format shellcheck docker-registry docker-compose openssl \
        libtap-parser-sourcehandler-pgtap-perl python3-pytest python3-psycopg2 python3-yaml \
        "postgresql-$version-pgtap" "postgresql-server-dev-$version"
    # Debian keeps clang's sanitizers and fuzzer apart; elsewhere clang brings them.
    [ ! -e /etc/debian_version ] || grep -q '^ID=ubuntu' /etc/os-release || clang_runtime_package
}

clang_runtime_package() {
    ls /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a >/dev/null 2>&1 ||
        apt-cache depends clang | sed -n 's/.*Depends: clang-\([0-9]\+\)$/libclang-rt-\1-dev/p'
}

packages_bench() {
    packages_run
    echo wrk python3-psycopg2 nghttp2-client hyperfine nginx-light haproxy caddy socat "postgresql-$(distribution_postgres)"
}

# The PostgreSQL the distribution packages: 15 on Debian 12, 14 on Ubuntu 22.04, 16 on Ubuntu 24.04. What is installed
# tells it much sooner than apt-cache does.
distribution_postgres() {
    local version
    version=$(dpkg-query -W -f '${Depends}\n' postgresql postgresql-server-dev-all 2>/dev/null || true)
    version=$(sed -n 's/^postgresql-\(server-dev-\)\?\([0-9]\+\).*/\2/p' <<<"$version")
    [ -n "$version" ] || version=$(_installed_server_dev)
    [ -n "$version" ] || version=$(apt-cache depends postgresql 2>/dev/null | sed -n 's/.*Depends: postgresql-\([0-9]\+\)$/\1/p')
    echo "${version%%$'\n'*}"
}

_installed_server_dev() {
    (dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' 'postgresql-server-dev-[0-9]*' 2>/dev/null || true) |
        sed -n 's/^ii *postgresql-server-dev-//p' | sort -rn
}

psql_package() { have psql || echo postgresql-client; }

# install_for PURPOSE...: purposes are build, run, test, bench.
install_for() {
    local purpose wanted missing
    have apt-get || die "packages are installed with apt-get, which is not here; CONTRIBUTING.md lists what is needed"
    [ -n "$(find /var/lib/apt/lists -name '*Packages*' -print -quit 2>/dev/null)" ] || apt_refresh
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
