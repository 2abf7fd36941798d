/* exp, sigmoid, tanh and log without libm, and the activations. Compilers need no branches for
   them, so a loop over them vectorises. They do the same operations in the same order at every vector
   width, so that the bits are the same.

       exp(x) = 2^n * e^r,  n = round(x / ln 2),  r = x - n * ln 2 in two parts,
                            e^r = 1 + r + r^2 * P(r)
       sigmoid(x) = (1 or e) / (1 + e),  e = exp(-|x|) <= 1, so nothing overflows
       tanh(x) = x + x^3 * Q(x^2) near 0, else 1 - 2 / (exp(2|x|) + 1), with the sign of x

   P and Q minimise the largest relative error over their range (Remez's exchange, 40 digits).
   Adding and subtracting 1.5 * 2^23 (1.5 * 2^52) rounds to an integer and leaves it in the low
   bits; 2^n is multiplied in as two halves, so that results below the normal range round only
   once. In a tiny network each operation here waits for the one before, so P is summed in pairs,
   and the second half of 2^n is left to the caller, who can multiply and add at once. A NaN passes
   through all of it.

   The kernels include this file twice, behind float32.h and float64.h, with macros that say what
   REAL, INLINE and NAMED(name) are. formats/c_code.py reads the same three files as text and writes
   the functions that a network needs into its C header. It expects a comment above each function,
   and INLINE and the closing brace at the beginning of a line.

   An activation's function has the activation's name. It takes z or, if it couples the units of a
   row, (ptrdiff_t n, const REAL *Z, REAL *A), where Z may be A; then each hyperparameter as a REAL.
   Its name for the loops is in elementary.pxi. */

/* e^x, at most 2 ULP off; exact at 0 and +-inf. */
INLINE REAL NAMED(exp)(REAL x)
{
    REAL factor;
    REAL y = NAMED(exp_but_for)(x, &factor);
    return y * factor;
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

/* (e^z - e^-z) / (e^z + e^-z), at most 2 ULP off, never outside [-1, 1]. */
INLINE REAL NAMED(tanh)(REAL z)
{
    REAL size = NAMED(absolute)(z), u = z * z, factor;
    REAL half = NAMED(exp_but_for)(size + size, &factor);
    REAL y = 1 - 2 / NAMED(fma)(half, factor, 1);
    if (size < (REAL)0.55) /* clang is slower with a conditional expression */
        y = NAMED(fma)(size * u, NAMED(tanh_polynomial)(u), size);
    return NAMED(copy_sign)(y, z);
}

/* max(z, 0), and NaN for NaN. */
INLINE REAL NAMED(relu)(REAL z)
{
    return z <= 0 ? 0 : z;
}

/* e^z / sum of e^z over a row. The largest z is taken from each first: nothing overflows. */
INLINE void NAMED(softmax)(ptrdiff_t n, const REAL *Z, REAL *A)
{
    REAL largest = Z[0], total = 0;
    ptrdiff_t j;
    for (j = 1; j < n; j++)
        largest = Z[j] > largest ? Z[j] : largest;
    for (j = 0; j < n; j++)
        A[j] = NAMED(exp)(Z[j] - largest);
    for (j = 0; j < n; j++)
        total = total + A[j];
    for (j = 0; j < n; j++)
        A[j] = A[j] / total;
}
