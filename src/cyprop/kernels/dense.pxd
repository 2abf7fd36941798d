from cython cimport floating

cpdef forward(
    const floating[:, :] A_prev, const floating[:, :] W, const floating[:] b, floating[:, :] Z)
cpdef forward_one(
    const floating[:] A_prev, const floating[:, :] W, const floating[:] b, floating[:] Z)
cpdef backward_W(const floating[:, :] A_prev, const floating[:, :] dZ, floating[:, :] dW)
cpdef backward_W_one(const floating[:] A_prev, const floating[:] dZ, floating[:, :] dW)
cpdef backward_b(const floating[:, :] dZ, floating[:] db)
cpdef backward_b_one(const floating[:] dZ, floating[:] db)
cpdef backward_A(const floating[:, :] dZ, const floating[:, :] W, floating[:, :] dA_prev)
cpdef backward_A_one(const floating[:] dZ, const floating[:, :] W, floating[:] dA_prev)
