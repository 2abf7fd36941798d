/* LIBXSMM's kernels, made for a shape while it runs, in a loop. It has no kernel for a first factor
   that is transposed, so that one is turned each time, which is counted. */

#include <libxsmm.h>

static float *turned;
static size_t turned_size;

static libxsmm_smmfunction kernel(const char *letters, const long long *sizes) {
    const float one = 1, zero = 0;
    const int flags = letters[1] == 'T' ? LIBXSMM_GEMM_FLAG_TRANS_B : LIBXSMM_GEMM_FLAG_NONE;
    const int m = sizes[0], n = sizes[1], k = sizes[2], ldb = sizes[4], ldc = sizes[5];
    const int lda = letters[0] == 'T' ? m : sizes[3];
    return libxsmm_smmdispatch(m, n, k, &lda, &ldb, &ldc, &one, &zero, &flags, 0);
}

/* Whether there is a kernel for that product. */
int xsmm_has(const char *letters, const long long *sizes) {
    libxsmm_init();
    return kernel(letters, sizes) != 0;
}

void xsmm_loop(long repeats, const char *letters, const long long *sizes, const float *a,
               const float *b, float *c) {
    const libxsmm_smmfunction call = kernel(letters, sizes);
    const size_t size = sizes[0] * sizes[2] * sizeof(float);
    if (letters[0] == 'T' && size > turned_size) {
        libxsmm_free(turned);
        turned = libxsmm_aligned_malloc(size, 64);
        turned_size = size;
    }
    for (long i = 0; i < repeats; i++) {
        const float *first = a;
        if (letters[0] == 'T') {
            libxsmm_otrans(turned, a, sizeof(float), sizes[2], sizes[0], sizes[3], sizes[0]);
            first = turned;
        }
        call(first, b, c);
    }
}
