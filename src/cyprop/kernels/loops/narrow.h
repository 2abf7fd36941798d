/* Z of less than a cache line of outputs, S of them: 1, 2, 4 or, of float32, 8, and so long are the
   rows of W.

   Where the four rows of W that go with four inputs lie side by side in one vector or two, so do the
   four sums of an output (narrow.pxi), and a step is one fused operation a vector, if the inputs are
   spread as the rows of W lie. The compiler does not find these shuffles by itself. Rows of Z are a
   line long; what is behind the S outputs becomes zero. */

#ifndef CYPROP_NARROW_H
#define CYPROP_NARROW_H

#include <stddef.h>

/* What fits into registers: the sums of four outputs for so many lines of inputs; and a line of outputs
   for so many rows, if one of four sums is taken after the other. */
#if defined(__AVX512F__)
enum { CYPROP_FOUR_LINES = 2, CYPROP_PASS_ROWS = 1 };
#elif defined(__AVX2__) || defined(__aarch64__)
enum { CYPROP_FOUR_LINES = 1, CYPROP_PASS_ROWS = 6 };
#else /* for old processors as little code as may be */
enum { CYPROP_FOUR_LINES = 0, CYPROP_PASS_ROWS = 1 };
#endif

#if defined(__AVX2__) && (defined(__FMA__) || defined(_MSC_VER))

#include <immintrin.h>

/* The vectors of a step, with inputs a, b, c, d: one of each for eight outputs; aaaabbbb and ccccdddd
   for four; aabbccdd for two; abcd for one. In float64 they are for half as many. */
static inline __m256 cyprop_spread32_8(const float *four, int vector)
{
    return _mm256_broadcast_ss(four + vector);
}

static inline __m256 cyprop_spread32_4(const float *four, int vector)
{
    const __m256i places = vector ? _mm256_setr_epi32(2, 2, 2, 2, 3, 3, 3, 3)
                                  : _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1);
    return _mm256_permutevar_ps(_mm256_broadcast_ps((const __m128 *)four), places);
}

static inline __m256 cyprop_spread32_2(const float *four, int vector)
{
    (void)vector;
    return _mm256_permutevar_ps(
        _mm256_broadcast_ps((const __m128 *)four), _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3));
}

static inline __m128 cyprop_spread32_1(const float *four, int vector)
{
    (void)vector;
    return _mm_loadu_ps(four);
}

static inline __m256d cyprop_spread64_4(const double *four, int vector)
{
    return _mm256_broadcast_sd(four + vector);
}

static inline __m256d cyprop_spread64_2(const double *four, int vector)
{
    const __m256d all = _mm256_loadu_pd(four);
    return vector ? _mm256_permute4x64_pd(all, 0xfa) : _mm256_permute4x64_pd(all, 0x50);
}

static inline __m256d cyprop_spread64_1(const double *four, int vector)
{
    (void)vector;
    return _mm256_loadu_pd(four);
}

/* Half a line of outputs, and zeros behind it: one store where the next to read it reads a whole line,
   which would otherwise have to wait. */
static inline void cyprop_line32(float *z, __m256 first)
{
#if defined(__AVX512F__)
    _mm512_storeu_ps(z, _mm512_zextps256_ps512(first));
#else
    _mm256_storeu_ps(z, first);
    _mm256_storeu_ps(z + 8, _mm256_setzero_ps());
#endif
}

static inline void cyprop_line64(double *z, __m256d first)
{
#if defined(__AVX512F__)
    _mm512_storeu_pd(z, _mm512_zextpd256_pd512(first));
#else
    _mm256_storeu_pd(z, first);
    _mm256_storeu_pd(z + 4, _mm256_setzero_pd());
#endif
}

/* z = (p0 + p1) + (p2 + p3) of every output. */
static inline void cyprop_finish32_8(const __m256 *p, float *z)
{
    cyprop_line32(z, _mm256_add_ps(_mm256_add_ps(p[0], p[1]), _mm256_add_ps(p[2], p[3])));
}

static inline void cyprop_finish32_4(const __m256 *p, float *z)
{
    __m128 low = _mm_add_ps(_mm256_castps256_ps128(p[0]), _mm256_extractf128_ps(p[0], 1));
    __m128 high = _mm_add_ps(_mm256_castps256_ps128(p[1]), _mm256_extractf128_ps(p[1], 1));
    cyprop_line32(z, _mm256_zextps128_ps256(_mm_add_ps(low, high)));
}

static inline void cyprop_finish32_2(const __m256 *p, float *z)
{
    __m256 pairs = _mm256_add_ps(p[0], _mm256_permute_ps(p[0], 0xee));
    __m128 sum = _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1));
    cyprop_line32(z, _mm256_zextps128_ps256(_mm_movelh_ps(sum, _mm_setzero_ps())));
}

static inline void cyprop_finish32_1(const __m128 *p, float *z)
{
    __m128 pairs = _mm_add_ps(p[0], _mm_movehdup_ps(p[0]));
    __m128 sum = _mm_add_ss(pairs, _mm_movehl_ps(pairs, pairs));
    cyprop_line32(z, _mm256_zextps128_ps256(_mm_move_ss(_mm_setzero_ps(), sum)));
}

static inline void cyprop_finish64_4(const __m256d *p, double *z)
{
    cyprop_line64(z, _mm256_add_pd(_mm256_add_pd(p[0], p[1]), _mm256_add_pd(p[2], p[3])));
}

static inline void cyprop_finish64_2(const __m256d *p, double *z)
{
    __m128d low = _mm_add_pd(_mm256_castpd256_pd128(p[0]), _mm256_extractf128_pd(p[0], 1));
    __m128d high = _mm_add_pd(_mm256_castpd256_pd128(p[1]), _mm256_extractf128_pd(p[1], 1));
    cyprop_line64(z, _mm256_zextpd128_pd256(_mm_add_pd(low, high)));
}

static inline void cyprop_finish64_1(const __m256d *p, double *z)
{
    __m128d low = _mm256_castpd256_pd128(p[0]), high = _mm256_extractf128_pd(p[0], 1);
    __m128d sum = _mm_add_sd(
        _mm_add_sd(low, _mm_unpackhi_pd(low, low)), _mm_add_sd(high, _mm_unpackhi_pd(high, high)));
    cyprop_line64(z, _mm256_zextpd128_pd256(_mm_move_sd(_mm_setzero_pd(), sum)));
}

/* What p0 and the sums beside it start from: b, and zeros behind it. */
static inline __m256 cyprop_start32_8(const float *b)
{
    return _mm256_loadu_ps(b);
}

static inline __m256 cyprop_start32_4(const float *b)
{
    return _mm256_zextps128_ps256(_mm_loadu_ps(b));
}

static inline __m256 cyprop_start32_2(const float *b)
{
    return _mm256_setr_ps(b[0], b[1], 0, 0, 0, 0, 0, 0);
}

static inline __m128 cyprop_start32_1(const float *b)
{
    return _mm_load_ss(b);
}

static inline __m256d cyprop_start64_4(const double *b)
{
    return _mm256_loadu_pd(b);
}

static inline __m256d cyprop_start64_2(const double *b)
{
    return _mm256_zextpd128_pd256(_mm_loadu_pd(b));
}

static inline __m256d cyprop_start64_1(const double *b)
{
    return _mm256_setr_pd(b[0], 0, 0, 0);
}

/* The first elements of a vector, `count` of them, any number; the others are not read, and zero. */
static inline __m256i cyprop_first(int count)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static inline __m256 cyprop_some32_8(const float *x, int count)
{
    return _mm256_maskload_ps(x, cyprop_first(count));
}

static inline __m128 cyprop_some32_4(const float *x, int count)
{
    return _mm_maskload_ps(x, _mm256_castsi256_si128(cyprop_first(count)));
}

static inline __m256d cyprop_some64_4(const double *x, int count)
{
    return _mm256_maskload_pd(
        x, _mm256_cvtepi32_epi64(_mm256_castsi256_si128(cyprop_first(count))));
}

/* The last inputs, `rest` of them, and -0 in the place of those that make them up to four. */
static inline void cyprop_last32(const float *a, int rest, float *four)
{
    const __m128 there = _mm_castsi128_ps(_mm256_castsi256_si128(cyprop_first(rest)));
    _mm_storeu_ps(
        four, _mm_or_ps(cyprop_some32_4(a, rest), _mm_andnot_ps(there, _mm_set1_ps(-0.0f))));
}

static inline void cyprop_last64(const double *a, int rest, double *four)
{
    const __m256d there = _mm256_castsi256_pd(
        _mm256_cvtepi32_epi64(_mm256_castsi256_si128(cyprop_first(rest))));
    _mm256_storeu_pd(
        four, _mm256_or_pd(cyprop_some64_4(a, rest), _mm256_andnot_pd(there, _mm256_set1_pd(-0.0))));
}

/* ROWS rows of Z. Where fewer than four inputs are left, the others count as -0 times 0, which leaves
   every sum as it is, -0 too. */
#define CYPROP_NARROW(SUFFIX, REAL, VECTOR, LANES, LOAD, STORE, FMA, ZERO, S, ROWS)                       \
    static inline void cyprop_narrow##SUFFIX##_##S##_##ROWS(                                       \
        ptrdiff_t n_in, const REAL *const *A, const REAL *W, const REAL *b, REAL *Z,               \
        ptrdiff_t Z_stride)                                                                        \
    {                                                                                              \
        enum { VECTORS = 4 * S / LANES };                                                          \
        VECTOR p[ROWS][VECTORS], w;                                                                \
        const REAL *a[ROWS];                                                                       \
        REAL last[ROWS][4], last_W[4 * S];                                                         \
        int rest = (int)(n_in % 4);                                                                \
        for (int row = 0; row < ROWS; row++) {                                                     \
            a[row] = A[row];                                                                       \
            for (int v = 0; v < VECTORS; v++)                                                      \
                p[row][v] = v ? ZERO() : cyprop_start##SUFFIX##_##S(b);                            \
        }                                                                                          \
        for (n_in -= rest;; rest = 0, n_in = 4, W = last_W) {                                      \
            for (ptrdiff_t i = 0; i < n_in; i += 4)                                                \
                for (int v = 0; v < VECTORS; v++) {                                                \
                    w = LOAD(W + i * S + v * LANES);                                               \
                    for (int row = 0; row < ROWS; row++)                                           \
                        p[row][v] = FMA(cyprop_spread##SUFFIX##_##S(a[row] + i, v), w, p[row][v]); \
                }                                                                                  \
            if (!rest) break;                                                                      \
            for (int v = 0; v < VECTORS; v++)                                                      \
                STORE(last_W + v * LANES, cyprop_some##SUFFIX##_##LANES(                           \
                    W + n_in * S + v * LANES, rest * S - v * LANES));                              \
            for (int row = 0; row < ROWS; row++) {                                                 \
                cyprop_last##SUFFIX(a[row] + n_in, rest, last[row]);                               \
                a[row] = last[row];                                                                \
            }                                                                                      \
        }                                                                                          \
        for (int row = 0; row < ROWS; row++)                                                       \
            cyprop_finish##SUFFIX##_##S(p[row], Z + row * Z_stride);                               \
    }

/* One row, in a function that saves no more registers than it needs. */
#define CYPROP_NARROW_ROW(SUFFIX, REAL, VECTOR, LANES, LOAD, STORE, FMA, ZERO, S)                  \
    CYPROP_NARROW(SUFFIX, REAL, VECTOR, LANES, LOAD, STORE, FMA, ZERO, S, 1)                       \
    CYPROP_APART void cyprop_narrow_row##SUFFIX##_##S(                                             \
        ptrdiff_t n_in, const REAL *a, const REAL *W, const REAL *b, REAL *Z)                      \
    {                                                                                              \
        cyprop_narrow##SUFFIX##_##S##_1(n_in, &a, W, b, Z, 0);                                     \
    }

/* Any number of rows: four share what is read of W, and do not wait for each other. */
#define CYPROP_NARROW_ROWS(SUFFIX, REAL, VECTOR, LANES, LOAD, STORE, FMA, ZERO, S)                 \
    CYPROP_NARROW_ROW(SUFFIX, REAL, VECTOR, LANES, LOAD, STORE, FMA, ZERO, S)                      \
    CYPROP_NARROW(SUFFIX, REAL, VECTOR, LANES, LOAD, STORE, FMA, ZERO, S, 4)                       \
    static void cyprop_narrow_rows##SUFFIX##_##S(                                                  \
        ptrdiff_t n, ptrdiff_t n_in, const REAL *const *A, const REAL *W, const REAL *b, REAL *Z,  \
        ptrdiff_t Z_stride)                                                                        \
    {                                                                                              \
        for (; n >= 4; n -= 4, A += 4, Z += 4 * Z_stride)                                          \
            cyprop_narrow##SUFFIX##_##S##_4(n_in, A, W, b, Z, Z_stride);                           \
        for (; n > 0; n--, A++, Z += Z_stride)                                                     \
            cyprop_narrow_row##SUFFIX##_##S(n_in, *A, W, b, Z);                                    \
    }
#define CYPROP_NARROW32(OUTPUTS, VECTOR, LANES, PREFIX, S)                                         \
    OUTPUTS(32, float, VECTOR, LANES, PREFIX##_loadu_ps, PREFIX##_storeu_ps, PREFIX##_fmadd_ps,    \
            PREFIX##_setzero_ps, S)
#define CYPROP_NARROW64(OUTPUTS, S)                                                                \
    OUTPUTS(64, double, __m256d, 4, _mm256_loadu_pd, _mm256_storeu_pd, _mm256_fmadd_pd,            \
            _mm256_setzero_pd, S)
CYPROP_NARROW32(CYPROP_NARROW_ROWS, __m256, 8, _mm256, 4)
CYPROP_NARROW32(CYPROP_NARROW_ROWS, __m256, 8, _mm256, 2)
CYPROP_NARROW32(CYPROP_NARROW_ROWS, __m128, 4, _mm, 1)
CYPROP_NARROW64(CYPROP_NARROW_ROWS, 2)
CYPROP_NARROW64(CYPROP_NARROW_ROWS, 1)
#if !defined(__AVX512F__) /* where half a line takes as long as a line */
CYPROP_NARROW32(CYPROP_NARROW_ROW, __m256, 8, _mm256, 8)
CYPROP_NARROW64(CYPROP_NARROW_ROW, 4)
#endif

/* Whether there is such a loop for rows of W that long, which then has run: for one row, or for n. */
#define CYPROP_FEW(SUFFIX, REAL, CASES)                                                            \
    static inline int cyprop_one_of_few##SUFFIX(                                                   \
        ptrdiff_t n_in, const REAL *a, const REAL *W, ptrdiff_t W_stride, const REAL *b, REAL *Z)  \
    {                                                                                              \
        switch (W_stride) {                                                                        \
        CASES(CYPROP_ROW_OF, CYPROP_ROW_OF)                                                                       \
        default: return 0;                                                                         \
        }                                                                                          \
    }                                                                                              \
    static inline int cyprop_few_outputs##SUFFIX(                                                  \
        ptrdiff_t n, ptrdiff_t n_in, const REAL *const *A, const REAL *W, ptrdiff_t W_stride,      \
        const REAL *b, REAL *Z, ptrdiff_t Z_stride)                                                \
    {                                                                                              \
        switch (W_stride) {                                                                        \
        CASES(CYPROP_ROWS_OF, CYPROP_EACH_ROW_OF)                                                                      \
        default: return 0;                                                                         \
        }                                                                                          \
    }
#define CYPROP_ROW_OF(SUFFIX, S)                                                                   \
    case S: cyprop_narrow_row##SUFFIX##_##S(n_in, a, W, b, Z); return 1;
#define CYPROP_ROWS_OF(SUFFIX, S)                                                                  \
    case S: cyprop_narrow_rows##SUFFIX##_##S(n, n_in, A, W, b, Z, Z_stride); return 1;
#define CYPROP_EACH_ROW_OF(SUFFIX, S)                                                              \
    case S:                                                                                        \
        for (; n > 0; n--, A++, Z += Z_stride)                                                     \
            cyprop_narrow_row##SUFFIX##_##S(n_in, *A, W, b, Z);                                    \
        return 1;
#if defined(__AVX512F__)
#define CYPROP_CASES32(CASE, WIDE) CASE(32, 4) CASE(32, 2) CASE(32, 1)
#define CYPROP_CASES64(CASE, WIDE) CASE(64, 2) CASE(64, 1)
#else
#define CYPROP_CASES32(CASE, WIDE) WIDE(32, 8) CASE(32, 4) CASE(32, 2) CASE(32, 1)
#define CYPROP_CASES64(CASE, WIDE) WIDE(64, 4) CASE(64, 2) CASE(64, 1)
#endif

#else

/* Elsewhere there is none, and the plain loops of narrow.pxi run. */
#define CYPROP_FEW(SUFFIX, REAL, CASES)                                                            \
    static inline int cyprop_one_of_few##SUFFIX(                                                   \
        ptrdiff_t n_in, const REAL *a, const REAL *W, ptrdiff_t W_stride, const REAL *b, REAL *Z)  \
    {                                                                                              \
        (void)n_in, (void)a, (void)W, (void)W_stride, (void)b, (void)Z;                            \
        return 0;                                                                                  \
    }                                                                                              \
    static inline int cyprop_few_outputs##SUFFIX(                                                  \
        ptrdiff_t n, ptrdiff_t n_in, const REAL *const *A, const REAL *W, ptrdiff_t W_stride,      \
        const REAL *b, REAL *Z, ptrdiff_t Z_stride)                                                \
    {                                                                                              \
        (void)n, (void)Z_stride;                                                                   \
        return cyprop_one_of_few##SUFFIX(n_in, *A, W, W_stride, b, Z);                             \
    }

#endif

CYPROP_FEW(32, float, CYPROP_CASES32)
CYPROP_FEW(64, double, CYPROP_CASES64)

#endif
