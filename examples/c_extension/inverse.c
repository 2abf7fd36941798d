/* Which input gives this output? Found by gradient descent through the network, without the GIL. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <cyprop.h>

static const cyprop_api *api;

/* Numbers of a sequence into memory for n of them; NULL with an exception set if it has others. */
static double *numbers(PyObject *sequence, ptrdiff_t n)
{
    PyObject *items = PySequence_Fast(sequence, "expected a sequence of numbers");
    if (items == NULL) return NULL;
    double *values = PyMem_Malloc(n * sizeof(double));
    if (values == NULL) {
        PyErr_NoMemory();
    } else if (PySequence_Fast_GET_SIZE(items) != n) {
        PyErr_Format(PyExc_ValueError, "expected %zd numbers", (Py_ssize_t)n);
    } else {
        for (ptrdiff_t i = 0; i < n; i++)
            values[i] = PyFloat_AsDouble(PySequence_Fast_GET_ITEM(items, i));
    }
    Py_DECREF(items);
    if (PyErr_Occurred()) {
        PyMem_Free(values);
        return NULL;
    }
    return values;
}

/* n_steps of x -= rate * gradient of |A - y|^2 / 2, whose dA is A - y; needs no Python. */
static int descend(const struct cyprop_model *model, ptrdiff_t n_in, ptrdiff_t n_out, double *x,
                   const double *y, double rate, long n_steps, double *A, double *dX, void *scratch)
{
    for (long step = 0; step < n_steps; step++) {
        int code = api->predict_float64(model, x, A, scratch);
        for (ptrdiff_t i = 0; i < n_out; i++) A[i] -= y[i];
        if (code == CYPROP_OK) code = api->input_gradient_float64(model, 1, x, A, dX, scratch);
        if (code != CYPROP_OK) return code;
        for (ptrdiff_t i = 0; i < n_in; i++) x[i] -= rate * dX[i];
    }
    return CYPROP_OK;
}

static PyObject *inverse_find(PyObject *module, PyObject *args)
{
    PyObject *handle, *start, *target;
    double rate;
    long n_steps;
    (void)module;
    if (!PyArg_ParseTuple(args, "OOOdl:find", &handle, &start, &target, &rate, &n_steps))
        return NULL;
    const struct cyprop_model *model = api->model_of(handle);
    if (model == NULL) return NULL;
    ptrdiff_t n_in = api->n_inputs(model), n_out = api->n_outputs(model);

    PyObject *found = NULL;
    int code = CYPROP_OK;
    double *x = numbers(start, n_in);
    double *y = x == NULL ? NULL : numbers(target, n_out);
    double *A = PyMem_Malloc(n_out * sizeof(double));
    double *dX = PyMem_Malloc(n_in * sizeof(double));
    void *scratch = PyMem_Malloc(api->scratch_size(model, 1));
    if (x != NULL && y != NULL) {
        if (A == NULL || dX == NULL || scratch == NULL) {
            PyErr_NoMemory();
        } else {
            Py_BEGIN_ALLOW_THREADS /* args keeps the handle, and so the network, alive */
            code = descend(model, n_in, n_out, x, y, rate, n_steps, A, dX, scratch);
            Py_END_ALLOW_THREADS
            if (code != CYPROP_OK)
                PyErr_SetString(PyExc_RuntimeError, api->error_message(code));
            else
                found = PyList_New(n_in);
        }
    }
    for (ptrdiff_t i = 0; found != NULL && i < n_in; i++) {
        PyObject *number = PyFloat_FromDouble(x[i]);
        if (number == NULL)
            Py_CLEAR(found);
        else
            PyList_SET_ITEM(found, i, number);
    }
    PyMem_Free(x);
    PyMem_Free(y);
    PyMem_Free(A);
    PyMem_Free(dX);
    PyMem_Free(scratch);
    return found;
}

static PyMethodDef methods[] = {
    {"find", inverse_find, METH_VARARGS,
     "find(handle, start, target, rate, n_steps): the input that gives about the target"},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "inverse", .m_size = -1, .m_methods = methods};

PyMODINIT_FUNC PyInit_inverse(void)
{
    api = cyprop_import();
    return api == NULL ? NULL : PyModule_Create(&definition);
}
