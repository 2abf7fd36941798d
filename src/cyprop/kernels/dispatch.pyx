"""Which instruction set's kernels run: the best one that is built and that the processor has.

The environment variable CYPROP_ISA names another one. A level's module is imported only after the
processor has been asked, since importing it may already execute its instructions.
"""

from cpython.pycapsule cimport PyCapsule_GetPointer

from cyprop.kernels import levels
from cyprop.kernels.levels import LEVELS, capsule, choice

from cyprop.kernels.table cimport Table

cdef extern from "kernels/cpu.h" nogil:
    const char *CYPROP_COMPILER
    const char *CYPROP_COMPILER_VERSION
    const char *CYPROP_BUILD           # setup.py defines it
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
