# shellcheck shell=bash
# What scripts/test can run. A suite is a function suite_NAME that writes to stdout and fails when something failed, and
# a word in suite_counter that says how its passes and failures are counted. Those in SANDBOXED run as root in a sandbox.

# shellcheck disable=SC2034 # used by scripts/test
SUITES=(format shellcheck docs unit fuzz db schema isolation property contract e2e)
# shellcheck disable=SC2034
SANDBOXED=(db schema isolation property contract e2e)

suite_counter() {
    case $1 in
        unit) echo cmocka ;;
        db) echo tap ;;
        isolation | fuzz | shellcheck | docs) echo lines ;;
        property | contract | e2e) echo pytest ;;
        *) echo whole ;;
    esac
}

# What a suite needs built: a function build_for_NAME below, or nothing.
suite_build() {
    case $1 in
        format | unit | property | contract) echo asan ;;
        e2e | docs) echo release ;;
        fuzz) echo fuzz ;;
    esac
}

build_for_asan() { build_preset asan; }

build_for_release() { build_programs; }

build_for_fuzz() {
    local targets=("$CARA_ROOT"/tests/fuzz/fuzz_*.c)
    targets=("${targets[@]##*/}")
    build_preset fuzz "${targets[@]%.c}"
}

suite_format() { ninja -C "$CARA_ROOT/build/asan" format-check; }

suite_shellcheck() {
    local file status=0
    while read -r file; do
        if shellcheck "$file"; then echo "ok $file"; else echo "not ok $file" && status=1; fi
    done < <(shell_scripts)
    return "$status"
}

# Every tracked or new file that says it is a shell script, by name or first line.
shell_scripts() {
    local file
    cd "$CARA_ROOT" || exit
    as_owner git ls-files --cached --others --exclude-standard | while read -r file; do
        [ -f "$file" ] || continue
        case $file in
            *.sh) echo "$file" ;;
            *) if head -c 64 "$file" | head -n 1 | grep -aqE '^#!.*\b(ba)?sh\b'; then echo "$file"; fi ;;
        esac
    done
}

suite_docs() { /usr/bin/python3 "$CARA_ROOT/scripts/config-tables" "$(build_bin release)"; }

suite_unit() {
    ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1 \
        ctest --test-dir "$CARA_ROOT/build/asan" -L unit -V -j "$(nproc)"
}

# Each target for a few seconds over its corpus; a crash leaves its input beside the log.
suite_fuzz() {
    local target name seeds status=0 out=$CARA_ROOT/build/test/fuzz
    for target in "$CARA_ROOT"/build/fuzz/fuzz/fuzz_*; do
        [ -x "$target" ] || continue
        name=$(basename "$target")
        mkdir -p "$out/$name"
        seeds=("$CARA_ROOT/tests/fuzz/corpus/$name")
        [ -d "${seeds[0]}" ] || seeds=()
        if "$target" -max_total_time="${FUZZ_SECONDS:-10}" -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 \
            -artifact_prefix="$out/$name/" "$out/$name" "${seeds[@]}" 2>&1; then
            echo "ok $name"
        else
            echo "not ok $name" && status=1
        fi
    done
    return "$status"
}

# --- suites that need PostgreSQL: a cluster of their own, with the schema installed where they ask for it ----------

suite_db() {
    local port url
    postgres_add_pgtap
    port=$(postgres_throwaway "$CARA_SANDBOX/pg")
    url=$(_test_database "$port")
    postgres_psql -d "$url" -c 'CREATE EXTENSION pgtap'
    cd "$CARA_ROOT/tests/db" || return
    PGHOST=$CARA_SANDBOX/pg PGPORT=$port PGUSER=postgres PGDATABASE=cara_test pg_prove --verbose --failures ./*.sql
}

# A database with the schema as db/install.sql makes it; prints its URL.
_test_database() {
    local url
    url=$(postgres_url "$CARA_SANDBOX/pg" "$1" cara_test)
    postgres_psql -d "$(postgres_url "$CARA_SANDBOX/pg" "$1")" -c 'CREATE DATABASE cara_test'
    postgres_psql -d "$url" -f "$CARA_ROOT/db/install.sql" >/dev/null
    echo "$url"
}

suite_schema() {
    schema_dump >"$CARA_SANDBOX/schema.sql"
    diff -u "$CARA_ROOT/db/schema.sql" "$CARA_SANDBOX/schema.sql" || {
        echo "db/schema.sql is not what db/install.sql gives; scripts/schema writes it anew"
        return 1
    }
}

# The schema of a fresh installation on stdout.
schema_dump() {
    local port url
    port=$(postgres_throwaway "$CARA_SANDBOX/pg")
    url=$(_test_database "$port")
    postgres_psql -At -d "$url" -f "$CARA_ROOT/db/dump.sql"
}

suite_isolation() {
    local port url tester spec name status=0 out=$CARA_ROOT/build/test/isolation
    mkdir -p "$out"
    tester=$(_isolationtester)
    port=$(postgres_throwaway "$CARA_SANDBOX/pg")
    url=$(_test_database "$port")
    for spec in "$CARA_ROOT"/tests/isolation/specs/*.spec; do
        [ -e "$spec" ] || break
        name=$(basename "$spec" .spec)
        if "$tester" "$url" <"$spec" >"$out/$name.out" 2>&1 &&
            diff -u "$CARA_ROOT/tests/isolation/expected/$name.out" "$out/$name.out"; then
            echo "ok $name"
        else
            echo "not ok $name" && status=1
        fi
    done
    return "$status"
}

_isolationtester() {
    find /usr/lib/postgresql "$(dirname "$(postgres_install)")" -name isolationtester -print | sort -V | tail -n 1
}

# --- suites in Python --------------------------------------------------------------------------------------------

suite_contract() {
    local port
    port=$(postgres_throwaway "$CARA_SANDBOX/pg")
    CARA_BIN=$(build_bin asan) DATABASE_URL=$(postgres_tcp_url "$CARA_SANDBOX/pg" "$port") \
        _pytest "$CARA_ROOT/tests/contract" "$@"
}

# The scheduler against a slow and obvious reference, on random clusters; the bus while everything dies.
suite_property() {
    local port
    port=$(postgres_throwaway "$CARA_SANDBOX/pg")
    CARA_BIN=$(build_bin asan) DATABASE_URL=$(postgres_tcp_url "$CARA_SANDBOX/pg" "$port") _pytest "$CARA_ROOT/tests/property" "$@"
}

suite_e2e() { CARA_BIN=$(build_bin release) _pytest "$CARA_ROOT/tests/e2e" "$@"; }

_pytest() {
    PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m pytest -p no:cacheprovider -v --durations=10 "$@"
}

# --- counting ----------------------------------------------------------------------------------------------------

# count_suite COUNTER LOG STATUS: prints "PASSED FAILED". A suite that failed without a failed test counts as one.
count_suite() {
    local passed failed
    read -r passed failed < <("_count_$1" "$2" "$3")
    if [ "$3" -ne 0 ] && [ "$failed" -eq 0 ]; then failed=1; fi
    if [ "$3" -eq 0 ] && [ "$passed" -eq 0 ]; then failed=1; fi
    echo "$passed $failed"
}

_count_whole() { if [ "$2" -eq 0 ]; then echo 1 0; else echo 0 1; fi; }

_count_lines() { awk '/^ok / { p++ } /^not ok / { f++ } END { print p + 0, f + 0 }' "$1"; }

# TAP: subtests are indented and do not count; tests that could not run are missed by their plan.
_count_tap() { awk '/^ok / { p++ } /^not ok / && !/# TODO/ { f++ } END { print p + 0, f + 0 }' "$1"; }

_count_cmocka() {
    awk '/\[  PASSED  \] [0-9]+ test/ { for (i = 1; i < NF; i++) if ($i == "]") { p += $(i + 1); break } }
         /\[  FAILED  \] [0-9]+ test/ { for (i = 1; i < NF; i++) if ($i == "]") { f += $(i + 1); break } }
         END { print p + 0, f + 0 }' "$1"
}

_count_pytest() {
    awk '/^=+ .*(passed|failed|error).* in / { p = f = 0
             for (i = 2; i <= NF; i++) {
                 if ($i ~ /^passed/) p += $(i - 1)
                 if ($i ~ /^(failed|error)/) f += $(i - 1)
             } }
         END { print p + 0, f + 0 }' "$1"
}
