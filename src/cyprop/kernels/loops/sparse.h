/* Which elements of a row are not zero, as the bits of a word. The compiler does not find the
   instructions that compare a vector and gather what it says. */

#ifndef CYPROP_SPARSE_H
#define CYPROP_SPARSE_H

#include <stddef.h>
#include <stdint.h>

#if defined(_MSC_VER)
    #include <intrin.h>
#endif

#if defined(__AVX2__)
    #include <immintrin.h>
#endif

/* The place of the lowest bit of a word that is not zero, and no longer has it then. GCC leaves out the
   prefix that makes bsf the fast tzcnt, where there is one, when it tunes for Intel's processors; and what
   it clears the bit by takes a register more, which it has not got beside the sums. */
static inline int cyprop_take_lowest(uint64_t *word)
{
#if defined(__GNUC__) && defined(__x86_64__)
    uint64_t place;
    __asm__("rep; bsfq %1, %0\n\tbtrq %0, %1" : "=&r"(place), "+r"(*word) : : "cc");
    return (int)place;
#elif defined(_MSC_VER)
    unsigned long place;
    _BitScanForward64(&place, *word);
    *word &= *word - 1;
    return (int)place;
#else
    const int place = __builtin_ctzll(*word);
    *word &= *word - 1;
    return place;
#endif
}

/* Of 64 elements, those that are not zero; neither NaN nor an infinity is. */
static inline uint64_t cyprop_nonzero32(const float *x)
{
    uint64_t word = 0;
#if defined(__AVX512F__)
    const __m512i size = _mm512_set1_epi32(0x7fffffff);
    for (int i = 0; i < 64; i += 16)
        word |= (uint64_t)_mm512_test_epi32_mask(_mm512_loadu_si512(x + i), size) << i;
#elif defined(__AVX2__)
    for (int i = 0; i < 64; i += 8) {
        const __m256i size = _mm256_slli_epi32(_mm256_loadu_si256((const __m256i *)(x + i)), 1);
        const __m256i zero = _mm256_cmpeq_epi32(size, _mm256_setzero_si256());
        word |= (uint64_t)_mm256_movemask_ps(_mm256_castsi256_ps(zero)) << i;
    }
    word = ~word;
#else
    for (int i = 0; i < 64; i++) word |= (uint64_t)((cyprop_bits32(x[i]) << 1) != 0) << i;
#endif
    return word;
}

static inline uint64_t cyprop_nonzero64(const double *x)
{
    uint64_t word = 0;
#if defined(__AVX512F__)
    const __m512i size = _mm512_set1_epi64(0x7fffffffffffffff);
    for (int i = 0; i < 64; i += 8)
        word |= (uint64_t)_mm512_test_epi64_mask(_mm512_loadu_si512(x + i), size) << i;
#elif defined(__AVX2__)
    for (int i = 0; i < 64; i += 4) {
        const __m256i size = _mm256_slli_epi64(_mm256_loadu_si256((const __m256i *)(x + i)), 1);
        const __m256i zero = _mm256_cmpeq_epi64(size, _mm256_setzero_si256());
        word |= (uint64_t)_mm256_movemask_pd(_mm256_castsi256_pd(zero)) << i;
    }
    word = ~word;
#else
    for (int i = 0; i < 64; i++) word |= (uint64_t)((cyprop_bits64(x[i]) << 1) != 0) << i;
#endif
    return word;
}

/* Where of n elements those are that are not zero, in order; how many they are. With AVX-512 only, which
   gathers them in a register. There is room for LINE_OF_PLACES more than there are. */
enum { CYPROP_LINE_OF_PLACES = 16 };

#if defined(__AVX512F__)

enum { CYPROP_COMPRESSES = 1 };

static inline ptrdiff_t cyprop_list_nonzero32(ptrdiff_t n, const float *x, int *places)
{
    const __m512i size = _mm512_set1_epi32(0x7fffffff), width = _mm512_set1_epi32(16);
    __m512i at = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    ptrdiff_t found = 0;
    for (ptrdiff_t i = 0; i < n; i += 16) {
        const __mmask16 inside = (__mmask16)(n - i < 16 ? (1u << (n - i)) - 1 : 0xffff);
        const __m512i bits = _mm512_maskz_loadu_epi32(inside, x + i);
        const __mmask16 mask = _mm512_test_epi32_mask(bits, size);
        _mm512_storeu_si512(places + found, _mm512_maskz_compress_epi32(mask, at));
        found += _mm_popcnt_u32(mask);
        at = _mm512_add_epi32(at, width);
    }
    return found;
}

static inline ptrdiff_t cyprop_list_nonzero64(ptrdiff_t n, const double *x, int *places)
{
    const __m512i size = _mm512_set1_epi64(0x7fffffffffffffff);
    const __m256i width = _mm256_set1_epi32(8);
    __m256i at = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    ptrdiff_t found = 0;
    for (ptrdiff_t i = 0; i < n; i += 8) {
        const __mmask8 inside = (__mmask8)(n - i < 8 ? (1u << (n - i)) - 1 : 0xff);
        const __m512i bits = _mm512_maskz_loadu_epi64(inside, x + i);
        const __mmask8 mask = _mm512_test_epi64_mask(bits, size);
        _mm256_storeu_si256((__m256i *)(places + found), _mm256_maskz_compress_epi32(mask, at));
        found += _mm_popcnt_u32(mask);
        at = _mm256_add_epi32(at, width);
    }
    return found;
}

#else

enum { CYPROP_COMPRESSES = 0 };

static inline ptrdiff_t cyprop_list_nonzero32(ptrdiff_t n, const float *x, int *places)
{
    (void)n, (void)x, (void)places;
    return 0;
}

static inline ptrdiff_t cyprop_list_nonzero64(ptrdiff_t n, const double *x, int *places)
{
    (void)n, (void)x, (void)places;
    return 0;
}

#endif
#endif
