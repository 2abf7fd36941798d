/* The kernels of an activation that takes each element for itself: loops over rows, written once.
   arithmetic.h includes activations.h for each dtype, float32 first, with what ELEMENTWISE is then.

   ROWS makes a dtype's two kernels. `value` is A in terms of z, and `error` is dZ in terms of z, a
   and dA. Both are calls of functions that are always inlined, so that the loops compile as if they
   were written for the one activation. */

#if defined(_MSC_VER)
    #define KERNEL static
#else
    #define KERNEL static __attribute__((unused))
#endif

typedef void (*cyprop_activation_forward)(
    ptrdiff_t n, ptrdiff_t n_out, const void *Z, void *A, ptrdiff_t A_stride,
    const double *hyperparameters);
typedef void (*cyprop_activation_backward)(
    ptrdiff_t n, ptrdiff_t n_out, const void *Z, const void *A, ptrdiff_t A_stride, const void *dA,
    void *dZ, ptrdiff_t dZ_stride, const double *hyperparameters);

struct cyprop_elementwise { /* of float32 [0] and float64 [1] */
    cyprop_activation_forward forward[2];
    cyprop_activation_backward backward[2];
};

#define ROWS(name, value, error) \
    KERNEL void NAMED(name##_forward_rows)( \
        ptrdiff_t n, ptrdiff_t n_out, const void *Z, void *A, ptrdiff_t A_stride, \
        const double *hyperparameters) \
    { \
        const REAL h = (REAL)hyperparameters[0]; \
        ptrdiff_t i, j; \
        for (i = 0; i < n; i++) \
            for (j = i * A_stride; j < i * A_stride + n_out; j++) { \
                const REAL z = ((const REAL *)Z)[j]; \
                ((REAL *)A)[j] = value; \
            } \
        (void)h; \
    } \
    KERNEL void NAMED(name##_backward_rows)( \
        ptrdiff_t n, ptrdiff_t n_out, const void *Z, const void *A, ptrdiff_t A_stride, \
        const void *rows_of_dA, void *rows_of_dZ, ptrdiff_t dZ_stride, \
        const double *hyperparameters) \
    { \
        const REAL h = (REAL)hyperparameters[0]; \
        ptrdiff_t i, j; \
        for (i = 0; i < n; i++) \
            for (j = 0; j < n_out; j++) { \
                const REAL z = ((const REAL *)Z)[i * A_stride + j]; \
                const REAL a = ((const REAL *)A)[i * A_stride + j]; \
                const REAL dA = ((const REAL *)rows_of_dA)[i * dZ_stride + j]; \
                ((REAL *)rows_of_dZ)[i * dZ_stride + j] = error; \
                (void)z; \
                (void)a; \
            } \
        (void)h; \
    }

#define ROWS_AND_TABLE(name, value, error) \
    ROWS(name, value, error) \
    KERNEL const struct cyprop_elementwise cyprop_##name = { \
        {cyprop_##name##_forward_rows32, cyprop_##name##_forward_rows64}, \
        {cyprop_##name##_backward_rows32, cyprop_##name##_backward_rows64}, \
    };
