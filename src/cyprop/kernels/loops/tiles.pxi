# A panel's part of C = start + A · B: tiles of rows × lanes whose sums stay in registers while the
# panel's terms go by.
#
# A is given by pointers to its rows, from element `skip` on, or, where listed, to its columns. Else,
# for products by columns, one pointer leads to a block in which the rows of a term lie side by side
# and the next term's `skip` elements on; then one register finds all that a tile needs of A.


cdef inline void tile(
    Product kind, Py_ssize_t rows, Py_ssize_t lanes,
    Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    const floating *factor, floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    """C = start + A · B or, for a STEP, C += factor · (A · B).

    kind, rows and lanes are constants in a call.
    """
    cdef floating sums[MAX_TILE_ROWS][MAX_LANES]
    cdef const floating *block = A[0]
    cdef const floating *b
    cdef floating a
    cdef Py_ssize_t row, term, lane
    # This never happens; it lets the compiler drop the other sizes.
    if rows * lanes * sizeof(floating) > TILE_SUMS * LINE_BYTES or rows > TILE_ROWS or n_terms < 1:
        return
    for row in range(rows):
        for lane in range(lanes):
            sums[row][lane] = 0 if steps(kind) else start[row * start_stride + lane]
    for term in range(n_terms):
        b = B + term * B_stride
        for row in range(rows):
            if listed(kind):
                a = A[term][skip + row]
            elif by_columns(kind):
                a = block[term * skip + row]
            else:
                a = A[row][skip + term]
            for lane in range(lanes):
                sums[row][lane] = fma(a, b[lane], sums[row][lane])
    # The factor is read here and not before, when it would take a register from the sums.
    a = factor[0] if steps(kind) else 0
    for row in range(rows):
        for lane in range(lanes):
            if steps(kind):
                C[row * C_stride + lane] = fma(a, sums[row][lane] + 0, C[row * C_stride + lane])
            else:
                C[row * C_stride + lane] = sums[row][lane] + 0


cdef inline void tile_of(
    Product kind, Py_ssize_t rows, Py_ssize_t lanes,
    Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    const floating *factor, floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    """A tile of as many rows as any that is asked for."""
    if rows == 1:
        tile(kind, 1, lanes, n_terms, A, skip, B, B_stride, start, start_stride, factor, C, C_stride)
    elif rows == 2 and (STEP_ROWS == 2 or not by_columns(kind)):
        tile(kind, 2, lanes, n_terms, A, skip, B, B_stride, start, start_stride, factor, C, C_stride)
    elif rows == 3 and not by_columns(kind):
        tile(kind, 3, lanes, n_terms, A, skip, B, B_stride, start, start_stride, factor, C, C_stride)
    elif rows == 4 and (STEP_ROWS >= 4 or not by_columns(kind)):
        tile(kind, 4, lanes, n_terms, A, skip, B, B_stride, start, start_stride, factor, C, C_stride)
    elif rows == 5 and not by_columns(kind):
        tile(kind, 5, lanes, n_terms, A, skip, B, B_stride, start, start_stride, factor, C, C_stride)
    elif rows == 6 and (STEP_ROWS == 6 or not by_columns(kind)):
        tile(kind, 6, lanes, n_terms, A, skip, B, B_stride, start, start_stride, factor, C, C_stride)
    elif rows == 7 and not by_columns(kind):
        tile(kind, 7, lanes, n_terms, A, skip, B, B_stride, start, start_stride, factor, C, C_stride)
    elif rows == 8 and (STEP_ROWS == 8 or not by_columns(kind)):
        tile(kind, 8, lanes, n_terms, A, skip, B, B_stride, start, start_stride, factor, C, C_stride)


cdef inline void tiles_of_samples(
    Py_ssize_t lanes, Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    """The rows of a batch, spread evenly over tiles."""
    cdef Py_ssize_t most = min(
        <Py_ssize_t> TILE_ROWS, <Py_ssize_t> (TILE_SUMS * LINE_BYTES // sizeof(floating) // lanes))
    cdef Py_ssize_t n_tiles = (n_rows + most - 1) // most, rows
    while n_tiles:
        rows = (n_rows + n_tiles - 1) // n_tiles
        tile_of(FORWARD, rows, lanes, n_terms, A, skip, B, B_stride, start, start_stride,
                <const floating *> NULL, C, C_stride)
        A = A + rows
        start = start + rows * start_stride
        C = C + rows * C_stride
        n_rows -= rows
        n_tiles -= 1


cdef inline bint all_zero(
    Product kind, Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
) noexcept nogil:
    """Whether A, given by its columns, is zero in these rows and terms."""
    cdef const floating *block = A[0]
    cdef Py_ssize_t row, term
    for term in range(n_terms):
        for row in range(n_rows):
            if is_nonzero(A[term][skip + row] if listed(kind) else block[term * skip + row]):
                return False
    return True


cdef inline void tiles_of_inputs(
    Product kind, Py_ssize_t lanes, Py_ssize_t n_rows, Py_ssize_t n_terms,
    const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    const floating *factor, floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    """Rows of dW or W, which are many, over tiles of few sizes. A step by zero is not taken.

    While the last sums of a large tile are stored, the processor finds less to do beside it, which only
    many terms repay.
    """
    cdef Py_ssize_t most = STEP_ROWS if n_terms >= LONG_TILE else STEP_ROWS_OF_FEW, rows
    cdef const floating *block = A[0]
    if not listed(kind):
        A = &block
    while n_rows:
        rows = most
        if rows > n_rows:
            rows = 4 if n_rows >= 4 and STEP_ROWS > 4 else 1
        if not steps(kind) or not all_zero(kind, rows, n_terms, A, skip):
            tile_of(kind, rows, lanes, n_terms, A, skip, B, B_stride, start, start_stride,
                    factor, C, C_stride)
        if listed(kind):
            skip += rows
        else:
            block = block + rows
        if not steps(kind):
            start = start + rows * start_stride
        C = C + rows * C_stride
        n_rows -= rows


# A function each, so that the code exists once: tiles of one line, of two, and as wide as the registers
# allow.


cdef void samples_line(
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    tiles_of_samples(LINE_BYTES // sizeof(floating), n_rows, n_terms, A, skip, B, B_stride,
                     start, start_stride, C, C_stride)


cdef void samples_pair(
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    tiles_of_samples(2 * LINE_BYTES // sizeof(floating), n_rows, n_terms, A, skip, B, B_stride,
                     start, start_stride, C, C_stride)


cdef void samples_wide(
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    tiles_of_samples(TILE_LINES * LINE_BYTES // sizeof(floating), n_rows, n_terms, A, skip, B, B_stride,
                     start, start_stride, C, C_stride)


cdef void inputs_line(
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    tiles_of_inputs(BACKWARD_W, LINE_BYTES // sizeof(floating), n_rows, n_terms, A, skip,
                    B, B_stride, start, start_stride, <const floating *> NULL, C, C_stride)


cdef void steps_line(
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *factor, floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    tiles_of_inputs(STEP, LINE_BYTES // sizeof(floating), n_rows, n_terms, A, skip,
                    B, B_stride, <const floating *> NULL, 0, factor, C, C_stride)


cdef void inputs_pair(
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    tiles_of_inputs(BACKWARD_W, 2 * LINE_BYTES // sizeof(floating), n_rows, n_terms, A, skip,
                    B, B_stride, start, start_stride, <const floating *> NULL, C, C_stride)


cdef void steps_pair(
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *factor, floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    tiles_of_inputs(STEP, 2 * LINE_BYTES // sizeof(floating), n_rows, n_terms, A, skip,
                    B, B_stride, <const floating *> NULL, 0, factor, C, C_stride)


cdef void steps_line_listed(
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *factor, floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    tiles_of_inputs(STEP_LISTED, LINE_BYTES // sizeof(floating), n_rows, n_terms, A, skip,
                    B, B_stride, <const floating *> NULL, 0, factor, C, C_stride)


cdef void steps_pair_listed(
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *factor, floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    tiles_of_inputs(STEP_LISTED, 2 * LINE_BYTES // sizeof(floating), n_rows, n_terms, A, skip,
                    B, B_stride, <const floating *> NULL, 0, factor, C, C_stride)


cdef inline void any_tiles(
    Product kind, Py_ssize_t lanes, Py_ssize_t n_rows, Py_ssize_t n_terms,
    const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    const floating *factor, floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    cdef bint narrow = lanes * sizeof(floating) == LINE_BYTES
    if kind == STEP and narrow:
        steps_line(n_rows, n_terms, A, skip, B, B_stride, factor, C, C_stride)
    elif kind == STEP:
        steps_pair(n_rows, n_terms, A, skip, B, B_stride, factor, C, C_stride)
    elif kind == STEP_LISTED and narrow:
        steps_line_listed(n_rows, n_terms, A, skip, B, B_stride, factor, C, C_stride)
    elif kind == STEP_LISTED:
        steps_pair_listed(n_rows, n_terms, A, skip, B, B_stride, factor, C, C_stride)
    elif kind == BACKWARD_W and narrow:
        inputs_line(n_rows, n_terms, A, skip, B, B_stride, start, start_stride, C, C_stride)
    elif kind == BACKWARD_W:
        inputs_pair(n_rows, n_terms, A, skip, B, B_stride, start, start_stride, C, C_stride)
    elif narrow:
        samples_line(n_rows, n_terms, A, skip, B, B_stride, start, start_stride, C, C_stride)
    elif lanes * sizeof(floating) == 2 * LINE_BYTES:
        samples_pair(n_rows, n_terms, A, skip, B, B_stride, start, start_stride, C, C_stride)
    else:
        samples_wide(n_rows, n_terms, A, skip, B, B_stride, start, start_stride, C, C_stride)
