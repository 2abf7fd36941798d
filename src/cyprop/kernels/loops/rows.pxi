# C = start + A · B for one row: a matrix-vector product, whose cost is one read of B.
#
# The sums are those of product.pxi, in the same order. Those of some lines of columns stay in
# registers while all terms go by. Where many elements of A are zero, the others are listed first and
# only their rows of B are read.


cdef inline Py_ssize_t count_zeros(Py_ssize_t n, const floating *A) noexcept nogil:
    cdef int lanes[COUNT_LANES]
    cdef Py_ssize_t j = 0, lane
    cdef int zeros = 0
    if n >= COUNT_LANES:
        for lane in range(COUNT_LANES):
            lanes[lane] = 0
        while j + COUNT_LANES <= n:
            for lane in range(COUNT_LANES):
                lanes[lane] += A[j + lane] == 0
            j += COUNT_LANES
        for lane in range(COUNT_LANES):
            zeros += lanes[lane]
    while j < n:
        zeros += A[j] == 0
        j += 1
    return zeros


cdef inline Py_ssize_t list_nonzero(
    Py_ssize_t n, const floating *A, int *restrict index,
) noexcept nogil:
    """Where A is not zero, at n places; how many are found. Zeros come in runs, skipped by eights;
    the rest has no branch to be mispredicted."""
    cdef Py_ssize_t i = 0, end, found = 0
    while i < n:
        end = min(n, i + 8)
        if i + 8 <= n and eight_zeros(A + i):
            i = end
        while i < end:
            index[found] = <int> i
            found += is_nonzero(A[i])
            i += 1
    return found


cdef bint mostly_zeros(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out, const floating *A_prev, Py_ssize_t stride,
    const Py_ssize_t *order,
) noexcept nogil:
    """Whether visiting only the terms that are not zero (sparse.pxi) beats the tiles.

    It does where half of the terms are zero, or seven tenths where few columns share what is found;
    columns have to be whole lines. Of dense data a glimpse is enough.
    """
    cdef const floating *samples[SAMPLES]
    cdef Py_ssize_t i, count, total = 0, seen = 0, first = 0
    if n_out < SPARSE_COLUMNS or n_out * sizeof(floating) % LINE_BYTES:
        return False
    while first < n:
        count = list_samples(first, n, A_prev, stride, order, samples)
        for i in range(count):
            total += count_zeros(n_in, samples[i])
            seen += n_in
            if seen >= GLIMPSE and 2 * total < seen:
                return False
        first += count
    return 10 * total > (5 if n_out >= HALF_COLUMNS else 7) * n * n_in


cdef inline void add_in_registers(
    Py_ssize_t lines, Py_ssize_t lanes, Py_ssize_t n_terms, const int *index,
    const floating *A, const floating *B, Py_ssize_t B_stride,
    floating *restrict C,
) noexcept nogil:
    """C += Σ a · b over the terms in index (NULL: over all), for some lines of so many columns.

    lines and lanes are constants in a call, and so is whether there is an index.
    """
    cdef floating sums[MAX_ROW_LINES][WIDE * MAX_LINE]
    cdef floating a
    cdef const floating *b
    cdef Py_ssize_t i, term, line, lane
    # This never happens; it lets the compiler drop the other sizes.
    if lines > MAX_ROW_LINES or lanes > WIDE * MAX_LINE:
        return
    for line in range(lines):
        for lane in range(lanes):
            sums[line][lane] = C[line * lanes + lane]
    for i in range(n_terms):
        term = index[i] if index != NULL else i
        a = A[term]
        b = B + term * B_stride
        for line in range(lines):
            for lane in range(lanes):
                sums[line][lane] = fma(a, b[line * lanes + lane], sums[line][lane])
    for line in range(lines):
        for lane in range(lanes):
            C[line * lanes + lane] = sums[line][lane]


cdef inline Py_ssize_t add_wide(
    Py_ssize_t n_terms, Py_ssize_t n_columns,
    const floating *A, const floating *B, Py_ssize_t B_stride, floating *restrict C,
) noexcept nogil:
    """C += A · B along whole rows of B, or long parts of them where B does not fit the second-level
    cache: memory is read fastest in the order it lies in. How many columns were done.

    Columns come by WIDE lines. Those of whole rows may end in the row that comes next, and so the last
    term is added by itself; of rows in parts, what is left of a row is left.
    """
    cdef floating sums[MAX_WIDE * MAX_LINE]
    cdef const int *all_terms = NULL
    cdef Py_ssize_t lanes = WIDE * LINE_BYTES // sizeof(floating), most = MAX_WIDE // WIDE
    cdef Py_ssize_t left = (n_columns + lanes - 1) // lanes, groups, columns, column, done = 0
    if left > most:
        if n_terms * n_columns * sizeof(floating) < LARGE_BYTES:
            return 0
        left = n_columns // lanes
        most = PART_OF_ROW // WIDE
    while left:
        groups = (left + (left - 1) // most) // ((left + most - 1) // most)
        columns = min(groups * lanes, n_columns - done)
        for column in range(groups * lanes):
            sums[column] = C[column] if column < columns else 0
        if groups == 1:
            add_in_registers(1, lanes, n_terms - 1, all_terms, A, B, B_stride, sums)
        elif groups == 2:
            add_in_registers(2, lanes, n_terms - 1, all_terms, A, B, B_stride, sums)
        elif groups == 3:
            add_in_registers(3, lanes, n_terms - 1, all_terms, A, B, B_stride, sums)
        elif groups == 4:
            add_in_registers(4, lanes, n_terms - 1, all_terms, A, B, B_stride, sums)
        elif groups == 5:
            add_in_registers(5, lanes, n_terms - 1, all_terms, A, B, B_stride, sums)
        elif groups == 6:
            add_in_registers(6, lanes, n_terms - 1, all_terms, A, B, B_stride, sums)
        else:
            add_in_registers(7, lanes, n_terms - 1, all_terms, A, B, B_stride, sums)
        for column in range(columns):
            C[column] = fma(A[n_terms - 1], B[(n_terms - 1) * B_stride + column], sums[column])
        B = B + columns
        C = C + columns
        done += columns
        left -= groups
    return done


cdef void add_all(
    Py_ssize_t n_terms, Py_ssize_t n_columns,
    const floating *A, const floating *B, Py_ssize_t B_stride,
    floating *restrict C,
) noexcept nogil:
    """C += A · B for any number of columns: whole lines in groups of even size, then the rest."""
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating)
    cdef Py_ssize_t left, groups, lines, i, column
    cdef floating total
    if WHOLE_ROWS and n_columns > WIDE * line:
        i = add_wide(n_terms, n_columns, A, B, B_stride, C)
        B = B + i
        C = C + i
        n_columns -= i
    left = n_columns // line
    groups = (left + ROW_LINES - 1) // ROW_LINES
    while left:
        lines = (left + groups - 1) // groups
        if lines == 1:
            add_in_registers(1, line, n_terms, <const int *> NULL, A, B, B_stride, C)
        elif lines == 2:
            add_in_registers(2, line, n_terms, <const int *> NULL, A, B, B_stride, C)
        elif lines == 3:
            add_in_registers(3, line, n_terms, <const int *> NULL, A, B, B_stride, C)
        elif lines == 4:
            add_in_registers(4, line, n_terms, <const int *> NULL, A, B, B_stride, C)
        B = B + lines * line
        C = C + lines * line
        left -= lines
        groups -= 1
    for column in range(n_columns % line):
        total = C[column]
        for i in range(n_terms):
            total = fma(A[i], B[i * B_stride + column], total)
        C[column] = total


cdef void add_listed(
    Py_ssize_t n_terms, Py_ssize_t n_columns, const int *index,
    const floating *A, const floating *B, Py_ssize_t B_stride, floating *restrict C,
) noexcept nogil:
    """C += A · B over the terms in index, for any number of columns."""
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating)
    cdef Py_ssize_t left = n_columns // line, lines, i, column
    cdef floating total
    while left and n_terms:
        lines = 4 if left >= 4 and ROW_LINES >= 4 else 2 if left >= 2 and ROW_LINES >= 2 else 1
        if lines == 4:
            add_in_registers(4, line, n_terms, index, A, B, B_stride, C)
        elif lines == 2:
            add_in_registers(2, line, n_terms, index, A, B, B_stride, C)
        else:
            add_in_registers(1, line, n_terms, index, A, B, B_stride, C)
        B = B + lines * line
        C = C + lines * line
        left -= lines
    if n_terms:
        for column in range(n_columns % line):
            total = C[column]
            for i in range(n_terms):
                total = fma(A[index[i]], B[index[i] * B_stride + column], total)
            C[column] = total


cdef void row_of_terms(
    Py_ssize_t n_terms, Py_ssize_t n_columns,
    const floating *A, const floating *B, Py_ssize_t B_stride, const floating *start, floating *C,
) noexcept nogil:
    """One row of C = start + A · B, passing over the terms where A is zero. start NULL: 0"""
    cdef int index[LIST_SIZE]
    cdef Py_ssize_t term = 0, terms, i
    for i in range(n_columns):
        C[i] = start[i] if start != NULL else 0
    while term < n_terms:
        terms = min(n_terms - term, <Py_ssize_t> LIST_SIZE)
        add_listed(
            list_nonzero(terms, A + term, index), n_columns, index,
            A + term, B + term * B_stride, B_stride, C)
        term += terms
    for i in range(n_columns):
        C[i] = C[i] + 0


cdef void one_row(
    Py_ssize_t n_terms, Py_ssize_t n_columns,
    const floating *A, const floating *B, Py_ssize_t B_stride, const floating *start,
    floating *restrict C,
) noexcept nogil:
    """One row of C = start + A · B, in one read of B at most.

    Where B is too large for the second-level cache and registers are few, some rows of it at a time:
    memory is read fastest along a few rows.
    """
    cdef Py_ssize_t i, term = 0, terms, at_once = n_terms
    if n_terms * n_columns >= LONG_ROW and 4 * count_zeros(n_terms, A) > n_terms:
        row_of_terms(n_terms, n_columns, A, B, B_stride, start, C)
        return
    for i in range(n_columns):
        C[i] = start[i]
    if not WHOLE_ROWS and n_terms * n_columns * sizeof(floating) >= LARGE_BYTES:
        at_once = ROWS_OF_LARGE
    while term < n_terms:
        terms = min(n_terms - term, at_once)
        add_all(terms, n_columns, A + term, B + term * B_stride, B_stride, C)
        term += terms
    for i in range(n_columns):
        C[i] = C[i] + 0


cdef void row_of_dots(
    Py_ssize_t n_terms, Py_ssize_t n_readable, Py_ssize_t n_columns,
    const floating *A, const floating *B, Py_ssize_t B_stride, floating *restrict C,
) noexcept nogil:
    """One row of C = A · Bᵀ: up to 32 rows of B side by side.

    Terms come by fours, the last of them too where rows of B may be read as far.
    """
    cdef floating total
    cdef Py_ssize_t column = 0, column_end, k, t, term, whole = n_terms // 4 * 4
    cdef int rows
    if whole + 4 <= n_readable:
        whole = n_terms
    if n_terms == 1:
        for k in range(n_columns):
            C[k] = A[0] * B[k * B_stride] + 0
        return
    while column < n_columns:
        rows = 32 if column + 32 <= n_columns else 8 if column + 8 <= n_columns else 1
        column_end = column + rows
        for k in range(column, column_end):
            C[k] = 0
        term = 0
        if rows > 1:
            if floating is float:
                add_transposed32(rows, whole, B + column * B_stride, B_stride, A, C + column)
            else:
                add_transposed64(rows, whole, B + column * B_stride, B_stride, A, C + column)
            term = whole
        for k in range(column, column_end):
            total = C[k]
            for t in range(term, n_terms):
                total = fma(A[t], B[k * B_stride + t], total)
            C[k] = total + 0
        column = column_end
