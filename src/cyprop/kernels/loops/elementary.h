/* exp, sigmoid, tanh, log and their like without libm. Compilers need no branches for them, so a
   loop over them vectorises. They do the same operations in the same order at every vector width,
   so that the bits are the same.

       exp(x) = 2^n * e^r,  n = round(x / ln 2),  r = x - n * ln 2 in two parts,
                            e^r = 1 + r + r^2 * P(r)
       expm1(x) = 2^n * (e^r - 1) + (2^n - 1),  e^r - 1 = r + r^2 * P(r)
       sigmoid(x) = (1 or e) / (1 + e),  e = exp(-|x|) <= 1, so nothing overflows
       tanh(x) = x + x^3 * Q(x^2) near 0, else 1 - 2 / (exp(2|x|) + 1), with the sign of x
       log1p(x) = n * ln 2 + ln(1 + f),  1 + f = (1 + x) / 2^n rounded once
       erfc(x) = e^(-x^2) * P(q) / (x + k),  q = (x - k) / (x + k), x^2 in two parts
       erf(x) = x + x * Q(x^2) near 0, else 1 - erfc(|x|), with the sign of x

   P and Q minimise the largest relative error over their range (Remez's exchange, 40 digits).
   Adding and subtracting 1.5 * 2^23 (1.5 * 2^52) rounds to an integer and leaves it in the low
   bits; 2^n is multiplied in as two halves, so that results below the normal range round only
   once. In a tiny network each operation here waits for the one before, so P is summed in pairs,
   and the second half of 2^n is left to the caller, who can multiply and add at once. A NaN passes
   through all of it.

   The kernels include this file twice, between float32.h (float64.h) and activations.h, with
   macros that say what REAL, INLINE and NAMED(name) are. formats/c_code.py reads the same files as
   text and writes the functions that a network needs into its C header. It expects a comment above
   each function, and INLINE and the closing brace at the beginning of a line.

   A product that is added to something is written NAMED(fma), here and in the other files, unless
   it is exact: else a compiler of the exported header might fuse the two, and change the bits. */

/* e^x, at most 2 ULP off; exact at 0 and +-inf. */
INLINE REAL NAMED(exp)(REAL x)
{
    REAL factor;
    REAL y = NAMED(exp_but_for)(x, &factor);
    return y * factor;
}

/* e^-|x| */
INLINE REAL NAMED(exp_of_minus)(REAL x)
{
    return NAMED(exp)(-NAMED(absolute)(x));
}

/* e^x for x < 0, and 1 above. Were the choice made by a comparison, GCC would take e^-110 where it
   needs no e^x, and that is below the normal range and slow. */
INLINE REAL NAMED(exp_below)(REAL x)
{
    return NAMED(exp)((REAL)0.5 * (x - NAMED(absolute)(x)));
}

/* ln(1 + e^x) for x <= 0; what 1 + e^x rounds away is put back. */
INLINE REAL NAMED(log1p_exp)(REAL x)
{
    REAL e = NAMED(exp)(x);
    REAL u = 1 + e;
    return NAMED(log)(u) + (e - (u - 1)) / u;
}

/* 1 / (1 + e^-z), at most 2 ULP off, never outside [0, 1]. */
INLINE REAL NAMED(sigmoid)(REAL z)
{
    REAL factor;
    REAL half = NAMED(exp_but_for)(-NAMED(absolute)(z), &factor);
    REAL e = half * factor;
    REAL y = (z < 0 ? e : 1) / NAMED(fma)(half, factor, 1);
    return z < 0 ? NAMED(fma)(-e, y, e) : y; /* e - e * y is y, rounded once less for small e */
}

/* (e^z - e^-z) / (e^z + e^-z), at most 2 ULP off, never outside [-1, 1]. From 20 on it rounds to 1. */
INLINE REAL NAMED(tanh)(REAL z)
{
    REAL size = NAMED(absolute)(z), u = z * z, clipped = size, y;
    if (clipped > 20)
        clipped = 20;
    y = 1 - 2 / (NAMED(exp_to_forty)(clipped + clipped) + 1);
    if (size < (REAL)0.55) /* clang is slower with a conditional expression */
        y = NAMED(fma)(size * u, NAMED(tanh_polynomial)(u), size);
    return NAMED(copy_sign)(y, z);
}

/* ln(1 + x), at most 2 ULP off; -inf at -1 and NaN below. */
INLINE REAL NAMED(log1p)(REAL x)
{
    REAL first, second, n = NAMED(exponent)(1 + x, &first, &second);
    REAL f = NAMED(fma)(x * first, second, NAMED(fma)(first, second, -1));
    REAL s = f / (2 + f), u = s * s, half = (REAL)0.5 * f * f;
    REAL y = f - NAMED(fma)(-s, NAMED(fma)(u, NAMED(log1p_polynomial)(u), half), half);
    y = NAMED(fma)(n, (REAL)0.6931471805599453, y);
    if (x <= -1)
        y = x == -1 ? -(REAL)INFINITY : (REAL)NAN;
    return x < (REAL)INFINITY ? NAMED(copy_sign)(y, x) : x;
}

/* 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x, at most 2 ULP off (3 in float64). */
INLINE REAL NAMED(erf)(REAL x)
{
    REAL size = NAMED(absolute)(x);
    REAL y = 1 - NAMED(erfc)(size);
    if (size < (REAL)0.75)
        y = NAMED(fma)(size, NAMED(erf_polynomial)(size * size), size);
    return NAMED(copy_sign)(y, x);
}
