/* The dense layer of an exported network: the sums of dense.pxi and narrow.pxi in kernels/loops, in
   plain loops. It is read as elementary.h there is; see that for REAL, NAMED and INLINE. */

/* Z = A_prev * W + b. Each element is summed in order, from b on. W has a row for each input. */
INLINE void NAMED(dense)(
    int n_in, int n_out, const REAL *A_prev, const REAL *W, const REAL *b, REAL *Z)
{
    int k, j;
    for (j = 0; j < n_out; j++)
        Z[j] = b[j];
    for (k = 0; k < n_in; k++, W += n_out)
        for (j = 0; j < n_out; j++)
            Z[j] = NAMED(fma)(A_prev[k], W[j], Z[j]);
    for (j = 0; j < n_out; j++)
        Z[j] = Z[j] + 0; /* never -0 */
}

/* Z = A_prev * W + b for outputs of at most 64 bytes, each of which is made of four sums. */
INLINE void NAMED(dense_narrow)(
    int n_in, int n_out, const REAL *A_prev, const REAL *W, const REAL *b, REAL *Z)
{
    REAL p0[64 / sizeof(REAL)], p1[64 / sizeof(REAL)];
    REAL p2[64 / sizeof(REAL)], p3[64 / sizeof(REAL)];
    int k, j;
    for (j = 0; j < n_out; j++) {
        p0[j] = b[j];
        p1[j] = p2[j] = p3[j] = 0;
    }
    for (k = 0; k + 4 <= n_in; k += 4, W += 4 * n_out)
        for (j = 0; j < n_out; j++) {
            p0[j] = NAMED(fma)(A_prev[k], W[j], p0[j]);
            p1[j] = NAMED(fma)(A_prev[k + 1], W[n_out + j], p1[j]);
            p2[j] = NAMED(fma)(A_prev[k + 2], W[2 * n_out + j], p2[j]);
            p3[j] = NAMED(fma)(A_prev[k + 3], W[3 * n_out + j], p3[j]);
        }
    for (j = 0; j < n_out; j++) {
        if (k < n_in)
            p0[j] = NAMED(fma)(A_prev[k], W[j], p0[j]);
        if (k + 1 < n_in)
            p1[j] = NAMED(fma)(A_prev[k + 1], W[n_out + j], p1[j]);
        if (k + 2 < n_in)
            p2[j] = NAMED(fma)(A_prev[k + 2], W[2 * n_out + j], p2[j]);
        Z[j] = (p0[j] + p1[j]) + (p2[j] + p3[j]);
    }
}
