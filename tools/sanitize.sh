#!/usr/bin/env bash
# Run tests under a sanitizer of GCC, by hand, on Linux:
#
#     bash tools/sanitize.sh thread tests/engine/test_turns.py tests/engine/test_threads.py
#     bash tools/sanitize.sh address
#     bash tools/sanitize.sh undefined
#     bash tools/sanitize.sh thread --storm 60
#
# Builds cyprop with the sanitizer in a temporary environment. Python and NumPy are not built with it,
# so it sees what cyprop's modules do, and what the C library is asked by anyone (memcpy, locks).
set -euo pipefail

kind=$1
shift
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

declare -A library=([thread]=libtsan.so [address]=libasan.so [undefined]=libubsan.so)
preload=$(gcc -print-file-name="${library[$kind]:?expected thread, address or undefined}")
declare -A excepted=(
    # Ctrl-C and the digits have time limits. fork() beside threads is beyond the first, and the last
    # of its four reads `out` on purpose while another thread writes the same into it.
    [thread]='fork or caller_does_it_all or ctrl_c or threads_may_share_one'
    [address]='caller_does_it_all or ctrl_c or digits_are_learned' # limits the address space, of which the sanitizer needs much
    [undefined]='ctrl_c or digits_are_learned'
)
if [[ ${1:-} == --storm ]]; then
    set -- tests/helpers/storm.py --seconds "${2:?expected seconds}"
    # Predictions take no lock beside compiled code that learns, and what they race for is documented.
    [[ $kind != thread ]] || set -- "$@" --python-only
else
    set -- -m pytest -n 0 "$@" -p no:cacheprovider -k "not (${excepted[$kind]})"
fi

mkdir "$work/source"
tar -C "$checkout" --exclude=./.git --exclude=./build --exclude=./dist --exclude=./.venv \
    --exclude='*.so' --exclude='*.c' --exclude='*.egg-info' -cf - . | tar -C "$work/source" -xf -
cd "$work/source"
python3 -m venv "$work/environment"
PATH=$work/environment/bin:$PATH
CYPROP_SANITIZE=$kind pip install --quiet '.[test]'

options=exitcode=66:log_path=$work/report:print_stacktrace=1
export TSAN_OPTIONS=$options ASAN_OPTIONS=$options:detect_leaks=0 UBSAN_OPTIONS=$options
status=0
LD_PRELOAD=$preload setarch -R python "$@" || status=$?
if compgen -G "$work/report*" >/dev/null; then
    cat "$work"/report*
    exit 66
fi
exit "$status"
