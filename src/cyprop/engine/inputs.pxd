"""What people pass as data, read without NumPy's help where it is small."""

cdef enum:
    ROOM = 8192                  # bytes for numbers that are read into memory of the call

cdef struct Input:
    const char *data             # C-contiguous, of the network's dtype
    Py_ssize_t n                 # rows
    bint is_row                  # one row, given as a vector

cdef bint read_input(
    object value, int typenum, Py_ssize_t n_columns, char *memory, Input *found) noexcept
cdef bint read_vector(
    object value, int typenum, Py_ssize_t size, char *memory, Input *found) noexcept
