"""Which instruction set's kernels run: the best one that is built and that the processor has.

The environment variable CYPROP_ISA names another one. A level's module is imported only after the
processor has been asked, since importing it may already execute its instructions.
"""

import importlib
import os

from cpython.pycapsule cimport PyCapsule_GetPointer

from cyprop.kernels.table cimport Table

cdef extern from * nogil:
    """
    #if (defined(__x86_64__) || defined(__i386__)) && (defined(__GNUC__) || defined(__clang__))
        static int cyprop_has_avx2(void) {
            __builtin_cpu_init();
            return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
        }
        static int cyprop_has_avx512(void) {
            return cyprop_has_avx2() && __builtin_cpu_supports("avx512f")
                && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw")
                && __builtin_cpu_supports("avx512dq");
        }
    #elif defined(_M_X64)
        #include <intrin.h>
        static int cyprop_leaf7(int os_mask, int ebx_mask) {
            int r[4];
            __cpuid(r, 0);
            if (r[0] < 7) return 0;
            __cpuid(r, 1);
            if (!(r[2] & (1 << 12)) || !(r[2] & (1 << 27))) return 0;
            if ((_xgetbv(0) & os_mask) != (unsigned)os_mask) return 0;
            __cpuidex(r, 7, 0);
            return (r[1] & ebx_mask) == ebx_mask;
        }
        static int cyprop_has_avx2(void) { return cyprop_leaf7(0x06, 1 << 5); }
        static int cyprop_has_avx512(void) {
            return cyprop_has_avx2()
                && cyprop_leaf7(0xe6, (1 << 16) | (1 << 17) | (1 << 30) | (int)(1u << 31));
        }
    #else
        static int cyprop_has_avx2(void) { return 0; }
        static int cyprop_has_avx512(void) { return 0; }
    #endif
    """
    bint has_avx2 "cyprop_has_avx2"()
    bint has_avx512 "cyprop_has_avx512"()

LEVELS = ("baseline", "avx2", "avx512")

cdef const Table *chosen_table = NULL
cdef str chosen_level = None


def supported() -> tuple[str, ...]:
    """The levels this processor can run, slowest first."""
    return tuple(name for name, has in zip(LEVELS, (True, has_avx2(), has_avx512())) if has)


def built() -> tuple[str, ...]:
    """The levels this installation contains."""
    from importlib.util import find_spec       # rarely needed, and slow to import

    return tuple(
        name for name in LEVELS if find_spec("cyprop.kernels.loops." + name)
    )


def level() -> str:
    """The level whose kernels new networks use."""
    return chosen_level


def use(str name not None) -> None:
    """Make new networks, and the kernels called from Python, use the level `name`.

    Existing networks keep theirs. For tests and benchmarks; to choose for a whole process, set
    CYPROP_ISA.

    Raises
    ------
    ValueError
        If there is no such level.
    RuntimeError
        If this processor, or this installation, lacks it.
    """
    global chosen_table, chosen_level
    if name not in LEVELS:
        raise ValueError(f"instruction set {name!r} is unknown; known are {', '.join(LEVELS)}")
    if name not in supported():
        raise RuntimeError(
            f"instruction set {name!r} is not supported by this processor,"
            f" which has {', '.join(supported())}"
        )
    try:
        module = importlib.import_module("cyprop.kernels.loops." + name)
    except ModuleNotFoundError:
        raise RuntimeError(f"instruction set {name!r} is not in this build of cyprop") from None
    chosen_table = <const Table *> PyCapsule_GetPointer(module.capsule, "cyprop.kernels.Table")
    chosen_level = name


cdef const Table *current_table() except NULL:
    return chosen_table


def _choose() -> None:
    forced = os.environ.get("CYPROP_ISA")
    if forced:
        try:
            use(forced)
        except (ValueError, RuntimeError) as error:
            raise ImportError(f"CYPROP_ISA: {error}") from None
        return
    for name in reversed(supported()):
        try:
            use(name)
            return
        except RuntimeError:
            continue
    raise ImportError("this installation of cyprop contains no kernels")


_choose()
