# The arithmetic every loop is written in. A product that is added is one fused operation, said so
# in the source and never left to the compiler: that fixes the bits. A processor without FMA rounds
# twice instead; its results are right, and differ in the last bits.

from cython cimport floating

cdef extern from * nogil:
    """
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

    static inline float cyprop_float32(uint32_t bits) { float x; memcpy(&x, &bits, 4); return x; }
    static inline uint32_t cyprop_bits32(float x) { uint32_t bits; memcpy(&bits, &x, 4); return bits; }
    static inline double cyprop_float64(uint64_t bits) { double x; memcpy(&x, &bits, 8); return x; }
    static inline uint64_t cyprop_bits64(double x) { uint64_t bits; memcpy(&bits, &x, 8); return bits; }
    """
    ctypedef unsigned int uint32_t
    ctypedef unsigned long long uint64_t
    float fma32 "CYPROP_FMA32"(float a, float b, float c)
    double fma64 "CYPROP_FMA64"(double a, double b, double c)
    float from_bits32 "cyprop_float32"(uint32_t bits)
    uint32_t to_bits32 "cyprop_bits32"(float x)
    double from_bits64 "cyprop_float64"(uint64_t bits)
    uint64_t to_bits64 "cyprop_bits64"(double x)
    float fabsf(float x)
    double fabs(double x)
    float sqrtf(float x)
    double sqrt(double x)

cdef enum:
    LANES = 16        # how many partial sums a sum across a row keeps


cdef inline floating fma(floating a, floating b, floating c) noexcept nogil:
    """a·b + c"""
    if floating is float:
        return fma32(a, b, c)
    else:
        return fma64(a, b, c)


cdef inline floating absolute(floating x) noexcept nogil:
    if floating is float:
        return fabsf(x)
    else:
        return fabs(x)


cdef inline floating square_root(floating x) noexcept nogil:
    if floating is float:
        return sqrtf(x)
    else:
        return sqrt(x)


cdef inline floating sum_of_lanes(const floating *lanes) noexcept nogil:
    """The LANES partial sums added as a tree of fixed shape, so that no vector width matters."""
    cdef floating eight[8]
    cdef floating four[4]
    cdef Py_ssize_t i
    for i in range(8):
        eight[i] = lanes[i] + lanes[i + 8]
    for i in range(4):
        four[i] = eight[i] + eight[i + 4]
    return (four[0] + four[2]) + (four[1] + four[3])
