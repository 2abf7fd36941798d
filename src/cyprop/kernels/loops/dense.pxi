# The dense layer. Rows are samples; W is (n_in, n_out), one row of it an input's weights.
#
# The order of every sum, the same for one sample and for a batch: an element of Z starts from b and
# takes the inputs one after the other, one of dW and db the samples, one of dA_prev the outputs. The
# loops that hold to it are in product.pxi, for many rows, sparse.pxi, for many that are mostly zeros,
# and rows.pxi, for one. Only where the outputs fit a cache line, Z is made of four such sums
# (narrow.pxi).


cdef void rows_forward(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out,
    const floating *A_prev, Py_ssize_t A_prev_stride, const Py_ssize_t *order,
    const floating *W, Py_ssize_t W_stride, const floating *b,
    floating *restrict Z, Py_ssize_t Z_stride,
) noexcept nogil:
    """Z = A_prev · W + b for any number of rows"""
    cdef const floating *samples[SAMPLES]
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating), first = 0, count
    cdef bint sparse = mostly_zeros(n, n_in, n_out, A_prev, A_prev_stride, order)
    while first < n:
        count = list_samples(first, n, A_prev, A_prev_stride, order, samples)
        if n_out < line:
            narrow_columns(count, n_in, n_out, samples, W, W_stride, b, Z, Z_stride)
        elif n_out == line:
            narrow_forward(count, n_in, samples, W, W_stride, b, Z, Z_stride)
        elif sparse:
            rows_of_terms(count, n_in, n_out, samples, W, W_stride, b, Z, Z_stride)
        else:
            product(FORWARD, count, n_in, n_out, samples, W, W_stride, b, 0, Z, Z_stride)
        Z = Z + count * Z_stride
        first += count


cdef void dense_forward(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out,
    const floating *A_prev, Py_ssize_t A_prev_stride, const Py_ssize_t *order,
    const floating *W, Py_ssize_t W_stride, const floating *b,
    floating *restrict Z, Py_ssize_t Z_stride,
) noexcept nogil:
    """Z = A_prev · W + b; the shortest way for one row as it lies in a network."""
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating)
    if n == 1 and order == NULL and n_out == line:
        if W_stride == line or not one_of_few(n_in, A_prev, W, W_stride, b, Z):
            narrow_row(n_in, A_prev, W, W_stride, b, Z)
    elif n == 1 and order == NULL and n_out > line:
        one_row(n_in, n_out, A_prev, W, W_stride, b, Z)
    else:
        rows_forward(n, n_in, n_out, A_prev, A_prev_stride, order, W, W_stride, b, Z, Z_stride)


cdef void products(
    Py_ssize_t n_in, Py_ssize_t n_out, const floating *A_prev, const floating *dZ,
    floating *restrict dW, Py_ssize_t dW_stride,
) noexcept nogil:
    """dW = A_prevᵀ · dZ of one sample"""
    cdef Py_ssize_t k, j
    for k in range(n_in):
        for j in range(n_out):
            dW[k * dW_stride + j] = A_prev[k] * dZ[j] + 0


cdef void dense_backward_W(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out,
    const floating *A_prev, Py_ssize_t A_prev_stride, const Py_ssize_t *order,
    const floating *dZ, Py_ssize_t dZ_stride,
    floating *restrict dW, Py_ssize_t dW_stride,
) noexcept nogil:
    """dW = A_prevᵀ · dZ"""
    cdef const floating *samples[SAMPLES]
    cdef const floating *start = NULL
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating), first = 0, count
    cdef bint sparse = mostly_zeros(n, n_in, n_out, A_prev, A_prev_stride, order)
    while first < n:
        count = list_samples(first, n, A_prev, A_prev_stride, order, samples)
        if sparse:
            columns_of_terms(
                count, n_in, n_out, samples, dZ, dZ_stride, start, dW_stride,
                <const floating *> NULL, dW, dW_stride)
        elif FOUR_LINES and n_out < line <= n_in:
            narrow_gradient(count, n_in, n_out, samples, dZ, dZ_stride, start, dW, dW_stride)
        elif n == 1:
            products(n_in, n_out, samples[0], dZ, dW, dW_stride)
        else:
            product_by_columns(
                BACKWARD_W, n_in, count, n_out, samples, A_prev_stride if order == NULL else 0,
                dZ, dZ_stride, start, dW_stride,
                <const floating *> NULL, dW, dW_stride)
        start = dW
        dZ = dZ + count * dZ_stride
        first += count


cdef inline void sum_columns(
    Py_ssize_t lanes, Py_ssize_t n, const floating *dZ, Py_ssize_t dZ_stride, floating *restrict db,
) noexcept nogil:
    """db = Σ_rows dZ for a few columns, whose sums stay in registers; lanes is a constant in a call.

    In memory each addition would wait for the one before, which costs time where rows are short.
    """
    cdef floating sums[MAX_LANES]
    cdef Py_ssize_t i, lane
    for lane in range(lanes):
        sums[lane] = 0                  # which makes −0 into +0
    for i in range(n):
        for lane in range(lanes):
            sums[lane] = sums[lane] + dZ[i * dZ_stride + lane]
    for lane in range(lanes):
        db[lane] = sums[lane]


cdef void dense_backward_b(
    Py_ssize_t n, Py_ssize_t n_out,
    const floating *dZ, Py_ssize_t dZ_stride, floating *restrict db,
) noexcept nogil:
    """db = Σ_rows dZ"""
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating), i, j = 0
    cdef const floating *dz
    if n == 1 or n_out > 4 * line:
        for j in range(n_out):
            db[j] = 0 + dZ[j]           # which makes −0 into +0
        for i in range(1, n):
            dz = dZ + i * dZ_stride
            for j in range(n_out):
                db[j] = db[j] + dz[j]
        return
    while j + 2 * line <= n_out:
        sum_columns(2 * line, n, dZ + j, dZ_stride, db + j)
        j += 2 * line
    while j + line <= n_out:
        sum_columns(line, n, dZ + j, dZ_stride, db + j)
        j += line
    while j + 4 <= n_out:
        sum_columns(4, n, dZ + j, dZ_stride, db + j)
        j += 4
    while j < n_out:
        sum_columns(1, n, dZ + j, dZ_stride, db + j)
        j += 1


cdef void dense_backward_A(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out, Py_ssize_t n_readable,
    const floating *dZ, Py_ssize_t dZ_stride,
    const floating *W, Py_ssize_t W_stride,
    floating *restrict dA_prev, Py_ssize_t dA_prev_stride,
) noexcept nogil:
    """dA_prev = dZ · Wᵀ, for which rows of dZ and W may be read up to n_readable"""
    cdef const floating *samples[SAMPLES]
    cdef Py_ssize_t first = 0, count
    if n == 1:
        row_of_dots(n_out, n_readable, n_in, dZ, W, W_stride, dA_prev)
        return
    while first < n:
        count = list_samples(first, n, dZ, dZ_stride, <const Py_ssize_t *> NULL, samples)
        product(BACKWARD_A, count, n_out, n_in, samples, W, W_stride, <const floating *> NULL, 0,
                dA_prev + first * dA_prev_stride, dA_prev_stride)
        first += count


cdef inline double largest_in_row(Py_ssize_t n, const floating *a) noexcept nogil:
    """max |a| of one row; as whole numbers, the bits of sizes have their order"""
    cdef uint32_t lanes32[64]
    cdef uint64_t lanes64[8]
    cdef uint32_t size32, most32 = 0
    cdef uint64_t size64, most64 = 0
    cdef Py_ssize_t j = 0, lane
    if floating is float:
        if n >= 64:
            for lane in range(64):
                lanes32[lane] = 0
            while j + 64 <= n:
                for lane in range(64):
                    size32 = bits32(a[j + lane]) & <uint32_t> 0x7fffffff
                    lanes32[lane] = size32 if size32 > lanes32[lane] else lanes32[lane]
                j += 64
            while j + 16 <= n:
                for lane in range(16):
                    size32 = bits32(a[j + lane]) & <uint32_t> 0x7fffffff
                    lanes32[lane] = size32 if size32 > lanes32[lane] else lanes32[lane]
                j += 16
            for lane in range(64):
                most32 = lanes32[lane] if lanes32[lane] > most32 else most32
        while j < n:
            size32 = bits32(a[j]) & <uint32_t> 0x7fffffff
            most32 = size32 if size32 > most32 else most32
            j += 1
        return of_bits32(most32)
    else:
        if n >= 8:
            for lane in range(8):
                lanes64[lane] = 0
            while j + 8 <= n:
                for lane in range(8):
                    size64 = bits64(a[j + lane]) & <uint64_t> 0x7fffffffffffffff
                    lanes64[lane] = size64 if size64 > lanes64[lane] else lanes64[lane]
                j += 8
            for lane in range(8):
                most64 = lanes64[lane] if lanes64[lane] > most64 else most64
        while j < n:
            size64 = bits64(a[j]) & <uint64_t> 0x7fffffffffffffff
            most64 = size64 if size64 > most64 else most64
            j += 1
        return of_bits64(most64)


cdef double largest(
    Py_ssize_t n, Py_ssize_t n_out, const floating *A, Py_ssize_t A_stride, const Py_ssize_t *order,
) noexcept nogil:
    """max |A|, and NaN if there is one; rows without gaps are as good as one"""
    cdef double most = 0, size
    cdef Py_ssize_t i
    if order == NULL and n_out == A_stride:
        n_out *= n
        n = 1
    for i in range(n):
        size = largest_in_row(n_out, A + (order[i] if order != NULL else i) * A_stride)
        if not size <= most:
            if size != size:
                return size
            most = size
    return most
