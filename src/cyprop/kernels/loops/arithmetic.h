/* The C that the loops are written in: what a product that is added compiles to, how many sums a
   loop keeps in registers, and the elementary functions of both dtypes. */

#ifndef CYPROP_ARITHMETIC_H
#define CYPROP_ARITHMETIC_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* A processor without fused multiply-add rounds twice; its C library would be dozens of times as
   slow. */
#if !defined(__FMA__) && !defined(__ARM_FEATURE_FMA) && !(defined(_MSC_VER) && defined(__AVX2__))
    #define CYPROP_NO_FMA
#endif

/* Registers decide how many sums a loop keeps: 32 of 64 bytes, 16 of 32, 16 of 16. A tile of samples
   has at most TILE_ROWS rows and TILE_SUMS lines of sums, one of inputs STEP_ROWS rows, or fewer where it
   has less than LONG_TILE terms. Up to UNPACKED_LINES of dZ, a packed block would hardly be used again; a
   processor without FMA packs always, for the sake of less code. WHOLE_ROWS: whether registers are
   enough to read a matrix along its rows. */
#if defined(__AVX512F__)
    enum { CYPROP_TILE_ROWS = 8, CYPROP_TILE_LINES = 4, CYPROP_TILE_SUMS = 24 };
    enum { CYPROP_STEP_ROWS = 8, CYPROP_STEP_ROWS_OF_FEW = 4, CYPROP_LONG_TILE = 24, CYPROP_UNPACKED_LINES = 2 };
    enum { CYPROP_COPY_ROWS = 1 << 30, CYPROP_ROW_LINES = 4, CYPROP_NARROW_ROWS = 4 };
    enum { CYPROP_SPARSE_LINES = 10, CYPROP_WHOLE_ROWS = 1 };
#elif defined(__AVX2__) || defined(__aarch64__)
    enum { CYPROP_TILE_ROWS = 6, CYPROP_TILE_LINES = 1, CYPROP_TILE_SUMS = 6 };
    enum { CYPROP_STEP_ROWS = 6, CYPROP_STEP_ROWS_OF_FEW = 4, CYPROP_LONG_TILE = 64, CYPROP_UNPACKED_LINES = 2 };
    enum { CYPROP_COPY_ROWS = 40, CYPROP_ROW_LINES = 4, CYPROP_NARROW_ROWS = 1 };
    enum { CYPROP_SPARSE_LINES = 7, CYPROP_WHOLE_ROWS = 0 };
#else
    enum { CYPROP_TILE_ROWS = 3, CYPROP_TILE_LINES = 1, CYPROP_TILE_SUMS = 3 };
    enum { CYPROP_STEP_ROWS = 2, CYPROP_STEP_ROWS_OF_FEW = 2, CYPROP_LONG_TILE = 0, CYPROP_UNPACKED_LINES = 0 };
    enum { CYPROP_COPY_ROWS = 16, CYPROP_ROW_LINES = 1, CYPROP_NARROW_ROWS = 1 };
    enum { CYPROP_SPARSE_LINES = 3, CYPROP_WHOLE_ROWS = 0 };
#endif

#if defined(_MSC_VER)
    #define INLINE static __forceinline
    #define CYPROP_APART static __declspec(noinline)
#else
    #define INLINE static inline __attribute__((always_inline, unused))
    #define CYPROP_APART static __attribute__((noinline))
#endif

#include "elementwise.h"

#define REAL float
#define NAMED(name) cyprop_##name##32
#define ELEMENTWISE ROWS
#include "float32.h"
#include "elementary.h"
#include "activations.h"
#undef REAL
#undef NAMED
#undef ELEMENTWISE

#define REAL double
#define NAMED(name) cyprop_##name##64
#define ELEMENTWISE ROWS_AND_TABLE
#include "float64.h"
#include "elementary.h"
#include "activations.h"
#undef REAL
#undef NAMED
#undef ELEMENTWISE

#undef INLINE

#include "sparse.h"
#include "transpose.h"
#include "narrow.h"

#endif
