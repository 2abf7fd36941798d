/* Blocks of a matrix transposed, eight rows by eight columns.

   The compiler does not find the shuffles by itself, and without them a dot product per row of W
   would have to be split into partial sums. With AVX a block costs sixteen loads of half a register
   and sixteen shuffles; elsewhere it is the plain loop at the end. Strides are in elements. */

#ifndef CYPROP_TRANSPOSE_H
#define CYPROP_TRANSPOSE_H

#include <stddef.h>

/* Whether two shuffles of 64 bytes begin in a cycle; else those of 32 bytes are as fast or faster. */
static inline int *cyprop_wide_shuffles(void)
{
    static int wide = 0;
    return &wide;
}

#if defined(__AVX2__) && (defined(__FMA__) || defined(_MSC_VER))

#include <immintrin.h>

/* columns[c] = in[0..7][c] for four columns */
static inline void cyprop_columns32(const float *in, ptrdiff_t stride, __m256 *columns)
{
    __m256 rows[4], low01, high01, low23, high23;
    for (int i = 0; i < 4; i++)
        rows[i] = _mm256_insertf128_ps(
            _mm256_castps128_ps256(_mm_loadu_ps(in + i * stride)),
            _mm_loadu_ps(in + (i + 4) * stride), 1);
    low01 = _mm256_unpacklo_ps(rows[0], rows[1]);
    high01 = _mm256_unpackhi_ps(rows[0], rows[1]);
    low23 = _mm256_unpacklo_ps(rows[2], rows[3]);
    high23 = _mm256_unpackhi_ps(rows[2], rows[3]);
    columns[0] = _mm256_shuffle_ps(low01, low23, 0x44);
    columns[1] = _mm256_shuffle_ps(low01, low23, 0xee);
    columns[2] = _mm256_shuffle_ps(high01, high23, 0x44);
    columns[3] = _mm256_shuffle_ps(high01, high23, 0xee);
}

/* columns[c] = in[0..3][c] for two columns */
static inline void cyprop_columns64(const double *in, ptrdiff_t stride, __m256d *columns)
{
    __m256d rows[2];
    for (int i = 0; i < 2; i++)
        rows[i] = _mm256_insertf128_pd(
            _mm256_castpd128_pd256(_mm_loadu_pd(in + i * stride)),
            _mm_loadu_pd(in + (i + 2) * stride), 1);
    columns[0] = _mm256_unpacklo_pd(rows[0], rows[1]);
    columns[1] = _mm256_unpackhi_pd(rows[0], rows[1]);
}

/* out[c][r] = in[r][c] */
static inline void cyprop_transpose32(
    const float *in, ptrdiff_t in_stride, float *out, ptrdiff_t out_stride)
{
    __m256 columns[4];
    for (int c = 0; c < 8; c += 4) {
        cyprop_columns32(in + c, in_stride, columns);
        for (int i = 0; i < 4; i++)
            _mm256_storeu_ps(out + (c + i) * out_stride, columns[i]);
    }
}

static inline void cyprop_transpose64(
    const double *in, ptrdiff_t in_stride, double *out, ptrdiff_t out_stride)
{
    __m256d columns[2];
    for (int r = 0; r < 8; r += 4)
        for (int c = 0; c < 8; c += 2) {
            cyprop_columns64(in + r * in_stride + c, in_stride, columns);
            _mm256_storeu_pd(out + c * out_stride + r, columns[0]);
            _mm256_storeu_pd(out + (c + 1) * out_stride + r, columns[1]);
        }
}

/* sums[r] += a[0] in[r][0] + a[1] in[r][1] + ..., one after the other, for 8 * GROUPS rows. Each
   group of rows is a chain of additions; four hide its latency. Columns of `in` are read by fours, and
   those beyond the last term take no part. */
#define CYPROP_ADD_TRANSPOSED(SUFFIX, TYPE, VECTOR, SET1, LOAD, STORE, ADD, WIDTH, TERMS, GROUPS)  \
    static inline void cyprop_add_transposed##SUFFIX##_##GROUPS(                                   \
        ptrdiff_t n_terms, const TYPE *in, ptrdiff_t stride, const TYPE *a, TYPE *sums)            \
    {                                                                                              \
        VECTOR columns[TERMS], sum[GROUPS];                                                        \
        for (int g = 0; g < GROUPS; g++) sum[g] = LOAD(sums + WIDTH * g);                          \
        ptrdiff_t t = 0;                                                                           \
        for (; t + TERMS <= n_terms; t += TERMS)                                                   \
            for (int g = 0; g < GROUPS; g++) {                                                     \
                cyprop_columns##SUFFIX(in + WIDTH * g * stride + t, stride, columns);              \
                for (int i = 0; i < TERMS; i++) sum[g] = ADD(SET1(a[t + i]), columns[i], sum[g]);  \
            }                                                                                      \
        const int rest = (int)(n_terms - t);                                                       \
        for (int g = 0; g < GROUPS && rest; g++) {                                                 \
            cyprop_columns##SUFFIX(in + WIDTH * g * stride + t, stride, columns);                  \
            sum[g] = ADD(SET1(a[t]), columns[0], sum[g]);                                          \
            if (rest > 1) sum[g] = ADD(SET1(a[t + 1]), columns[1], sum[g]);                        \
            if (rest > 2) sum[g] = ADD(SET1(a[t + 2]), columns[TERMS - 2], sum[g]);                \
        }                                                                                          \
        for (int g = 0; g < GROUPS; g++) STORE(sums + WIDTH * g, sum[g]);                          \
    }
CYPROP_ADD_TRANSPOSED(32, float, __m256, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps,
                      _mm256_fmadd_ps, 8, 4, 4)
CYPROP_ADD_TRANSPOSED(32, float, __m256, _mm256_set1_ps, _mm256_loadu_ps, _mm256_storeu_ps,
                      _mm256_fmadd_ps, 8, 4, 1)
CYPROP_ADD_TRANSPOSED(64, double, __m256d, _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd,
                      _mm256_fmadd_pd, 4, 2, 8)
CYPROP_ADD_TRANSPOSED(64, double, __m256d, _mm256_set1_pd, _mm256_loadu_pd, _mm256_storeu_pd,
                      _mm256_fmadd_pd, 4, 2, 2)

#if defined(__AVX512F__)

/* columns[c] = in[0..15][c] of halves of rows: rows[i] has eight columns of row i and, behind them, of
   row i + 8. The rows in a column come as 0..3, 8..11, 4..7, 12..15. */
static inline void cyprop_columns_of_halves(const __m512 *rows, __m512 *columns)
{
    __m512 fours[8], low01, high01, low23, high23;
    for (int i = 0; i < 8; i += 4) {
        low01 = _mm512_unpacklo_ps(rows[i], rows[i + 1]);
        high01 = _mm512_unpackhi_ps(rows[i], rows[i + 1]);
        low23 = _mm512_unpacklo_ps(rows[i + 2], rows[i + 3]);
        high23 = _mm512_unpackhi_ps(rows[i + 2], rows[i + 3]);
        fours[i] = _mm512_shuffle_ps(low01, low23, 0x44);
        fours[i + 1] = _mm512_shuffle_ps(low01, low23, 0xee);
        fours[i + 2] = _mm512_shuffle_ps(high01, high23, 0x44);
        fours[i + 3] = _mm512_shuffle_ps(high01, high23, 0xee);
    }
    for (int c = 0; c < 4; c++) {
        columns[c] = _mm512_shuffle_f32x4(fours[c], fours[c + 4], 0x88);
        columns[c + 4] = _mm512_shuffle_f32x4(fours[c], fours[c + 4], 0xdd);
    }
}

/* The same as below for 16 terms of 16 rows: sixteen loads and 64 shuffles of whole registers. */
static inline __m512 cyprop_add_square(const float *in, ptrdiff_t stride, const float *a, __m512 sum)
{
    __m512 first[8], second[8], columns[8];
    for (int i = 0; i < 8; i++) {
        const __m512 row = _mm512_loadu_ps(in + i * stride);
        const __m512 other = _mm512_loadu_ps(in + (i + 8) * stride);
        first[i] = _mm512_insertf32x8(row, _mm512_castps512_ps256(other), 1);
        second[i] = _mm512_shuffle_f32x4(row, other, 0xee);
    }
    cyprop_columns_of_halves(first, columns);
    for (int c = 0; c < 8; c++) sum = _mm512_fmadd_ps(_mm512_set1_ps(a[c]), columns[c], sum);
    cyprop_columns_of_halves(second, columns);
    for (int c = 0; c < 8; c++) sum = _mm512_fmadd_ps(_mm512_set1_ps(a[8 + c]), columns[c], sum);
    return sum;
}

/* The first terms of 32 rows, as many as come by sixteens; how many they are. */
static inline ptrdiff_t cyprop_add_squares(
    ptrdiff_t n_terms, const float *in, ptrdiff_t stride, const float *a, float *sums)
{
    const ptrdiff_t whole = n_terms / 16 * 16;
    __m512 sum = _mm512_loadu_ps(sums), other = _mm512_loadu_ps(sums + 16);
    sum = _mm512_shuffle_f32x4(sum, sum, 0xd8);
    other = _mm512_shuffle_f32x4(other, other, 0xd8);
    for (ptrdiff_t t = 0; t < whole; t += 16) {
        sum = cyprop_add_square(in + t, stride, a + t, sum);
        other = cyprop_add_square(in + 16 * stride + t, stride, a + t, other);
    }
    _mm512_storeu_ps(sums, _mm512_shuffle_f32x4(sum, sum, 0xd8));
    _mm512_storeu_ps(sums + 16, _mm512_shuffle_f32x4(other, other, 0xd8));
    return whole;
}

#else

static inline ptrdiff_t cyprop_add_squares(
    ptrdiff_t n_terms, const float *in, ptrdiff_t stride, const float *a, float *sums)
{
    (void)n_terms, (void)in, (void)stride, (void)a, (void)sums;
    return 0;
}

#endif

static inline void cyprop_add_transposed32(
    int rows, ptrdiff_t n_terms, const float *in, ptrdiff_t stride, const float *a, float *sums)
{
    if (rows == 32 && *cyprop_wide_shuffles()) {
        const ptrdiff_t added = cyprop_add_squares(n_terms, in, stride, a, sums);
        in += added, a += added, n_terms -= added;
    }
    if (rows == 32) cyprop_add_transposed32_4(n_terms, in, stride, a, sums);
    else cyprop_add_transposed32_1(n_terms, in, stride, a, sums);
}

static inline void cyprop_add_transposed64(
    int rows, ptrdiff_t n_terms, const double *in, ptrdiff_t stride, const double *a, double *sums)
{
    if (rows == 32) cyprop_add_transposed64_8(n_terms, in, stride, a, sums);
    else cyprop_add_transposed64_2(n_terms, in, stride, a, sums);
}

#else

#define CYPROP_PLAIN_TRANSPOSE(TYPE, SUFFIX, FMA)                                                  \
    static inline void cyprop_transpose##SUFFIX(                                                   \
        const TYPE *in, ptrdiff_t in_stride, TYPE *out, ptrdiff_t out_stride)                      \
    {                                                                                              \
        for (int c = 0; c < 8; c++)                                                                \
            for (int r = 0; r < 8; r++) out[c * out_stride + r] = in[r * in_stride + c];           \
    }                                                                                              \
    static inline void cyprop_add_transposed##SUFFIX(                                              \
        int rows, ptrdiff_t n_terms, const TYPE *in, ptrdiff_t stride, const TYPE *a, TYPE *sums)  \
    {                                                                                              \
        for (int r = 0; r < rows; r++)                                                             \
            for (ptrdiff_t t = 0; t < n_terms; t++)                                                \
                sums[r] = FMA(a[t], in[r * stride + t], sums[r]);                                  \
    }
CYPROP_PLAIN_TRANSPOSE(float, 32, cyprop_fma32)
CYPROP_PLAIN_TRANSPOSE(double, 64, cyprop_fma64)

#endif
#endif
