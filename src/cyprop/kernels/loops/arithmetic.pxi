# The arithmetic every loop is written in. A product that is added is one fused operation, said so
# in the source and never left to the compiler: that fixes the bits. A processor without FMA rounds
# twice instead; its results are right, and differ in the last bits.

from cython cimport floating

cdef extern from * nogil:
    """
    #include <stddef.h>
    #include <stdint.h>
    #include <string.h>
    #include <math.h>

    #if defined(__FMA__) || defined(__ARM_FEATURE_FMA) || (defined(_MSC_VER) && defined(__AVX2__))
        #define CYPROP_FMA32(a, b, c) fmaf((a), (b), (c))
        #define CYPROP_FMA64(a, b, c) fma((a), (b), (c))
    #else
        #define CYPROP_FMA32(a, b, c) ((a) * (b) + (c))
        #define CYPROP_FMA64(a, b, c) ((a) * (b) + (c))
    #endif

    /* Registers decide how many sums a loop keeps: 32 of 64 bytes, 16 of 32, 16 of 16. */
    #if defined(__AVX512F__)
        enum { CYPROP_TILE_ROWS = 8, CYPROP_TILE_LINES = 2, CYPROP_COPY_ROWS = 1 << 30 };
        enum { CYPROP_ROW_LINES = 4, CYPROP_NARROW_ROWS = 4, CYPROP_STEP_ROWS = 8 };
    #elif defined(__AVX2__) || defined(__aarch64__)
        enum { CYPROP_TILE_ROWS = 6, CYPROP_TILE_LINES = 1, CYPROP_COPY_ROWS = 16 };
        enum { CYPROP_ROW_LINES = 4, CYPROP_NARROW_ROWS = 1, CYPROP_STEP_ROWS = 4 };
    #else
        enum { CYPROP_TILE_ROWS = 3, CYPROP_TILE_LINES = 1, CYPROP_COPY_ROWS = 16 };
        enum { CYPROP_ROW_LINES = 1, CYPROP_NARROW_ROWS = 1, CYPROP_STEP_ROWS = 2 };
    #endif

    #include "turn.h"

    static inline float cyprop_float32(uint32_t bits) { float x; memcpy(&x, &bits, 4); return x; }
    static inline uint32_t cyprop_bits32(float x) { uint32_t bits; memcpy(&bits, &x, 4); return bits; }
    static inline double cyprop_float64(uint64_t bits) { double x; memcpy(&x, &bits, 8); return x; }
    static inline uint64_t cyprop_bits64(double x) { uint64_t bits; memcpy(&bits, &x, 8); return bits; }
    """
    ctypedef unsigned int uint32_t
    ctypedef unsigned long long uint64_t
    enum:
        TILE_ROWS "CYPROP_TILE_ROWS"
        TILE_LINES "CYPROP_TILE_LINES"
        COPY_ROWS "CYPROP_COPY_ROWS"
        ROW_LINES "CYPROP_ROW_LINES"
        NARROW_ROWS "CYPROP_NARROW_ROWS"
        STEP_ROWS "CYPROP_STEP_ROWS"
    float fma32 "CYPROP_FMA32"(float a, float b, float c)
    double fma64 "CYPROP_FMA64"(double a, double b, double c)
    float from_bits32 "cyprop_float32"(uint32_t bits)
    uint32_t to_bits32 "cyprop_bits32"(float x)
    double from_bits64 "cyprop_float64"(uint64_t bits)
    uint64_t to_bits64 "cyprop_bits64"(double x)
    void turn32 "cyprop_turn32"(
        const float *source, Py_ssize_t source_stride, float *target, Py_ssize_t target_stride)
    void turn64 "cyprop_turn64"(
        const double *source, Py_ssize_t source_stride, double *target, Py_ssize_t target_stride)
    void add_turned32 "cyprop_add_turned32"(
        int rows, Py_ssize_t n_terms, const float *source, Py_ssize_t stride, const float *a,
        float *sums)
    void add_turned64 "cyprop_add_turned64"(
        int rows, Py_ssize_t n_terms, const double *source, Py_ssize_t stride, const double *a,
        double *sums)
    float fabsf(float x)
    double fabs(double x)
    float copysignf(float size, float sign)
    double copysign(double size, double sign)
    float sqrtf(float x)
    double sqrt(double x)

cdef enum:
    LINE_BYTES = 64        # a cache line
    MAX_TILE_ROWS = 8
    MAX_LANES = 128
    PANEL_BYTES = 16384    # half a first-level cache
    LIST_SIZE = 256        # of terms that are not zero, at a time
    LONG_ROW = 16384       # weights from which on inputs are searched for zeros
    LARGE_BYTES = 1 << 20  # of weights: more than the second-level cache holds
    ROWS_OF_LARGE = 16     # of such weights at a time
    MAX_ROW_LINES = 4
    MAX_LINE = 16          # elements in a cache line
    SPARSE_COLUMNS = 64    # fewer than this are done sooner than a list is made
    GLIMPSE = 128          # elements after which it shows whether many are zero
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
        return (to_bits32(x) << 1) != 0
    else:
        return (to_bits64(x) << 1) != 0


cdef inline bint eight_zeros(const floating *x) noexcept nogil:
    cdef uint32_t any32 = 0
    cdef uint64_t any64 = 0
    cdef Py_ssize_t i
    if floating is float:
        for i in range(8):
            any32 |= to_bits32(x[i])
        return (any32 << 1) == 0
    else:
        for i in range(8):
            any64 |= to_bits64(x[i])
        return (any64 << 1) == 0


cdef inline floating absolute(floating x) noexcept nogil:
    if floating is float:
        return fabsf(x)
    else:
        return fabs(x)


cdef inline floating copy_sign(floating size, floating sign) noexcept nogil:
    if floating is float:
        return copysignf(size, sign)
    else:
        return copysign(size, sign)


cdef inline floating square_root(floating x) noexcept nogil:
    if floating is float:
        return sqrtf(x)
    else:
        return sqrt(x)
