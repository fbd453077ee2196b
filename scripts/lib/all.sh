# shellcheck shell=bash
# Sources the whole library, for scripts and for `bash -c` lines of other languages.
set -euo pipefail
_lib=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=common.sh
. "$_lib/common.sh"
# shellcheck source=install.sh
. "$_lib/install.sh"
# shellcheck source=build.sh
. "$_lib/build.sh"
# shellcheck source=postgres.sh
. "$_lib/postgres.sh"
# shellcheck source=engine.sh
. "$_lib/engine.sh"
# shellcheck source=registry.sh
. "$_lib/registry.sh"
# shellcheck source=image.sh
. "$_lib/image.sh"
# shellcheck source=sandbox.sh
. "$_lib/sandbox.sh"
