# The functions of elementary.h and activations.h for both dtypes: a name each that takes either. One
# for a single dtype ends in its number of bits.

cdef extern from "arithmetic.h" nogil:
    float exp32 "cyprop_exp32"(float x)
    double exp64 "cyprop_exp64"(double x)
    float log32 "cyprop_log32"(float x)
    double log64 "cyprop_log64"(double x)
    float expm1_32 "cyprop_expm132"(float x)
    double expm1_64 "cyprop_expm164"(double x)
    float log1p_32 "cyprop_log1p32"(float x)
    double log1p_64 "cyprop_log1p64"(double x)
    float erf32 "cyprop_erf32"(float x)
    double erf64 "cyprop_erf64"(double x)
    float erfc32 "cyprop_erfc32"(float x)
    double erfc64 "cyprop_erfc64"(double x)
    float log1p_exp32 "cyprop_log1p_exp32"(float x)
    double log1p_exp64 "cyprop_log1p_exp64"(double x)
    float sigmoid32 "cyprop_sigmoid32"(float z)
    double sigmoid64 "cyprop_sigmoid64"(double z)
    float tanh32 "cyprop_tanh32"(float z)
    double tanh64 "cyprop_tanh64"(double z)
    float relu32 "cyprop_relu32"(float z)
    double relu64 "cyprop_relu64"(double z)
    void softmax32 "cyprop_softmax32"(Py_ssize_t n, const float *Z, float *A)
    void softmax64 "cyprop_softmax64"(Py_ssize_t n, const double *Z, double *A)
    void log_softmax32 "cyprop_log_softmax32"(Py_ssize_t n, const float *Z, float *A)
    void log_softmax64 "cyprop_log_softmax64"(Py_ssize_t n, const double *Z, double *A)


cdef inline floating exp(floating x) noexcept nogil:
    """e^x"""
    if floating is float:
        return exp32(x)
    else:
        return exp64(x)


cdef inline floating log(floating x) noexcept nogil:
    """ln x for a normal x > 0"""
    if floating is float:
        return log32(x)
    else:
        return log64(x)


cdef inline floating expm1(floating x) noexcept nogil:
    """e^x − 1"""
    if floating is float:
        return expm1_32(x)
    else:
        return expm1_64(x)


cdef inline floating log1p(floating x) noexcept nogil:
    """ln(1 + x)"""
    if floating is float:
        return log1p_32(x)
    else:
        return log1p_64(x)


cdef inline floating erf(floating x) noexcept nogil:
    """2/√π · ∫ e^−t² from 0 to x"""
    if floating is float:
        return erf32(x)
    else:
        return erf64(x)


cdef inline floating erfc(floating x) noexcept nogil:
    """1 − erf x"""
    if floating is float:
        return erfc32(x)
    else:
        return erfc64(x)


cdef inline floating log1p_exp(floating x) noexcept nogil:
    """ln(1 + e^x) for x ≤ 0"""
    if floating is float:
        return log1p_exp32(x)
    else:
        return log1p_exp64(x)


cdef inline floating sigmoid(floating z) noexcept nogil:
    """1 / (1 + e^−z)"""
    if floating is float:
        return sigmoid32(z)
    else:
        return sigmoid64(z)


cdef inline floating tanh(floating z) noexcept nogil:
    """(e^z − e^−z) / (e^z + e^−z)"""
    if floating is float:
        return tanh32(z)
    else:
        return tanh64(z)


cdef inline floating relu(floating z) noexcept nogil:
    """max(z, 0)"""
    if floating is float:
        return relu32(z)
    else:
        return relu64(z)


cdef inline void softmax(Py_ssize_t n, const floating *Z, floating *A) noexcept nogil:
    """e^z / Σ e^z over a row"""
    if floating is float:
        softmax32(n, Z, A)
    else:
        softmax64(n, Z, A)


cdef inline void log_softmax(Py_ssize_t n, const floating *Z, floating *A) noexcept nogil:
    """z − ln Σ e^z over a row"""
    if floating is float:
        log_softmax32(n, Z, A)
    else:
        log_softmax64(n, Z, A)
