/* A loop over the gemm of any BLAS, so that calling it from Python is not what is timed. */

typedef long long word;
typedef void gemm(
    const char *, const char *, const word *, const word *, const word *, const void *,
    const void *, const word *, const void *, const word *, const void *, void *, const word *,
    long, long);

/* sizes: m, n, k, then what lies between two columns of a, b and c. The two numbers at the end are
   the lengths of the letters, which Fortran expects and C leaves out. */
void gemm_loop(long repeats, gemm *call, const char *letters, const word *sizes, const void *one,
               const void *zero, const void *a, const void *b, void *c) {
    for (long i = 0; i < repeats; i++)
        call(letters, letters + 1, sizes, sizes + 1, sizes + 2, one, a, sizes + 3, b, sizes + 4,
             zero, c, sizes + 5, 1, 1);
}
