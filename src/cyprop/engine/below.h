/* Whether numbers are of ordinary size: below 2^29. Asked for every layer of every update of one sample,
   so a few instructions count, and the compiler does not find them by itself. */

#ifndef CYPROP_BELOW_H
#define CYPROP_BELOW_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Added to the bits of a size, they carry an exponent of 29 or more, also NaN's and infinity's, into the
   sign. */
#define CYPROP_MORE32 (0x80000000u - (156u << 23))
#define CYPROP_MORE64 (0x8000000000000000u - (1052ull << 52))

#if defined(__SSE2__) || defined(_M_X64)

#include <emmintrin.h>

/* n is a multiple of 4 */
static inline int cyprop_below32(ptrdiff_t n, const char *x)
{
    const __m128i size = _mm_set1_epi32(0x7fffffff), more = _mm_set1_epi32((int)CYPROP_MORE32);
    __m128i carried = _mm_setzero_si128();
    for (ptrdiff_t i = 0; i < n; i += 4) {
        __m128i bits = _mm_and_si128(_mm_loadu_si128((const __m128i *)(x + 4 * i)), size);
        carried = _mm_or_si128(carried, _mm_add_epi32(bits, more));
    }
    return _mm_movemask_ps(_mm_castsi128_ps(carried)) == 0;
}

/* n is a multiple of 2 */
static inline int cyprop_below64(ptrdiff_t n, const char *x)
{
    const __m128i size = _mm_set1_epi64x(0x7fffffffffffffff);
    const __m128i more = _mm_set1_epi64x((long long)CYPROP_MORE64);
    __m128i carried = _mm_setzero_si128();
    for (ptrdiff_t i = 0; i < n; i += 2) {
        __m128i bits = _mm_and_si128(_mm_loadu_si128((const __m128i *)(x + 8 * i)), size);
        carried = _mm_or_si128(carried, _mm_add_epi64(bits, more));
    }
    return _mm_movemask_pd(_mm_castsi128_pd(carried)) == 0;
}

#else

static inline int cyprop_below32(ptrdiff_t n, const char *x)
{
    uint32_t bits, carried = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        memcpy(&bits, x + 4 * i, 4);
        carried |= (bits & 0x7fffffffu) + CYPROP_MORE32;
    }
    return carried >> 31 == 0;
}

static inline int cyprop_below64(ptrdiff_t n, const char *x)
{
    uint64_t bits, carried = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        memcpy(&bits, x + 8 * i, 8);
        carried |= (bits & 0x7fffffffffffffffu) + CYPROP_MORE64;
    }
    return carried >> 63 == 0;
}

#endif
#endif
