from cython cimport floating

cpdef weigh(const double[:] weights, double weight, Py_ssize_t n_batch, floating[:, :] dA)
cpdef double penalty(const floating[:, :] W, double l1, double l2) except? -1
cpdef add_penalty(const floating[:, :] W, floating[:, :] dW, double l1, double l2)
cpdef squares_of_blocks(const floating[:, :] dW, double[:] sums)
cpdef clip(floating[:] dW, double bound)
cpdef scale(floating[:] dW, double factor)
