/* The terms of losses in float64, a part of a batch at a time, so that an exp or a log of them takes
   whole vectors; their sums are in order. Each function is compiled once for all losses. */

#ifndef CYPROP_TERMS_H
#define CYPROP_TERMS_H

#include <stddef.h>

enum {
    CYPROP_VECTOR = 8,                       /* float64 */
    CYPROP_TERMS = 128,                      /* of a part, at most */
    CYPROP_ROOM = CYPROP_TERMS + CYPROP_VECTOR, /* for them, and what the last vector has beyond */
    CYPROP_FEW = 4                           /* for so many a vector is not worth its filling */
};

struct cyprop_part { /* whole rows, or some columns of one */
    ptrdiff_t top, bottom;
    ptrdiff_t left, right;
};

/* Go on to the part that comes next, from all 0 to the first; 0 if there is none. */
static inline int cyprop_next_part(struct cyprop_part *part, ptrdiff_t n, ptrdiff_t n_out)
{
    if (0 < part->right && part->right < n_out) {
        part->left = part->right;
    } else {
        ptrdiff_t rows = n;
        if (n * n_out > CYPROP_TERMS) /* one row would feel the division */
            rows = n_out < CYPROP_TERMS ? CYPROP_TERMS / n_out : 1;
        part->left = 0;
        part->top = part->bottom;
        part->bottom = part->top + rows < n ? part->top + rows : n;
    }
    part->right = part->left + CYPROP_TERMS < n_out ? part->left + CYPROP_TERMS : n_out;
    return part->top < n;
}

/* n rounded up to whole vectors. */
static inline ptrdiff_t cyprop_whole_vectors(ptrdiff_t n)
{
    return (n + CYPROP_VECTOR - 1) & -(ptrdiff_t)CYPROP_VECTOR;
}

/* What a last vector has beyond n. */
static inline void cyprop_zeros_behind(ptrdiff_t n, double *x)
{
    for (int k = 0; k < CYPROP_VECTOR; k++) x[n + k] = 0;
}

/* The numbers of a part, one behind the other; how many they are. */
#define CYPROP_READ_PART(SUFFIX, REAL)                                                             \
    CYPROP_APART ptrdiff_t cyprop_read_part##SUFFIX(                                               \
        const struct cyprop_part *part, const REAL *rows, ptrdiff_t stride, double *terms)         \
    {                                                                                              \
        ptrdiff_t k = 0;                                                                           \
        for (ptrdiff_t i = part->top; i < part->bottom; i++)                                       \
            for (ptrdiff_t j = part->left; j < part->right; j++) terms[k++] = rows[i * stride + j]; \
        cyprop_zeros_behind(k, terms);                                                             \
        return k;                                                                                  \
    }

CYPROP_READ_PART(32, float)
CYPROP_READ_PART(64, double)

/* C = 1/N_out * sum of the terms of a row, part by part. */
CYPROP_APART void cyprop_add_means(
    const struct cyprop_part *part, ptrdiff_t n_out, const double *terms, double *C)
{
    ptrdiff_t k = 0;
    for (ptrdiff_t i = part->top; i < part->bottom; i++) {
        double total = part->left ? C[i] : 0;
        for (ptrdiff_t j = part->left; j < part->right; j++) total = total + terms[k++];
        C[i] = part->right == n_out ? total / (double)n_out : total;
    }
}

/* A function of each term: one by one where they are few, since a vector of what was written number by
   number would have to wait until all of it is in the cache. */
#if defined(_MSC_VER)
    #define CYPROP_ONE_BY_ONE() ((void)0)
#else
    #define CYPROP_ONE_BY_ONE() __asm__ volatile("") /* no vectors of several passes */
#endif

#define CYPROP_OF_EACH(name)                                                                       \
    CYPROP_APART void cyprop_##name##_of_each(ptrdiff_t n, double *x)                              \
    {                                                                                              \
        if (n < CYPROP_FEW)                                                                        \
            for (ptrdiff_t k = 0; k < n; k++) {                                                    \
                x[k] = cyprop_##name##64(x[k]);                                                    \
                CYPROP_ONE_BY_ONE();                                                               \
            }                                                                                      \
        else                                                                                       \
            for (ptrdiff_t k = 0; k < cyprop_whole_vectors(n); k++)                                \
                x[k] = cyprop_##name##64(x[k]);                                                    \
    }

CYPROP_OF_EACH(exp)
CYPROP_OF_EACH(log)
CYPROP_OF_EACH(log1p_exp)

#endif
