/* Numbers of NumPy's kinds, at any distance and in either byte order, read as float or double.

   A value is rounded once, as NumPy's own conversion rounds it. */

#ifndef CYPROP_NUMBERS_H
#define CYPROP_NUMBERS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* What the bytes of a number mean. */
enum cyprop_kind { CYPROP_SIGNED, CYPROP_UNSIGNED, CYPROP_FLOATING, CYPROP_TRUTH };

/* A number of any kind and size as one of the types below; half floats have no type in C. */
typedef struct { uint16_t bits; } cyprop_half;
typedef struct { uint8_t byte; } cyprop_truth;

/* A half has 1 bit of sign, 5 of exponent, 10 of mantissa. */
static inline double cyprop_of_half(cyprop_half half)
{
    uint64_t exponent = half.bits >> 10 & 31, mantissa = half.bits & 1023;
    uint64_t bits = (exponent == 31 ? 2047 : exponent + 1008) << 52 | mantissa << 42;
    double normal, size;
    memcpy(&normal, &bits, 8);
    size = exponent ? normal : (double)mantissa * 0x1p-24;
    return half.bits >> 15 ? -size : size;
}

#define CYPROP_SAME(value) (value)
#define CYPROP_IS_TRUE(value) ((value).byte != 0)

/* n numbers of type FROM into type TO. False if one that was a float is then not finite: the caller finds
   out why. An exponent of all ones, which it has, carries into the sign by adding one. */
#define CYPROP_LOOP(FROM, TO, AS_NUMBER, WORD, EXPONENT)                                          \
    do {                                                                                          \
        TO *to = (TO *)target;                                                                    \
        WORD bits, carried = 0;                                                                   \
        for (ptrdiff_t i = 0; i < n; i++) {                                                       \
            FROM value;                                                                           \
            memcpy(&value, source + i * stride, sizeof value);                                    \
            to[i] = (TO)AS_NUMBER(value);                                                         \
            memcpy(&bits, to + i, sizeof bits);                                                   \
            carried |= (bits & EXPONENT) + (EXPONENT & -EXPONENT);                                \
        }                                                                                         \
        return kind != CYPROP_FLOATING || carried >> (8 * sizeof bits - 1) == 0;                  \
    } while (0)
#define CYPROP_TO_FLOAT(FROM, AS_NUMBER) CYPROP_LOOP(FROM, float, AS_NUMBER, uint32_t, 0x7f800000u)
#define CYPROP_TO_DOUBLE(FROM, AS_NUMBER)                                                         \
    CYPROP_LOOP(FROM, double, AS_NUMBER, uint64_t, 0x7ff0000000000000u)

/* A second loop where numbers are adjacent, which a compiler can turn into vector code. */
#define CYPROP_CASE(KIND, FROM, AS_NUMBER)                                                        \
    if (kind == KIND && size == sizeof(FROM)) {                                                   \
        if (stride == sizeof(FROM)) {                                                             \
            stride = sizeof(FROM);                                                                \
            if (dtype) CYPROP_TO_DOUBLE(FROM, AS_NUMBER);                                      \
            CYPROP_TO_FLOAT(FROM, AS_NUMBER);                                                  \
        }                                                                                         \
        if (dtype) CYPROP_TO_DOUBLE(FROM, AS_NUMBER);                                          \
        CYPROP_TO_FLOAT(FROM, AS_NUMBER);                                                      \
    }

/* In the byte order of this machine, for a network of float64 (dtype 1) or float32 (dtype 0). */
static inline int cyprop_read_native(
    int dtype, void *target, const char *source, ptrdiff_t n, ptrdiff_t stride, size_t size, int kind)
{
    CYPROP_CASE(CYPROP_FLOATING, double, CYPROP_SAME)
    CYPROP_CASE(CYPROP_FLOATING, float, CYPROP_SAME)
    CYPROP_CASE(CYPROP_FLOATING, cyprop_half, cyprop_of_half)
    CYPROP_CASE(CYPROP_SIGNED, int64_t, CYPROP_SAME)
    CYPROP_CASE(CYPROP_SIGNED, int32_t, CYPROP_SAME)
    CYPROP_CASE(CYPROP_SIGNED, int16_t, CYPROP_SAME)
    CYPROP_CASE(CYPROP_SIGNED, int8_t, CYPROP_SAME)
    CYPROP_CASE(CYPROP_UNSIGNED, uint64_t, CYPROP_SAME)
    CYPROP_CASE(CYPROP_UNSIGNED, uint32_t, CYPROP_SAME)
    CYPROP_CASE(CYPROP_UNSIGNED, uint16_t, CYPROP_SAME)
    CYPROP_CASE(CYPROP_UNSIGNED, uint8_t, CYPROP_SAME)
    CYPROP_CASE(CYPROP_TRUTH, cyprop_truth, CYPROP_IS_TRUE)
    return 0;
}

static inline uint64_t cyprop_swapped(uint64_t word)
{
    word = (word & 0x00ff00ff00ff00ffu) << 8 | (word >> 8 & 0x00ff00ff00ff00ffu);
    word = (word & 0x0000ffff0000ffffu) << 16 | (word >> 16 & 0x0000ffff0000ffffu);
    return word << 32 | word >> 32;
}

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define CYPROP_LOW_BYTES(size) (8 - (size)) /* where those of a word begin */
#else
#define CYPROP_LOW_BYTES(size) 0
#endif

static inline void cyprop_turn_round(
    uint64_t *words, const char *source, ptrdiff_t n, ptrdiff_t stride, size_t size)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        uint64_t word = 0;
        memcpy((char *)&word + CYPROP_LOW_BYTES(size), source + i * stride, size);
        words[i] = cyprop_swapped(word) >> 8 * (8 - size);
    }
}

/* The same in either byte order: some numbers at a time are turned round first. */
static inline int cyprop_read(
    int dtype, void *target, const char *source, ptrdiff_t n, ptrdiff_t stride, size_t size, int kind,
    int swap)
{
    uint64_t words[128];
    int fits = 1;
    if (!swap) return cyprop_read_native(dtype, target, source, n, stride, size, kind);
    for (ptrdiff_t done = 0; done < n; done += 128, source += 128 * stride) {
        ptrdiff_t some = n - done < 128 ? n - done : 128;
        if (size == 8) cyprop_turn_round(words, source, some, stride, 8);
        else if (size == 4) cyprop_turn_round(words, source, some, stride, 4);
        else cyprop_turn_round(words, source, some, stride, 2);
        fits &= cyprop_read_native(
            dtype, (char *)target + done * (dtype ? 8 : 4), (char *)words + CYPROP_LOW_BYTES(size),
            some, 8, size, kind);
    }
    return fits;
}

#endif
