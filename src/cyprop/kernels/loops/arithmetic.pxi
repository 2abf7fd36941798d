# The arithmetic every loop is written in. A product that is added is one fused operation, said so
# in the source and never left to the compiler: that fixes the bits. A processor without FMA rounds
# twice instead; its results are right, and differ in the last bits.

from cython cimport floating

cdef extern from "kernels/cpu.h" nogil:
    bint has_wide_shuffles "cyprop_has_wide_shuffles"()

cdef extern from "arithmetic.h" nogil:
    int *wide_shuffles "cyprop_wide_shuffles"()
    ctypedef unsigned int uint32_t
    ctypedef unsigned long long uint64_t
    enum:
        TILE_ROWS "CYPROP_TILE_ROWS"
        TILE_LINES "CYPROP_TILE_LINES"
        TILE_SUMS "CYPROP_TILE_SUMS"
        COPY_ROWS "CYPROP_COPY_ROWS"
        ROW_LINES "CYPROP_ROW_LINES"
        WHOLE_ROWS "CYPROP_WHOLE_ROWS"
        NARROW_ROWS "CYPROP_NARROW_ROWS"
        STEP_ROWS "CYPROP_STEP_ROWS"
        FOUR_LINES "CYPROP_FOUR_LINES"
        PASS_ROWS "CYPROP_PASS_ROWS"
        STEP_ROWS_OF_FEW "CYPROP_STEP_ROWS_OF_FEW"
        LONG_TILE "CYPROP_LONG_TILE"
        UNPACKED_LINES "CYPROP_UNPACKED_LINES"
        SPARSE_LINES "CYPROP_SPARSE_LINES"
    float fma32 "cyprop_fma32"(float a, float b, float c)
    double fma64 "cyprop_fma64"(double a, double b, double c)
    uint32_t bits32 "cyprop_bits32"(float x)
    uint64_t bits64 "cyprop_bits64"(double x)
    float of_bits32 "cyprop_from_bits32"(uint32_t bits)
    double of_bits64 "cyprop_from_bits64"(uint64_t bits)
    void transpose32 "cyprop_transpose32"(
        const float *source, Py_ssize_t source_stride, float *target, Py_ssize_t target_stride)
    void transpose64 "cyprop_transpose64"(
        const double *source, Py_ssize_t source_stride, double *target, Py_ssize_t target_stride)
    void add_transposed32 "cyprop_add_transposed32"(
        int rows, Py_ssize_t n_terms, const float *source, Py_ssize_t stride, const float *a,
        float *sums)
    void add_transposed64 "cyprop_add_transposed64"(
        int rows, Py_ssize_t n_terms, const double *source, Py_ssize_t stride, const double *a,
        double *sums)
    bint one_of_few32 "cyprop_one_of_few32"(
        Py_ssize_t n_in, const float *a, const float *W, Py_ssize_t W_stride, const float *b,
        float *Z)
    bint one_of_few64 "cyprop_one_of_few64"(
        Py_ssize_t n_in, const double *a, const double *W, Py_ssize_t W_stride, const double *b,
        double *Z)
    bint few_outputs32 "cyprop_few_outputs32"(
        Py_ssize_t n, Py_ssize_t n_in, const float *const *A, const float *W, Py_ssize_t W_stride,
        const float *b, float *Z, Py_ssize_t Z_stride)
    bint few_outputs64 "cyprop_few_outputs64"(
        Py_ssize_t n, Py_ssize_t n_in, const double *const *A, const double *W, Py_ssize_t W_stride,
        const double *b, double *Z, Py_ssize_t Z_stride)
    int take_lowest "cyprop_take_lowest"(uint64_t *word)
    uint64_t nonzero32 "cyprop_nonzero32"(const float *x)
    uint64_t nonzero64 "cyprop_nonzero64"(const double *x)
    enum:
        COMPRESSES "CYPROP_COMPRESSES"
        LINE_OF_PLACES "CYPROP_LINE_OF_PLACES"
    Py_ssize_t list_nonzero32 "cyprop_list_nonzero32"(Py_ssize_t n, const float *x, int *places)
    Py_ssize_t list_nonzero64 "cyprop_list_nonzero64"(Py_ssize_t n, const double *x, int *places)
    double fabs(double x)
    float sqrtf(float x)
    double sqrt(double x)

cdef enum:
    MAX_TILE_ROWS = 8
    MAX_LANES = 128
    PANEL_BYTES = 16384    # half a first-level cache
    LIST_SIZE = 256        # of terms that are not zero, at a time
    LONG_ROW = 16384       # weights from which on inputs are searched for zeros
    NEAR_BYTES = 48 << 10  # of weights: more than the first-level cache holds
    LARGE_BYTES = 1 << 20  # of weights: more than the second-level cache holds
    ROWS_OF_LARGE = 16     # of such weights at a time,
    ROWS_OF_FAR = 32       # and of those in between where registers are many
    WIDE = 4               # lines of columns that go together where rows are read whole,
    MAX_WIDE = 28          # of which there may be so many,
    PART_OF_ROW = 16       # or else a part of a row has so many
    MAX_ROW_LINES = 7      # of any width
    MAX_LINE = 16          # elements in a cache line
    LONG_PASS = 8          # inputs that repay four passes over a few rows of them
    SPARSE_COLUMNS = 64    # fewer than this are done sooner than the terms are looked at
    COUNT_LANES = 64       # counts side by side, which are several vectors
    HALF_COLUMNS = 160     # from which on half of the terms have to be zero, and not more
    GLIMPSE = 512          # elements after which it shows whether many are zero
    BLOCK_TERMS = 256      # rows of W for all columns of Z, before the next ones
    PACKED_ROWS = 48       # of A in a block, beside which dZ fits the first-level cache
    SAMPLES = 128          # taken together; as terms they fit a panel of any width
    MAX_PANEL = 4096       # elements of the smaller dtype in one

cdef double zeros[MAX_LANES]


cdef inline floating fma(floating a, floating b, floating c) noexcept nogil:
    """a·b + c"""
    if floating is float:
        return fma32(a, b, c)
    else:
        return fma64(a, b, c)


cdef inline bint is_nonzero(floating x) noexcept nogil:
    """x ≠ 0, by its bits without the sign, which spares the test for NaN."""
    if floating is float:
        return (bits32(x) << 1) != 0
    else:
        return (bits64(x) << 1) != 0


cdef inline bint eight_zeros(const floating *x) noexcept nogil:
    cdef uint32_t any32 = 0
    cdef uint64_t any64 = 0
    cdef Py_ssize_t i
    if floating is float:
        for i in range(8):
            any32 |= bits32(x[i])
        return (any32 << 1) == 0
    else:
        for i in range(8):
            any64 |= bits64(x[i])
        return (any64 << 1) == 0


cdef inline floating square_root(floating x) noexcept nogil:
    if floating is float:
        return sqrtf(x)
    else:
        return sqrt(x)
