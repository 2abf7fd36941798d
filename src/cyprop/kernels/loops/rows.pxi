# C = start + A · B for one row: a matrix-vector product, whose cost is one read of B.
#
# The sums are those of product.pxi, in the same order. Narrow rows of C stay in registers for all
# terms; wide ones take eight rows of B at a time. Where many elements of A are zero, the others
# are listed first and only their rows of B are read.


cdef inline Py_ssize_t count_zeros(
    Py_ssize_t n, Py_ssize_t n_columns, const floating *A, Py_ssize_t A_stride,
) noexcept nogil:
    cdef Py_ssize_t i, j, total = 0
    cdef int zeros
    for i in range(n):
        zeros = 0
        for j in range(n_columns):
            zeros += A[i * A_stride + j] == 0
        total += zeros
    return total


cdef inline Py_ssize_t list_nonzero(
    Py_ssize_t n, const floating *A, Py_ssize_t A_step, int *restrict index,
) noexcept nogil:
    """Where A is not zero, at n places; how many are found. Zeros come in runs, skipped by eights;
    the rest has no branch to be mispredicted."""
    cdef Py_ssize_t i = 0, end, found = 0
    while i < n:
        end = min(n, i + 8)
        if A_step == 1 and i + 8 <= n and eight_zeros(A + i):
            i = end
        while i < end:
            index[found] = <int> i
            found += is_nonzero(A[i * A_step])
            i += 1
    return found


cdef inline bint mostly_zeros(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out, const floating *A_prev, Py_ssize_t stride,
) noexcept nogil:
    """Whether visiting only the terms that are not zero beats the tiles."""
    return n_out >= SPARSE_COLUMNS and 10 * count_zeros(n, n_in, A_prev, stride) > 7 * n * n_in


cdef inline void add_eight(
    const floating *a, const int *index, Py_ssize_t n_columns,
    const floating *B, Py_ssize_t B_stride, floating *restrict C,
) noexcept nogil:
    """C += Σ a[t] · B[index[t]] for eight terms."""
    cdef const floating *b0 = B + index[0] * B_stride
    cdef const floating *b1 = B + index[1] * B_stride
    cdef const floating *b2 = B + index[2] * B_stride
    cdef const floating *b3 = B + index[3] * B_stride
    cdef const floating *b4 = B + index[4] * B_stride
    cdef const floating *b5 = B + index[5] * B_stride
    cdef const floating *b6 = B + index[6] * B_stride
    cdef const floating *b7 = B + index[7] * B_stride
    cdef floating a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3]
    cdef floating a4 = a[4], a5 = a[5], a6 = a[6], a7 = a[7]
    cdef floating total
    cdef Py_ssize_t column
    for column in range(n_columns):
        total = fma(a0, b0[column], C[column])
        total = fma(a1, b1[column], total)
        total = fma(a2, b2[column], total)
        total = fma(a3, b3[column], total)
        total = fma(a4, b4[column], total)
        total = fma(a5, b5[column], total)
        total = fma(a6, b6[column], total)
        C[column] = fma(a7, b7[column], total)


cdef void row_of_terms(
    Py_ssize_t n_terms, Py_ssize_t n_columns,
    const floating *A, Py_ssize_t A_step, const floating *B, Py_ssize_t B_stride,
    const floating *start, floating *restrict C,
) noexcept nogil:
    """One row of C = start + A · B, eight rows of B at a time, those passed over where A is zero."""
    cdef int index[LIST_SIZE + 8]
    cdef floating a[8]
    cdef Py_ssize_t term = 0, terms, n, i, t
    for i in range(n_columns):
        C[i] = start[i] if start != NULL else 0
    while term < n_terms:
        terms = min(n_terms - term, <Py_ssize_t> LIST_SIZE)
        n = list_nonzero(terms, A + term * A_step, A_step, index)
        for i in range(8):
            index[n + i] = <int> terms - 1     # fills up the last eight, with a = 0
        i = 0
        while i < n:
            for t in range(8):
                a[t] = A[(term + index[i + t]) * A_step] if i + t < n else 0
            add_eight(a, index + i, n_columns, B + term * B_stride, B_stride, C)
            i += 8
        term += terms
    for i in range(n_columns):
        C[i] = C[i] + 0


cdef void row_of_dots(
    Py_ssize_t n_terms, Py_ssize_t n_columns,
    const floating *A, const floating *B, Py_ssize_t B_stride, floating *restrict C,
) noexcept nogil:
    """One row of C = A · Bᵀ: up to 32 rows of B side by side."""
    cdef floating total
    cdef Py_ssize_t column = 0, column_end, k, t, term, whole = n_terms // 4 * 4
    cdef int rows
    while column < n_columns:
        rows = 32 if column + 32 <= n_columns else 8 if column + 8 <= n_columns else 1
        column_end = column + rows
        for k in range(column, column_end):
            C[k] = 0
        term = 0
        if rows > 1:
            if floating is float:
                add_turned32(rows, whole, B + column * B_stride, B_stride, A, C + column)
            else:
                add_turned64(rows, whole, B + column * B_stride, B_stride, A, C + column)
            term = whole
        for k in range(column, column_end):
            total = C[k]
            for t in range(term, n_terms):
                total = fma(A[t], B[k * B_stride + t], total)
            C[k] = total + 0
        column = column_end


cdef inline void row_in_registers(
    Py_ssize_t lanes, Py_ssize_t n_terms,
    const floating *A, const floating *B, Py_ssize_t B_stride, const floating *start,
    floating *restrict C,
) noexcept nogil:
    """C = start + A · B for one row and `lanes` columns, a constant in a call."""
    cdef floating sums[MAX_LANES]
    cdef Py_ssize_t term, lane
    for lane in range(lanes):
        sums[lane] = start[lane]
    for term in range(n_terms):
        for lane in range(lanes):
            sums[lane] = fma(A[term], B[term * B_stride + lane], sums[lane])
    for lane in range(lanes):
        C[lane] = sums[lane] + 0


cdef void one_row(
    Py_ssize_t n_terms, Py_ssize_t n_columns,
    const floating *A, const floating *B, Py_ssize_t B_stride, const floating *start,
    floating *restrict C,
) noexcept nogil:
    """One row of C = start + A · B, in one read of B: all its columns side by side in registers if
    they fit, otherwise several rows of B at a time."""
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating)
    cdef Py_ssize_t lines = n_columns // line
    if lines > 8 or (n_terms >= LONG_ROW and 4 * count_zeros(1, n_terms, A, 0) > n_terms):
        lines = 0
    elif lines == 1:
        row_in_registers(line, n_terms, A, B, B_stride, start, C)
    elif lines == 2:
        row_in_registers(2 * line, n_terms, A, B, B_stride, start, C)
    elif lines == 3:
        row_in_registers(3 * line, n_terms, A, B, B_stride, start, C)
    elif lines == 4:
        row_in_registers(4 * line, n_terms, A, B, B_stride, start, C)
    elif lines == 5:
        row_in_registers(5 * line, n_terms, A, B, B_stride, start, C)
    elif lines == 6:
        row_in_registers(6 * line, n_terms, A, B, B_stride, start, C)
    elif lines == 7:
        row_in_registers(7 * line, n_terms, A, B, B_stride, start, C)
    elif lines == 8:
        row_in_registers(8 * line, n_terms, A, B, B_stride, start, C)
    lines *= line
    if lines < n_columns:
        row_of_terms(n_terms, n_columns - lines, A, 1, B + lines, B_stride, start + lines, C + lines)
