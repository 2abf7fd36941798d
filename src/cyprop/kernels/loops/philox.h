/* Random numbers by counting: Philox4x32-10 of Salmon, Moraes, Dror and Shaw, "Parallel random
   numbers: as easy as 1, 2, 3", SC11 (2011), section 3. A number is a function of a counter and a key
   alone, so it does not matter who asks for it, or in which order. */

#ifndef CYPROP_PHILOX_H
#define CYPROP_PHILOX_H

#include <stddef.h>
#include <stdint.h>

/* Counters side by side, so that a compiler makes vectors of them: some multiple of 16. */
#ifdef __AVX512F__
#define CYPROP_COUNTERS 32
#else
#define CYPROP_COUNTERS 16
#endif
#define CYPROP_WORDS (4 * CYPROP_COUNTERS)

#if defined(__GNUC__) && !defined(__clang__)
#define CYPROP_SIDE_BY_SIDE _Pragma("GCC ivdep") /* without it, GCC 12 makes no vectors of the rounds */
#else
#define CYPROP_SIDE_BY_SIDE
#endif

/* words[64 * g + 16 * k + i]: the k-th of the four words of the counter (first + 16 * g + i, c1, c2,
   c3), so that how many there are side by side does not show. */
static inline void cyprop_random_words(
    uint64_t key, uint32_t first, uint32_t c1, uint32_t c2, uint32_t c3, uint32_t *words)
{
    uint32_t a[CYPROP_COUNTERS], b[CYPROP_COUNTERS], c[CYPROP_COUNTERS], d[CYPROP_COUNTERS];
    uint32_t key0 = (uint32_t)key, key1 = (uint32_t)(key >> 32);
    for (ptrdiff_t i = 0; i < CYPROP_COUNTERS; i++) {
        a[i] = first + (uint32_t)i;
        b[i] = c1;
        c[i] = c2;
        d[i] = c3;
    }
    for (int round = 0; round < 10; round++) {
        CYPROP_SIDE_BY_SIDE
        for (ptrdiff_t i = 0; i < CYPROP_COUNTERS; i++) {
            uint64_t ab = (uint64_t)0xD2511F53 * a[i], cd = (uint64_t)0xCD9E8D57 * c[i];
            a[i] = (uint32_t)(cd >> 32) ^ b[i] ^ key0;
            b[i] = (uint32_t)cd;
            c[i] = (uint32_t)(ab >> 32) ^ d[i] ^ key1;
            d[i] = (uint32_t)ab;
        }
        key0 += 0x9E3779B9; /* the golden ratio, and the root of 3 less 1, as fractions of 2^32 */
        key1 += 0xBB67AE85;
    }
    for (ptrdiff_t g = 0; g < CYPROP_COUNTERS; g += 16)
        for (ptrdiff_t i = 0; i < 16; i++) {
            words[4 * g + i] = a[g + i];
            words[4 * g + 16 + i] = b[g + i];
            words[4 * g + 32 + i] = c[g + i];
            words[4 * g + 48 + i] = d[g + i];
        }
}

#endif
