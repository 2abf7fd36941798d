from cython cimport floating

cpdef drop(
    const floating[:, :] A, floating[:, :] M, floating[:, :] D, double rate,
    unsigned long long seed, long long update, Py_ssize_t layer, Py_ssize_t first=*)
cpdef silence(const floating[:, :] M, floating[:, :] dA)
