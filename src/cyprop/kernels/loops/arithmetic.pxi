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

    /* Registers decide how many sums a tile keeps: 32 of 64 bytes, 16 of 32, 16 of 16. */
    #if defined(__AVX512F__)
        enum { CYPROP_TILE_ROWS = 8, CYPROP_TILE_LINES = 2, CYPROP_COPY_ROWS = 1 << 30 };
    #elif defined(__AVX2__) || defined(__aarch64__)
        enum { CYPROP_TILE_ROWS = 6, CYPROP_TILE_LINES = 1, CYPROP_COPY_ROWS = 16 };
    #else
        enum { CYPROP_TILE_ROWS = 3, CYPROP_TILE_LINES = 1, CYPROP_COPY_ROWS = 16 };
    #endif

    /* out[j][i] = in[i][j] for an 8 × 8 block; strides in elements. */
    #define CYPROP_TURN_PLAIN(in, in_stride, out, out_stride) \\
        for (ptrdiff_t j = 0; j < 8; j++) \\
            for (ptrdiff_t i = 0; i < 8; i++) (out)[j * (out_stride) + i] = (in)[i * (in_stride) + j]
    #if defined(__AVX__) && (defined(__clang__) || __GNUC__ >= 12)
    typedef float cyprop_f8 __attribute__((vector_size(32), aligned(4), may_alias));
    typedef double cyprop_d4 __attribute__((vector_size(32), aligned(8), may_alias));
    #define CYPROP_MIX __builtin_shufflevector
    static inline void cyprop_turn32(
        const float *in, ptrdiff_t in_stride, float *out, ptrdiff_t out_stride)
    {
        cyprop_f8 a[8], b[8];
        for (int i = 0; i < 8; i++) a[i] = *(const cyprop_f8 *)(in + i * in_stride);
        for (int i = 0; i < 4; i++) {
            b[i] = CYPROP_MIX(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
            b[i + 4] = CYPROP_MIX(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
        }
        for (int h = 0; h < 8; h += 4) {
            a[h] = CYPROP_MIX(b[h], b[h + 1], 0, 8, 1, 9, 4, 12, 5, 13);
            a[h + 1] = CYPROP_MIX(b[h], b[h + 1], 2, 10, 3, 11, 6, 14, 7, 15);
            a[h + 2] = CYPROP_MIX(b[h + 2], b[h + 3], 0, 8, 1, 9, 4, 12, 5, 13);
            a[h + 3] = CYPROP_MIX(b[h + 2], b[h + 3], 2, 10, 3, 11, 6, 14, 7, 15);
            *(cyprop_f8 *)(out + h * out_stride) =
                CYPROP_MIX(a[h], a[h + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            *(cyprop_f8 *)(out + (h + 1) * out_stride) =
                CYPROP_MIX(a[h], a[h + 2], 2, 3, 10, 11, 6, 7, 14, 15);
            *(cyprop_f8 *)(out + (h + 2) * out_stride) =
                CYPROP_MIX(a[h + 1], a[h + 3], 0, 1, 8, 9, 4, 5, 12, 13);
            *(cyprop_f8 *)(out + (h + 3) * out_stride) =
                CYPROP_MIX(a[h + 1], a[h + 3], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    }
    static inline void cyprop_turn64(
        const double *in, ptrdiff_t in_stride, double *out, ptrdiff_t out_stride)
    {
        for (int r = 0; r < 8; r += 4)
            for (int c = 0; c < 8; c += 4) {
                const double *p = in + r * in_stride + c;
                double *q = out + c * out_stride + r;
                cyprop_d4 a0 = *(const cyprop_d4 *)p, a1 = *(const cyprop_d4 *)(p + in_stride);
                cyprop_d4 a2 = *(const cyprop_d4 *)(p + 2 * in_stride);
                cyprop_d4 a3 = *(const cyprop_d4 *)(p + 3 * in_stride);
                cyprop_d4 b0 = CYPROP_MIX(a0, a2, 0, 1, 4, 5), b1 = CYPROP_MIX(a1, a3, 0, 1, 4, 5);
                cyprop_d4 b2 = CYPROP_MIX(a0, a2, 2, 3, 6, 7), b3 = CYPROP_MIX(a1, a3, 2, 3, 6, 7);
                *(cyprop_d4 *)q = CYPROP_MIX(b0, b1, 0, 4, 2, 6);
                *(cyprop_d4 *)(q + out_stride) = CYPROP_MIX(b0, b1, 1, 5, 3, 7);
                *(cyprop_d4 *)(q + 2 * out_stride) = CYPROP_MIX(b2, b3, 0, 4, 2, 6);
                *(cyprop_d4 *)(q + 3 * out_stride) = CYPROP_MIX(b2, b3, 1, 5, 3, 7);
            }
    }
    #else
    static inline void cyprop_turn32(
        const float *in, ptrdiff_t in_stride, float *out, ptrdiff_t out_stride)
    { CYPROP_TURN_PLAIN(in, in_stride, out, out_stride); }
    static inline void cyprop_turn64(
        const double *in, ptrdiff_t in_stride, double *out, ptrdiff_t out_stride)
    { CYPROP_TURN_PLAIN(in, in_stride, out, out_stride); }
    #endif

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
    float fabsf(float x)
    double fabs(double x)
    float sqrtf(float x)
    double sqrt(double x)

cdef enum:
    LINE_BYTES = 64        # a cache line
    MAX_TILE_ROWS = 8
    MAX_LANES = 128
    PANEL_BYTES = 16384    # half a first-level cache
    MAX_PANEL = 4096       # elements of the smaller dtype in one


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
