/* cyprop from C, without the GIL; docs/embedding.md explains it.

   Include Python.h first to have cyprop_import. A program may pass the pointer it returns, and
   models, to C code that knows nothing of Python. What returns an int or a count returns one of the
   negative codes if something is wrong. */

#ifndef CYPROP_H
#define CYPROP_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CYPROP_API_VERSION 1 /* another number: functions were removed or mean something else */

enum {
    CYPROP_OK = 0,
    CYPROP_NULL_POINTER = -1,
    CYPROP_STALE = -2,
    CYPROP_WRONG_DTYPE = -3,
    CYPROP_NEGATIVE_COUNT = -4,
    CYPROP_MISALIGNED = -5,
    CYPROP_NOT_FINITE = -6,
    CYPROP_BUSY = -7,
    CYPROP_HALF_UPDATED = -8,
    CYPROP_BAD_WEIGHT = -9
};

enum { CYPROP_FLOAT32 = 32, CYPROP_FLOAT64 = 64 };

struct cyprop_model;
struct _object; /* PyObject */

typedef struct cyprop_api {
    int version;
    size_t size; /* of this struct; new functions are added at its end */

    /* What Network.handle() returns, as a pointer. Needs the GIL; NULL with TypeError set for
       anything else. */
    struct cyprop_model *(*model_of)(struct _object *handle);

    /* One English sentence, never NULL. */
    const char *(*error_message)(int code);

    ptrdiff_t (*n_inputs)(const struct cyprop_model *model);
    ptrdiff_t (*n_outputs)(const struct cyprop_model *model);
    ptrdiff_t (*n_parameters)(const struct cyprop_model *model);
    int (*dtype)(const struct cyprop_model *model); /* CYPROP_FLOAT32 or CYPROP_FLOAT64 */

    /* Bytes that are enough for each function below with up to n rows, from any address. */
    ptrdiff_t (*scratch_size)(const struct cyprop_model *model, ptrdiff_t n);

    /* One row: x (n_inputs) gives out (n_outputs). */
    int (*predict_float32)(
        const struct cyprop_model *model, const float *x, float *out, void *scratch);
    int (*predict_float64)(
        const struct cyprop_model *model, const double *x, double *out, void *scratch);

    /* n rows: X (n, n_inputs) gives out (n, n_outputs). */
    int (*predict_rows_float32)(
        const struct cyprop_model *model, ptrdiff_t n, const float *X, float *out, void *scratch);
    int (*predict_rows_float64)(
        const struct cyprop_model *model, ptrdiff_t n, const double *X, double *out, void *scratch);

    /* One update from one sample, x (n_inputs) and y (n_outputs; half as many for gaussian_nll); loss
       is that before it. If it is CYPROP_NOT_FINITE, there was no update. */
    int (*learn_one_float32)(
        struct cyprop_model *model, const float *x, const float *y, double *loss, void *scratch);
    int (*learn_one_float64)(
        struct cyprop_model *model, const double *x, const double *y, double *loss, void *scratch);

    /* dX = dA . dA/dX of each of n rows: dA (n, n_outputs) gives dX (n, n_inputs). */
    int (*input_gradient_float32)(
        const struct cyprop_model *model, ptrdiff_t n, const float *X, const float *dA, float *dX,
        void *scratch);
    int (*input_gradient_float64)(
        const struct cyprop_model *model, ptrdiff_t n, const double *X, const double *dA, double *dX,
        void *scratch);

    /* learn_one by weight times the gradient; weight is finite and at least 0. */
    int (*learn_weighted_float32)(
        struct cyprop_model *model, const float *x, const float *y, double weight, double *loss,
        void *scratch);
    int (*learn_weighted_float64)(
        struct cyprop_model *model, const double *x, const double *y, double weight, double *loss,
        void *scratch);
} cyprop_api;

#define CYPROP_CAPSULE "cyprop._C_API"

#ifdef Py_PYTHON_H
/* Import cyprop and find its functions. Needs the GIL; NULL with an exception set if there is no
   cyprop, or one with another API. The pointer stays valid until the process ends. */
static inline const cyprop_api *cyprop_import(void)
{
    const cyprop_api *api = (const cyprop_api *)PyCapsule_Import(CYPROP_CAPSULE, 0);
    if (api == NULL) return NULL;
    if (api->version != CYPROP_API_VERSION) {
        PyErr_Format(PyExc_ImportError, "cyprop has version %d of its C API, expected %d",
                     api->version, CYPROP_API_VERSION);
        return NULL;
    }
    if (api->size < sizeof(cyprop_api)) {
        PyErr_SetString(PyExc_ImportError,
                        "cyprop is older than the cyprop.h that this module was compiled with");
        return NULL;
    }
    return api;
}
#endif

#ifdef __cplusplus
}
#endif
#endif
