# C = start + A · B for many rows, the one loop nest behind Z, dW and dA_prev of a batch.
#
# A is samples, which may lie anywhere: pointers to its rows or, for dW = A_prevᵀ · dZ, to its columns.
# So a shuffled batch needs no copy. The sums start from the rows of `start`, or all from the same if
# its stride is 0: the biases for Z, or C itself to go on; NULL: from 0.
#
# Every element of C is one sum, taken in order. Speed comes from computing many sums side by side,
# never from splitting one, so neither the vector width nor the tile changes a bit. A sum ends
# with + 0: where terms that are zero were passed over (rows.pxi), it could otherwise end as −0 and
# the full sum as +0.
#
# B is cut into panels of a few columns and as many terms as fit half the first-level cache, C into
# tiles of rows × lanes whose sums stay in registers while a panel's terms go by. A panel is copied
# when enough rows share it (B's own rows may lie so that they evict one another), and always for Wᵀ,
# which it transposes.

cdef enum Product:   # a constant in every call
    FORWARD          # Z = b + A_prev · W
    BACKWARD_W       # dW = A_prevᵀ · dZ
    BACKWARD_A       # dA_prev = dZ · Wᵀ
    STEP             # W −= rate · (A_prevᵀ · dZ): a tile's sums start from 0 and end as steps


cdef inline bint by_columns(Product kind) noexcept nogil:
    """Whether the pointers are to A's columns."""
    return kind == BACKWARD_W or kind == STEP


cdef inline Py_ssize_t list_samples(
    Py_ssize_t first, Py_ssize_t n, const floating *A, Py_ssize_t stride, const Py_ssize_t *order,
    const floating **samples,
) noexcept nogil:
    """Pointers to the samples from `first` on, SAMPLES at most; how many they are.

    order says which rows of A the samples are; NULL: all, in turn.
    """
    cdef Py_ssize_t count = min(n - first, <Py_ssize_t> SAMPLES), i
    for i in range(count):
        samples[i] = A + (order[first + i] if order != NULL else first + i) * stride
    return count


cdef inline void tile(
    Product kind, floating rate, Py_ssize_t rows, Py_ssize_t lanes,
    Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    """C = start + A · B or, for a STEP, C −= rate · (A · B).

    A begins at element `skip` of what its pointers point to. kind, rows and lanes are constants in a
    call.
    """
    cdef floating sums[MAX_TILE_ROWS][MAX_LANES]
    cdef const floating *b
    cdef floating a
    cdef Py_ssize_t row, term, lane
    # This never happens; it lets the compiler drop the other sizes.
    if rows > TILE_ROWS or n_terms < 1:
        return
    for row in range(rows):
        for lane in range(lanes):
            sums[row][lane] = 0 if kind == STEP else start[row * start_stride + lane]
    for term in range(n_terms):
        b = B + term * B_stride
        for row in range(rows):
            a = A[term][skip + row] if by_columns(kind) else A[row][skip + term]
            for lane in range(lanes):
                sums[row][lane] = fma(a, b[lane], sums[row][lane])
    for row in range(rows):
        for lane in range(lanes):
            if kind == STEP:
                C[row * C_stride + lane] = fma(
                    -rate, sums[row][lane] + 0, C[row * C_stride + lane])
            else:
                C[row * C_stride + lane] = sums[row][lane] + 0


cdef inline bint all_zero(
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
) noexcept nogil:
    """Whether A, given by its columns, is zero in these rows and terms."""
    cdef Py_ssize_t row, term
    for term in range(n_terms):
        for row in range(n_rows):
            if A[term][skip + row] != 0:
                return False
    return True


cdef inline void tiles(
    Product kind, floating rate, Py_ssize_t lanes,
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    """One panel's part of C: the samples of a batch spread evenly over tiles, inputs, which are
    many, over tiles of few sizes."""
    cdef Py_ssize_t n_tiles = (n_rows + TILE_ROWS - 1) // TILE_ROWS
    cdef Py_ssize_t rows, left, row = 0
    while row < n_rows:
        left = n_rows - row
        if by_columns(kind):
            rows = STEP_ROWS
            while rows > left:
                rows //= 2
        else:
            rows = (left + n_tiles - 1) // n_tiles
            n_tiles -= 1
        if kind == STEP and all_zero(rows, n_terms, A, skip):
            pass
        elif rows == 1:
            tile(kind, rate, 1, lanes, n_terms, A, skip, B, B_stride,
                 start, start_stride, C, C_stride)
        elif rows == 2:
            tile(kind, rate, 2, lanes, n_terms, A, skip, B, B_stride,
                 start, start_stride, C, C_stride)
        elif rows == 3 and not by_columns(kind):
            tile(kind, rate, 3, lanes, n_terms, A, skip, B, B_stride,
                 start, start_stride, C, C_stride)
        elif rows == 4 and (STEP_ROWS >= 4 or not by_columns(kind)):
            tile(kind, rate, 4, lanes, n_terms, A, skip, B, B_stride,
                 start, start_stride, C, C_stride)
        elif rows == 5 and not by_columns(kind):
            tile(kind, rate, 5, lanes, n_terms, A, skip, B, B_stride,
                 start, start_stride, C, C_stride)
        elif rows == 6 and not by_columns(kind):
            tile(kind, rate, 6, lanes, n_terms, A, skip, B, B_stride,
                 start, start_stride, C, C_stride)
        elif rows == 7 and not by_columns(kind):
            tile(kind, rate, 7, lanes, n_terms, A, skip, B, B_stride,
                 start, start_stride, C, C_stride)
        elif rows == 8 and (STEP_ROWS == 8 or not by_columns(kind)):
            tile(kind, rate, 8, lanes, n_terms, A, skip, B, B_stride,
                 start, start_stride, C, C_stride)
        if by_columns(kind):
            skip += rows
        else:
            A = A + rows
        start = start + rows * start_stride
        C = C + rows * C_stride
        row += rows


# A function each, so that the code exists once: tiles one cache line wide, and as wide as the
# registers allow.

cdef void narrow_tiles(
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    tiles(FORWARD, <floating> 0, LINE_BYTES // sizeof(floating),
          n_rows, n_terms, A, skip, B, B_stride, start, start_stride, C, C_stride)


cdef void wide_tiles(
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    tiles(FORWARD, <floating> 0, TILE_LINES * LINE_BYTES // sizeof(floating),
          n_rows, n_terms, A, skip, B, B_stride, start, start_stride, C, C_stride)


cdef void narrow_backward_W(
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    tiles(BACKWARD_W, <floating> 0, LINE_BYTES // sizeof(floating),
          n_rows, n_terms, A, skip, B, B_stride, start, start_stride, C, C_stride)


cdef void wide_backward_W(
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    tiles(BACKWARD_W, <floating> 0, TILE_LINES * LINE_BYTES // sizeof(floating),
          n_rows, n_terms, A, skip, B, B_stride, start, start_stride, C, C_stride)


cdef void narrow_steps(
    floating rate,
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    tiles(STEP, rate, LINE_BYTES // sizeof(floating),
          n_rows, n_terms, A, skip, B, B_stride, start, start_stride, C, C_stride)


cdef void wide_steps(
    floating rate,
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    tiles(STEP, rate, TILE_LINES * LINE_BYTES // sizeof(floating),
          n_rows, n_terms, A, skip, B, B_stride, start, start_stride, C, C_stride)


cdef inline void any_tiles(
    Product kind, floating rate, Py_ssize_t lanes,
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    if lanes * sizeof(floating) == LINE_BYTES:
        if kind == STEP:
            narrow_steps(rate, n_rows, n_terms, A, skip, B, B_stride, start, start_stride, C, C_stride)
        elif by_columns(kind):
            narrow_backward_W(n_rows, n_terms, A, skip, B, B_stride, start, start_stride, C, C_stride)
        else:
            narrow_tiles(n_rows, n_terms, A, skip, B, B_stride, start, start_stride, C, C_stride)
    elif kind == STEP:
        wide_steps(rate, n_rows, n_terms, A, skip, B, B_stride, start, start_stride, C, C_stride)
    elif by_columns(kind):
        wide_backward_W(n_rows, n_terms, A, skip, B, B_stride, start, start_stride, C, C_stride)
    else:
        wide_tiles(n_rows, n_terms, A, skip, B, B_stride, start, start_stride, C, C_stride)


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


cdef inline void transpose_panel(
    Py_ssize_t lanes, Py_ssize_t width, Py_ssize_t n_terms,
    const floating *B, Py_ssize_t B_stride, floating *restrict panel,
) noexcept nogil:
    """The first `width` rows of B as columns, filled up with zeros to `lanes`."""
    cdef Py_ssize_t lane = 0, term, i
    while lane + 8 <= width:
        term = 0
        while term + 8 <= n_terms:
            if floating is float:
                transpose32(B + lane * B_stride + term, B_stride, panel + term * lanes + lane, lanes)
            else:
                transpose64(B + lane * B_stride + term, B_stride, panel + term * lanes + lane, lanes)
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


cdef inline void columns_of_C(
    Product kind, floating rate, Py_ssize_t lanes, Py_ssize_t width,
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    """`width` columns of C, at most `lanes`, which is a constant in a call."""
    cdef floating panel[MAX_PANEL]
    cdef floating edge[MAX_TILE_ROWS * MAX_LANES]
    cdef Py_ssize_t most = PANEL_BYTES // sizeof(floating) // lanes
    cdef Py_ssize_t term = 0, terms, row, rows, lane, i
    cdef bint copied = width < lanes or n_rows > COPY_ROWS
    if start == NULL:
        start = <const floating *> zeros
        start_stride = 0
    if not (kind == BACKWARD_A or copied):
        most = n_terms
    while term < n_terms:
        terms = min(n_terms - term, most)
        if kind == BACKWARD_A:
            transpose_panel(lanes, width, terms, B + term, B_stride, panel)
        elif copied:
            copy_panel(lanes, width, terms, B + term * B_stride, B_stride, panel)
        if width == lanes and (kind == BACKWARD_A or copied):
            any_tiles(kind, rate, lanes, n_rows, terms,
                      A + term if by_columns(kind) else A, 0 if by_columns(kind) else term,
                      panel, lanes, start, start_stride, C, C_stride)
        elif width == lanes:
            any_tiles(kind, rate, lanes, n_rows, terms,
                      A + term if by_columns(kind) else A, 0 if by_columns(kind) else term,
                      B + term * B_stride, B_stride, start, start_stride, C, C_stride)
        else:
            row = 0
            while row < n_rows:
                rows = min(n_rows - row, <Py_ssize_t> TILE_ROWS)
                for i in range(rows):
                    for lane in range(lanes):
                        edge[i * lanes + lane] = (
                            start[(row + i) * start_stride + lane] if lane < width else 0)
                any_tiles(kind, rate, lanes, rows, terms,
                          A + (term if by_columns(kind) else row), row if by_columns(kind) else term,
                          panel, lanes, edge, lanes, edge, lanes)
                for i in range(rows):
                    for lane in range(width):
                        C[(row + i) * C_stride + lane] = edge[i * lanes + lane]
                row += rows
        start = C
        start_stride = C_stride
        term += terms


cdef inline void product(
    Product kind, floating rate,
    Py_ssize_t n_rows, Py_ssize_t n_terms, Py_ssize_t n_columns, const floating *const *A,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    """C = start + A · B, or start + A · Bᵀ for BACKWARD_A; for a STEP, C −= rate · (A · B).

    A STEP does not use start, and takes SAMPLES terms at most and whole lines of columns.
    """
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating)
    cdef Py_ssize_t lanes = TILE_LINES * line
    cdef Py_ssize_t column_step = B_stride if kind == BACKWARD_A else 1
    cdef Py_ssize_t column = 0
    while TILE_LINES > 1 and column + lanes <= n_columns:
        columns_of_C(
            kind, rate, lanes, lanes, n_rows, n_terms, A, B + column * column_step, B_stride,
            start + column if start != NULL else start, start_stride, C + column, C_stride)
        column += lanes
    while column < n_columns:
        columns_of_C(
            kind, rate, line, min(line, n_columns - column), n_rows, n_terms, A,
            B + column * column_step, B_stride,
            start + column if start != NULL else start, start_stride, C + column, C_stride)
        column += line
