"""What people pass as data, read without NumPy's help where it is small.

Arrays as the network wants them are read where they lie; other arrays of numbers, lists and tuples are
converted into memory of the call. All else is left to checks/arrays.py, which converts what can be
converted, and has the sentences for what cannot: `read_input` only says whether it was read.
"""

cimport numpy as cnp
from cpython.float cimport PyFloat_AS_DOUBLE, PyFloat_CheckExact
from cpython.list cimport PyList_CheckExact
from cpython.long cimport PyLong_CheckExact
from cpython.sequence cimport PySequence_Fast_GET_ITEM, PySequence_Fast_GET_SIZE
from cpython.tuple cimport PyTuple_CheckExact
from libc.math cimport isinf

cnp.import_array()

cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object value, int *overflow) except? -1

cdef extern from "numpy/ndarraytypes.h":
    enum:
        NPY_HALF

cdef extern from "numbers.h" nogil:
    enum:
        SIGNED "CYPROP_SIGNED"
        UNSIGNED "CYPROP_UNSIGNED"
        FLOATING "CYPROP_FLOATING"
        TRUTH "CYPROP_TRUTH"
    bint read_numbers "cyprop_read"(
        int dtype, void *to, const char *source, Py_ssize_t n, Py_ssize_t stride, size_t size,
        int kind, bint swap)


cdef inline int kind_of(int typenum) noexcept:
    """What the bytes of a NumPy type mean; -1 for those that are not read here."""
    if typenum == cnp.NPY_FLOAT or typenum == cnp.NPY_DOUBLE or typenum == NPY_HALF:
        return FLOATING
    if typenum == cnp.NPY_BOOL:
        return TRUTH
    if typenum in (cnp.NPY_BYTE, cnp.NPY_SHORT, cnp.NPY_INT, cnp.NPY_LONG, cnp.NPY_LONGLONG):
        return SIGNED
    if typenum in (cnp.NPY_UBYTE, cnp.NPY_USHORT, cnp.NPY_UINT, cnp.NPY_ULONG, cnp.NPY_ULONGLONG):
        return UNSIGNED
    return -1


cdef inline Py_ssize_t size_of(int typenum) noexcept:
    """Of a number of the network's dtype, in bytes."""
    return 8 if typenum == cnp.NPY_DOUBLE else 4


cdef bint read_array(
    cnp.ndarray array, int typenum, Py_ssize_t n_columns, char *memory, Input *found,
) noexcept:
    cdef int n_dims = cnp.PyArray_NDIM(array), own = cnp.PyArray_TYPE(array), kind
    cdef Py_ssize_t i, length, row, column
    if n_dims < 1 or n_dims > 2:
        return False
    length = cnp.PyArray_DIM(array, 0)
    found.is_row = n_dims == 1 and length == n_columns
    found.n = 1 if found.is_row else length
    if found.n < 1 or (
        not found.is_row and n_columns != (1 if n_dims == 1 else cnp.PyArray_DIM(array, 1))
    ):
        return False
    if own == typenum and cnp.PyArray_ISCARRAY_RO(array):
        found.data = cnp.PyArray_BYTES(array)
        return True
    kind = kind_of(own)
    if kind < 0 or found.n * n_columns > ROOM // size_of(typenum):
        return False
    row = 0 if found.is_row else cnp.PyArray_STRIDE(array, 0)
    column = cnp.PyArray_STRIDE(array, n_dims - 1)
    for i in range(found.n):
        if not read_numbers(
            typenum == cnp.NPY_DOUBLE, memory + i * n_columns * size_of(typenum),
            cnp.PyArray_BYTES(array) + i * row, n_columns, column, cnp.PyArray_ITEMSIZE(array),
            kind, cnp.PyArray_ISBYTESWAPPED(array)
        ):
            return False
    found.data = memory
    return True


cdef inline bint read_number(object item, double *value) noexcept:
    """A plain float, int or bool that a double holds exactly."""
    cdef int overflow = 0
    cdef long long whole
    cdef long long most_exact = 9007199254740992      # 2⁵³: beyond it a double has gaps
    if PyFloat_CheckExact(item):
        value[0] = PyFloat_AS_DOUBLE(item)
        return True
    if PyLong_CheckExact(item):
        whole = PyLong_AsLongLongAndOverflow(item, &overflow)
        value[0] = <double> whole
        return overflow == 0 and -most_exact <= whole <= most_exact
    if item is True or item is False:
        value[0] = 1 if item is True else 0
        return True
    return False


cdef inline bint write_number(double value, int typenum, Py_ssize_t i, char *memory) noexcept:
    """Round it to the network's dtype; false where it would become infinite."""
    if typenum == cnp.NPY_DOUBLE:
        (<double *> memory)[i] = value
        return True
    (<float *> memory)[i] = <float> value
    return not isinf((<float *> memory)[i]) or isinf(value)


cdef bint read_sequence(
    object value, int typenum, Py_ssize_t n_columns, char *memory, Input *found,
) noexcept:
    """A list or tuple of plain numbers, as one row."""
    cdef Py_ssize_t i
    cdef double number = 0
    if PySequence_Fast_GET_SIZE(value) != n_columns or n_columns > ROOM // size_of(typenum):
        return False
    for i in range(n_columns):
        if not (
            read_number(<object> PySequence_Fast_GET_ITEM(value, i), &number)
            and write_number(number, typenum, i, memory)
        ):
            return False
    found.n = 1
    found.is_row = True
    found.data = memory
    return True


cdef bint read_input(
    object value, int typenum, Py_ssize_t n_columns, char *memory, Input *found,
) noexcept:
    """Whether the value is n_columns numbers, or rows of them; found then says where they are.

    memory is ROOM bytes, aligned for any number; typenum that of the network's dtype.
    """
    if cnp.PyArray_CheckExact(value):
        return read_array(<cnp.ndarray> value, typenum, n_columns, memory, found)
    if PyList_CheckExact(value) or PyTuple_CheckExact(value):
        return read_sequence(value, typenum, n_columns, memory, found)
    return False


cdef bint read_vector(
    object value, int typenum, Py_ssize_t size, char *memory, Input *found,
) noexcept:
    """`read_input` of one vector, for which a single number stands where it has one element."""
    cdef double number = 0
    if size == 1 and PyFloat_CheckExact(value):
        found.data = memory
        return read_number(value, &number) and write_number(number, typenum, 0, memory)
    return read_input(value, typenum, size, memory, found) and found.is_row
