# C = start + A · B for many rows, the one loop nest behind Z, dW and dA_prev of a batch.
#
# Every element of C is one sum, taken in order. Speed comes from computing many sums side by side,
# never from splitting one, so neither the vector width nor the tile changes a bit. A sum ends
# with + 0: where terms that are zero were passed over (rows.pxi), it could otherwise end as −0 and
# the full sum as +0.
#
# B is cut into panels of a few columns and as many terms as fit half the first-level cache, C into
# tiles of rows × lanes whose sums stay in registers while a panel's terms go by. A panel is copied
# when enough rows share it (B's own rows may lie so that they evict one another), and always for Wᵀ,
# whose columns it turns into rows. "Stepping", a tile's sums are not stored but leave C as
# C − rate · sum: plain gradient descent, where dW is summed.


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


cdef void narrow_tiles(
    Py_ssize_t n_rows, Py_ssize_t n_terms,
    const floating *A, Py_ssize_t A_row_step, Py_ssize_t A_term_step,
    const floating *B, Py_ssize_t B_stride, const floating *start,
    floating *restrict C, Py_ssize_t C_stride,
) noexcept nogil:
    """Tiles one cache line wide. Functions of their own, so that the code for them exists once."""
    tiles(False, <floating> 0, LINE_BYTES // sizeof(floating),
          n_rows, n_terms, A, A_row_step, A_term_step, B, B_stride, start, C, C_stride)


cdef void wide_tiles(
    Py_ssize_t n_rows, Py_ssize_t n_terms,
    const floating *A, Py_ssize_t A_row_step, Py_ssize_t A_term_step,
    const floating *B, Py_ssize_t B_stride, const floating *start,
    floating *restrict C, Py_ssize_t C_stride,
) noexcept nogil:
    """Tiles as wide as the registers allow."""
    tiles(False, <floating> 0, TILE_LINES * LINE_BYTES // sizeof(floating),
          n_rows, n_terms, A, A_row_step, A_term_step, B, B_stride, start, C, C_stride)


cdef void narrow_steps(
    floating rate,
    Py_ssize_t n_rows, Py_ssize_t n_terms,
    const floating *A, Py_ssize_t A_row_step, Py_ssize_t A_term_step,
    const floating *B, Py_ssize_t B_stride, const floating *start,
    floating *restrict C, Py_ssize_t C_stride,
) noexcept nogil:
    tiles(True, rate, LINE_BYTES // sizeof(floating),
          n_rows, n_terms, A, A_row_step, A_term_step, B, B_stride, start, C, C_stride)


cdef void wide_steps(
    floating rate,
    Py_ssize_t n_rows, Py_ssize_t n_terms,
    const floating *A, Py_ssize_t A_row_step, Py_ssize_t A_term_step,
    const floating *B, Py_ssize_t B_stride, const floating *start,
    floating *restrict C, Py_ssize_t C_stride,
) noexcept nogil:
    tiles(True, rate, TILE_LINES * LINE_BYTES // sizeof(floating),
          n_rows, n_terms, A, A_row_step, A_term_step, B, B_stride, start, C, C_stride)


cdef inline void either_tiles(
    bint stepping, floating rate, Py_ssize_t lanes,
    Py_ssize_t n_rows, Py_ssize_t n_terms,
    const floating *A, Py_ssize_t A_row_step, Py_ssize_t A_term_step,
    const floating *B, Py_ssize_t B_stride, const floating *start,
    floating *restrict C, Py_ssize_t C_stride,
) noexcept nogil:
    if lanes * sizeof(floating) == LINE_BYTES:
        if stepping:
            narrow_steps(rate, n_rows, n_terms, A, A_row_step, A_term_step,
                         B, B_stride, start, C, C_stride)
        else:
            narrow_tiles(n_rows, n_terms, A, A_row_step, A_term_step,
                         B, B_stride, start, C, C_stride)
    elif stepping:
        wide_steps(rate, n_rows, n_terms, A, A_row_step, A_term_step,
                   B, B_stride, start, C, C_stride)
    else:
        wide_tiles(n_rows, n_terms, A, A_row_step, A_term_step,
                   B, B_stride, start, C, C_stride)


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
                either_tiles(
                    stepping, rate, lanes, n_rows, terms,
                    A + term * A_term_step, A_row_step, A_term_step,
                    panel, lanes, start, C, C_stride)
            else:
                either_tiles(
                    stepping, rate, lanes, n_rows, terms,
                    A + term * A_term_step, A_row_step, A_term_step,
                    B + term * B_stride, B_stride, start, C, C_stride)
        else:
            row = 0
            while row < n_rows:
                rows = min(n_rows - row, <Py_ssize_t> TILE_ROWS)
                for i in range(rows):
                    for lane in range(width):
                        edge[i * lanes + lane] = C[(row + i) * C_stride + lane]
                either_tiles(
                    stepping, rate, lanes, rows, terms,
                    A + row * A_row_step + term * A_term_step, A_row_step, A_term_step,
                    panel, lanes, start, edge, lanes)
                for i in range(rows):
                    for lane in range(width):
                        C[(row + i) * C_stride + lane] = edge[i * lanes + lane]
                row += rows
        start = NULL
        term += terms


cdef inline void product(
    bint stepping, floating rate, bint turned,
    Py_ssize_t n_rows, Py_ssize_t n_terms, Py_ssize_t n_columns,
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
