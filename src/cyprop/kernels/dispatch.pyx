"""Which instruction set's kernels run: the best one that is built and that the processor has.

The environment variable CYPROP_ISA names another one. A level's module is imported only after the
processor has been asked, since importing it may already execute its instructions.
"""

from cpython.pycapsule cimport PyCapsule_GetPointer

from cyprop.kernels import levels
from cyprop.kernels.levels import LEVELS, capsule, choice

from cyprop.kernels.table cimport Table

cdef extern from * nogil:
    """
    #if defined(_M_X64) || defined(__x86_64__)
        #if defined(_MSC_VER)
            #include <intrin.h>
            static void cyprop_cpuid(unsigned leaf, unsigned r[4]) {
                __cpuidex((int *)r, (int)leaf, 0);
            }
            static unsigned cyprop_saved(void) { return (unsigned)_xgetbv(0); }
        #else
            #include <cpuid.h>
            static void cyprop_cpuid(unsigned leaf, unsigned r[4]) {
                __cpuid_count(leaf, 0, r[0], r[1], r[2], r[3]);
            }
            static unsigned cyprop_saved(void) {
                unsigned low, high;
                __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
                return low;
            }
        #endif
        /* FMA, these bits of leaf 7, and registers that the system saves. */
        static int cyprop_has(unsigned leaf7, unsigned saved) {
            unsigned r[4];
            cyprop_cpuid(0, r);
            if (r[0] < 7) return 0;
            cyprop_cpuid(1, r);
            if (!(r[2] & 1u << 12) || !(r[2] & 1u << 27)) return 0;
            if ((cyprop_saved() & saved) != saved) return 0;
            cyprop_cpuid(7, r);
            return (r[1] & leaf7) == leaf7;
        }
        static int cyprop_has_avx2(void) { return cyprop_has(1u << 5, 0x06); }
        static int cyprop_has_avx512(void) { /* F, DQ, BW, VL */
            return cyprop_has(1u << 5 | 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31, 0xe6);
        }
    #else
        static int cyprop_has_avx2(void) { return 0; }
        static int cyprop_has_avx512(void) { return 0; }
    #endif
    #define CYPROP_TEXT_(x) #x
    #define CYPROP_TEXT(x) CYPROP_TEXT_(x)
    #if defined(__clang__)
        #define CYPROP_COMPILER "clang"
        #define CYPROP_COMPILER_VERSION __clang_version__
    #elif defined(__GNUC__)
        #define CYPROP_COMPILER "gcc"
        #define CYPROP_COMPILER_VERSION __VERSION__
    #elif defined(_MSC_VER)
        #define CYPROP_COMPILER "msvc"
        #define CYPROP_COMPILER_VERSION CYPROP_TEXT(_MSC_FULL_VER)
    #else
        #define CYPROP_COMPILER "unknown"
        #define CYPROP_COMPILER_VERSION "unknown"
    #endif
    """
    const char *CYPROP_COMPILER
    const char *CYPROP_COMPILER_VERSION
    const char *CYPROP_BUILD           # from setup.py
    bint has_avx2 "cyprop_has_avx2"()
    bint has_avx512 "cyprop_has_avx512"()

built = levels.built

cdef const Table *chosen_table = NULL
cdef str chosen_level = None


def supported() -> tuple[str, ...]:
    """The levels this processor can run, slowest first."""
    return LEVELS[:1 + has_avx2() + has_avx512()]


def compiled_with() -> tuple[str, str, str]:
    """The compiler, its version, and as JSON the versions of Cython and NumPy and all flags."""
    return (
        CYPROP_COMPILER.decode(), CYPROP_COMPILER_VERSION.decode().strip(), CYPROP_BUILD.decode()
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
    set_table(name, capsule(name, supported()))


cdef const Table *current_table() except NULL:
    return chosen_table


cdef int set_table(str name, table) except -1:
    global chosen_table, chosen_level
    chosen_table = <const Table *> PyCapsule_GetPointer(table, "cyprop.kernels.Table")
    chosen_level = name
    return 0


def _choose() -> None:
    name, table = choice(supported())
    set_table(name, table)


_choose()
