/* Which elements of a row are not zero, as the bits of a word. The compiler does not find the
   instructions that compare a vector and gather what it says. */

#ifndef CYPROP_SPARSE_H
#define CYPROP_SPARSE_H

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

#endif
