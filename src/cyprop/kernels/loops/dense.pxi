# The dense layer. Rows are samples; W is (n_in, n_out), one row of it an input's weights.
#
# Every sum is taken in order: an element of Z starts from b and takes the inputs one after the
# other, one of dW and db the samples, one of dA_prev the outputs. Speed comes from computing many
# sums side by side, never from splitting one, so neither the vector width nor the batch size nor the
# tile changes a bit. Each stretch of a sum ends with + 0: where terms that are zero were passed
# over, it could otherwise end as −0 and the full sum as +0.
#
# The three products are one routine, `product`: C = start + A · B. It cuts B into panels of a few
# columns and as many terms as fit half the first-level cache, and C into tiles of rows × lanes
# whose sums stay in registers while a panel's terms go by. A panel is copied when enough rows share
# it (B's own rows may lie so that they evict one another), and always for Wᵀ, whose columns it turns
# into rows.


cdef inline void tile(
    bint stepping, floating rate, Py_ssize_t rows, Py_ssize_t lanes, Py_ssize_t n_terms,
    const floating *A, Py_ssize_t A_row_step, Py_ssize_t A_term_step,
    const floating *B, Py_ssize_t B_stride, const floating *start,
    floating *restrict C, Py_ssize_t C_stride,
) noexcept nogil:
    """C = start + A · B, or C += A · B without a start; stepping, C −= rate · (A · B).

    stepping, rows and lanes are constants in a call.
    """
    cdef floating sums[MAX_TILE_ROWS][MAX_LANES]
    cdef const floating *b
    cdef floating a
    cdef Py_ssize_t row, term, lane
    if rows > TILE_ROWS:
        return                  # never asked for; says so to the compiler
    for row in range(rows):
        for lane in range(lanes):
            if stepping:
                sums[row][lane] = 0
            else:
                sums[row][lane] = start[lane] if start != NULL else C[row * C_stride + lane]
    for term in range(n_terms):
        b = B + term * B_stride
        for row in range(rows):
            a = A[row * A_row_step + term * A_term_step]
            for lane in range(lanes):
                sums[row][lane] = fma(a, b[lane], sums[row][lane])
    for row in range(rows):
        for lane in range(lanes):
            if stepping:
                C[row * C_stride + lane] = fma(
                    -rate, sums[row][lane] + 0, C[row * C_stride + lane])
            else:
                C[row * C_stride + lane] = sums[row][lane] + 0


cdef inline bint all_zero(
    Py_ssize_t n_rows, Py_ssize_t n_terms,
    const floating *A, Py_ssize_t A_row_step, Py_ssize_t A_term_step,
) noexcept nogil:
    cdef Py_ssize_t row, term
    for term in range(n_terms):
        for row in range(n_rows):
            if A[row * A_row_step + term * A_term_step] != 0:
                return False
    return True


cdef inline void tiles(
    bint stepping, floating rate, Py_ssize_t lanes, Py_ssize_t n_rows, Py_ssize_t n_terms,
    const floating *A, Py_ssize_t A_row_step, Py_ssize_t A_term_step,
    const floating *B, Py_ssize_t B_stride, const floating *start,
    floating *restrict C, Py_ssize_t C_stride,
) noexcept nogil:
    """One panel's part of C, its rows spread evenly over tiles."""
    cdef Py_ssize_t n_tiles = (n_rows + TILE_ROWS - 1) // TILE_ROWS
    cdef Py_ssize_t rows, row = 0
    while row < n_rows:
        rows = (n_rows - row + n_tiles - 1) // n_tiles
        n_tiles -= 1
        if stepping and all_zero(rows, n_terms, A, A_row_step, A_term_step):
            pass
        elif rows == 1:
            tile(stepping, rate, 1, lanes, n_terms, A, A_row_step, A_term_step,
                 B, B_stride, start, C, C_stride)
        elif rows == 2:
            tile(stepping, rate, 2, lanes, n_terms, A, A_row_step, A_term_step,
                 B, B_stride, start, C, C_stride)
        elif rows == 3:
            tile(stepping, rate, 3, lanes, n_terms, A, A_row_step, A_term_step,
                 B, B_stride, start, C, C_stride)
        elif rows == 4:
            tile(stepping, rate, 4, lanes, n_terms, A, A_row_step, A_term_step,
                 B, B_stride, start, C, C_stride)
        elif rows == 5:
            tile(stepping, rate, 5, lanes, n_terms, A, A_row_step, A_term_step,
                 B, B_stride, start, C, C_stride)
        elif rows == 6:
            tile(stepping, rate, 6, lanes, n_terms, A, A_row_step, A_term_step,
                 B, B_stride, start, C, C_stride)
        elif rows == 7:
            tile(stepping, rate, 7, lanes, n_terms, A, A_row_step, A_term_step,
                 B, B_stride, start, C, C_stride)
        elif rows == 8:
            tile(stepping, rate, 8, lanes, n_terms, A, A_row_step, A_term_step,
                 B, B_stride, start, C, C_stride)
        A = A + rows * A_row_step
        C = C + rows * C_stride
        row += rows


cdef inline void copy_panel(
    Py_ssize_t lanes, Py_ssize_t width, Py_ssize_t n_terms,
    const floating *B, Py_ssize_t B_stride, floating *restrict panel,
) noexcept nogil:
    """The first `width` columns of B, filled up with zeros to `lanes`."""
    cdef Py_ssize_t term, lane
    for term in range(n_terms):
        if width == lanes:
            for lane in range(lanes):
                panel[term * lanes + lane] = B[term * B_stride + lane]
        else:
            for lane in range(lanes):
                panel[term * lanes + lane] = B[term * B_stride + lane] if lane < width else 0


cdef inline void turn_panel(
    Py_ssize_t lanes, Py_ssize_t width, Py_ssize_t n_terms,
    const floating *B, Py_ssize_t B_stride, floating *restrict panel,
) noexcept nogil:
    """The first `width` rows of B as columns, filled up with zeros to `lanes`."""
    cdef Py_ssize_t lane = 0, term, i
    while lane + 8 <= width:
        term = 0
        while term + 8 <= n_terms:
            if floating is float:
                turn32(B + lane * B_stride + term, B_stride, panel + term * lanes + lane, lanes)
            else:
                turn64(B + lane * B_stride + term, B_stride, panel + term * lanes + lane, lanes)
            term += 8
        while term < n_terms:
            for i in range(8):
                panel[term * lanes + lane + i] = B[(lane + i) * B_stride + term]
            term += 1
        lane += 8
    while lane < lanes:
        for term in range(n_terms):
            panel[term * lanes + lane] = B[lane * B_stride + term] if lane < width else 0
        lane += 1


cdef inline void strip(
    bint stepping, floating rate, Py_ssize_t lanes, Py_ssize_t width, bint turned,
    Py_ssize_t n_rows, Py_ssize_t n_terms,
    const floating *A, Py_ssize_t A_row_step, Py_ssize_t A_term_step,
    const floating *B, Py_ssize_t B_stride, const floating *start,
    floating *restrict C, Py_ssize_t C_stride,
) noexcept nogil:
    """`width` columns of C, at most `lanes`, which is a constant in a call."""
    cdef floating panel[MAX_PANEL]
    cdef floating edge[MAX_TILE_ROWS * MAX_LANES]
    cdef floating first[MAX_LANES]
    cdef Py_ssize_t most = PANEL_BYTES // sizeof(floating) // lanes
    cdef Py_ssize_t term = 0, terms, row, rows, lane, i
    cdef bint copied = width < lanes or n_rows > COPY_ROWS
    for lane in range(lanes):
        first[lane] = start[lane] if start != NULL and lane < width else 0
    start = first
    if not (turned or copied):
        most = n_terms
    while term < n_terms or start != NULL:
        terms = min(n_terms - term, most)
        if turned:
            turn_panel(lanes, width, terms, B + term, B_stride, panel)
        elif copied:
            copy_panel(lanes, width, terms, B + term * B_stride, B_stride, panel)
        if width == lanes:
            if turned or copied:
                tiles(stepping, rate, lanes, n_rows, terms, A + term * A_term_step, A_row_step, A_term_step,
                      panel, lanes, start, C, C_stride)
            else:
                tiles(stepping, rate, lanes, n_rows, terms, A + term * A_term_step, A_row_step, A_term_step,
                      B + term * B_stride, B_stride, start, C, C_stride)
        else:
            row = 0
            while row < n_rows:
                rows = min(n_rows - row, <Py_ssize_t> TILE_ROWS)
                for i in range(rows):
                    for lane in range(width):
                        edge[i * lanes + lane] = C[(row + i) * C_stride + lane]
                tiles(stepping, rate, lanes, rows, terms, A + row * A_row_step + term * A_term_step,
                      A_row_step, A_term_step, panel, lanes, start, edge, lanes)
                for i in range(rows):
                    for lane in range(width):
                        C[(row + i) * C_stride + lane] = edge[i * lanes + lane]
                row += rows
        start = NULL
        term += terms


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
        tile(False, <floating> 0, 1, line, n_terms, A, 0, 1, B, B_stride, start, C, 0)
    elif lines == 2:
        tile(False, <floating> 0, 1, 2 * line, n_terms, A, 0, 1, B, B_stride, start, C, 0)
    elif lines == 3:
        tile(False, <floating> 0, 1, 3 * line, n_terms, A, 0, 1, B, B_stride, start, C, 0)
    elif lines == 4:
        tile(False, <floating> 0, 1, 4 * line, n_terms, A, 0, 1, B, B_stride, start, C, 0)
    elif lines == 5:
        tile(False, <floating> 0, 1, 5 * line, n_terms, A, 0, 1, B, B_stride, start, C, 0)
    elif lines == 6:
        tile(False, <floating> 0, 1, 6 * line, n_terms, A, 0, 1, B, B_stride, start, C, 0)
    elif lines == 7:
        tile(False, <floating> 0, 1, 7 * line, n_terms, A, 0, 1, B, B_stride, start, C, 0)
    elif lines == 8:
        tile(False, <floating> 0, 1, 8 * line, n_terms, A, 0, 1, B, B_stride, start, C, 0)
    lines *= line
    if lines < n_columns:
        row_of_terms(n_terms, n_columns - lines, A, 1, B + lines, B_stride, start + lines, C + lines)


cdef inline void product(
    bint stepping, floating rate, bint turned, Py_ssize_t n_rows, Py_ssize_t n_terms, Py_ssize_t n_columns,
    const floating *A, Py_ssize_t A_row_step, Py_ssize_t A_term_step,
    const floating *B, Py_ssize_t B_stride, const floating *start,
    floating *restrict C, Py_ssize_t C_stride,
) noexcept nogil:
    """C = start + A · B (0 without a start), or A · Bᵀ if turned; stepping, C −= rate · (A · B).

    Stepping, there may be STEP_TERMS terms at most, and whole lines of columns.
    """
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating)
    cdef Py_ssize_t lanes = TILE_LINES * line
    cdef Py_ssize_t column_step = B_stride if turned else 1
    cdef Py_ssize_t column = 0
    while TILE_LINES > 1 and column + lanes <= n_columns:
        strip(stepping, rate, lanes, lanes, turned, n_rows, n_terms, A, A_row_step, A_term_step,
              B + column * column_step, B_stride, start + column if start != NULL else NULL,
              C + column, C_stride)
        column += lanes
    while column < n_columns:
        strip(stepping, rate, line, min(line, n_columns - column), turned,
              n_rows, n_terms, A, A_row_step, A_term_step,
              B + column * column_step, B_stride, start + column if start != NULL else NULL,
              C + column, C_stride)
        column += line


cdef void dense_forward(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out,
    const floating *A_prev, Py_ssize_t A_prev_stride,
    const floating *W, Py_ssize_t W_stride, const floating *b,
    floating *restrict Z, Py_ssize_t Z_stride,
) noexcept nogil:
    """Z = A_prev · W + b"""
    cdef Py_ssize_t i
    if n == 1:
        one_row(n_in, n_out, A_prev, W, W_stride, b, Z)
    elif mostly_zeros(n, n_in, n_out, A_prev, A_prev_stride):
        for i in range(n):
            row_of_terms(
                n_in, n_out, A_prev + i * A_prev_stride, 1, W, W_stride, b, Z + i * Z_stride)
    else:
        product(False, <floating> 0, False, n, n_in, n_out, A_prev, A_prev_stride, 1, W, W_stride, b, Z, Z_stride)


cdef void dense_backward_W(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out,
    const floating *A_prev, Py_ssize_t A_prev_stride,
    const floating *dZ, Py_ssize_t dZ_stride,
    floating *restrict dW, Py_ssize_t dW_stride,
) noexcept nogil:
    """dW = A_prevᵀ · dZ"""
    cdef Py_ssize_t k
    if mostly_zeros(n, n_in, n_out, A_prev, A_prev_stride):
        for k in range(n_in):
            row_of_terms(
                n, n_out, A_prev + k, A_prev_stride, dZ, dZ_stride, NULL, dW + k * dW_stride)
    else:
        product(False, <floating> 0, False, n_in, n, n_out, A_prev, 1, A_prev_stride, dZ, dZ_stride, NULL, dW, dW_stride)


cdef void dense_backward_b(
    Py_ssize_t n, Py_ssize_t n_out,
    const floating *dZ, Py_ssize_t dZ_stride, floating *restrict db,
) noexcept nogil:
    """db = Σ_rows dZ"""
    cdef Py_ssize_t i, j
    cdef const floating *dz
    for j in range(n_out):
        db[j] = 0
    for i in range(n):
        dz = dZ + i * dZ_stride
        for j in range(n_out):
            db[j] = db[j] + dz[j]


cdef void dense_backward_A(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out,
    const floating *dZ, Py_ssize_t dZ_stride,
    const floating *W, Py_ssize_t W_stride,
    floating *restrict dA_prev, Py_ssize_t dA_prev_stride,
) noexcept nogil:
    """dA_prev = dZ · Wᵀ"""
    if n == 1:
        row_of_dots(n_out, n_in, dZ, W, W_stride, dA_prev)
    else:
        product(
            False, <floating> 0, True, n, n_out, n_in, dZ, dZ_stride, 1, W, W_stride, NULL, dA_prev, dA_prev_stride)
