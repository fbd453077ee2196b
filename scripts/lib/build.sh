# shellcheck shell=bash
# Building: one directory a preset, below build/.

PROGRAMS=(cara-server cara-agent caractrl)

# build_preset PRESET [TARGET...]: prints nothing when all is well.
build_preset() {
    local preset=$1 dir=$CARA_ROOT/build/$1
    shift
    as_owner mkdir -p "$dir"
    # shellcheck disable=SC2016 # expanded by the shell it is for
    logged "$dir/build.log" "building ($preset)" as_owner bash -c '
        set -e
        cd "$1"; preset=$2; shift 2
        [ -e "build/$preset/build.ninja" ] || cmake --preset "$preset"
        ninja -C "build/$preset" "$@"' build "$CARA_ROOT" "$preset" "$@"
}

# The programs alone, optimised: what a quickstart, the end-to-end tests and the benchmarks run.
build_programs() { build_preset release "${PROGRAMS[@]}"; }

# Where the programs of a preset are.
build_bin() { echo "$CARA_ROOT/build/$1/bin"; }
