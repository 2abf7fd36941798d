"""Calls that allocate nothing at all, neither from Python nor from C, not even for a moment."""

import json
import os
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

# Stands in front of glibc's malloc and its kin, and counts what they are asked for. A block that is
# freed again at once is counted as well, which no look at the memory in use can do. Python's own
# blocks are counted too, with PYTHONMALLOC=malloc.
COUNTING_MALLOC = r"""
#include <stddef.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t n, size_t size);
extern void *__libc_realloc(void *block, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);

long counted_allocations;

static void count(void) { __atomic_add_fetch(&counted_allocations, 1, __ATOMIC_RELAXED); }

void *malloc(size_t size)
{
    count();
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    count();
    return __libc_calloc(n, size);
}

void *realloc(void *block, size_t size)
{
    count();
    return __libc_realloc(block, size);
}

void *memalign(size_t alignment, size_t size)
{
    count();
    return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) { return memalign(alignment, size); }

int posix_memalign(void **block, size_t alignment, size_t size)
{
    *block = memalign(alignment, size);
    return *block ? 0 : 12; /* ENOMEM */
}

/* The allocations of so many calls of a function of cyprop.h, which takes four or five pointers. */
long allocations_of(int (*function)(void *, void *, void *, void *, void *), void *a, void *b,
                    void *c, void *d, void *e, long n)
{
    long before = counted_allocations;
    while (n--) {
        if (function(a, b, c, d, e)) return -1;
    }
    return counted_allocations - before;
}
"""

ALLOCATE = ("predict(x)", "predict(X, Y)")  # which shows that the counter counts


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    """For each call of calls_that_are_counted.py, its allocations and how often it was called."""
    folder = tmp_path_factory.mktemp("counting")
    source, shim = folder / "counting_malloc.c", folder / "counting_malloc.so"
    source.write_text(COUNTING_MALLOC)
    compiler = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    command = [*compiler.split(), "-O2", "-fPIC", "-shared", str(source), "-o", str(shim)]
    subprocess.run(command, check=True)
    program = Path(__file__).parents[1] / "helpers" / "calls_that_are_counted.py"
    done = subprocess.run(
        [sys.executable, str(program), str(shim)],
        env={**os.environ, "LD_PRELOAD": str(shim), "PYTHONMALLOC": "malloc"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


if platform.libc_ver()[0] == "glibc":

    def test_the_counter_counts(counts):
        shown = {call: count for call, count in counts.items() if call.startswith(ALLOCATE)}
        assert len(shown) == 8
        for call, (n_allocations, n_calls) in shown.items():
            assert n_allocations >= n_calls, call

    def test_nothing_is_allocated(counts):
        shown = {call: count for call, count in counts.items() if not call.startswith(ALLOCATE)}
        assert len(shown) == 28 + 2 * 16
        for call, (n_allocations, _) in shown.items():
            assert n_allocations == 0, call
