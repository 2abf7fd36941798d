# C = start + A · B for many rows, the one loop nest behind Z, dW and dA_prev of a batch.
#
# A is samples, which may lie anywhere: pointers to its rows, or for dW = A_prevᵀ · dZ to its
# columns. So a shuffled batch needs no copy. The sums start from the rows of `start`, or all from the
# same if its stride is 0: the biases for Z, or C itself to go on; NULL: from 0.
#
# Every element of C is one sum, taken in order. Speed comes from computing many sums side by side,
# never from splitting one, so neither the vector width nor the tile changes a bit. A sum ends
# with + 0: where terms that are zero were passed over (rows.pxi), it could otherwise end as −0 and
# the full sum as +0.
#
# C is cut into tiles of rows × lanes (tiles.pxi). For Z, B is copied into panels of a few columns and
# as many terms as fit half the first-level cache, when enough rows share them (B's own rows may lie so
# that they evict one another); for dA_prev always, since it needs them transposed. Some terms are
# taken for all columns of Z before the next ones, so that few rows of W are visited at a time.
#
# For dW it is A that is copied, into blocks of some inputs that serve all columns: the columns of A
# lie a whole sample apart, and a batch may fill more pages than the processor keeps addresses of.

cdef enum Product:      # a constant in every call
    FORWARD             # Z = b + A_prev · W
    BACKWARD_A          # dA_prev = dZ · Wᵀ
    BACKWARD_W          # dW = A_prevᵀ · dZ
    STEP                # W += factor · (A_prevᵀ · dZ): a tile's sums start from 0 and end as steps
    STEP_LISTED         # the same by pointers to A_prev's columns, and not from a block of them


cdef inline bint by_columns(Product kind) noexcept nogil:
    return kind >= BACKWARD_W


cdef inline bint listed(Product kind) noexcept nogil:
    return kind == STEP_LISTED


cdef inline bint steps(Product kind) noexcept nogil:
    return kind >= STEP


include "tiles.pxi"


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


cdef inline void edge_of_C(
    Product kind, Py_ssize_t lanes, Py_ssize_t width,
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *panel, const floating *start, Py_ssize_t start_stride,
    const floating *factor, floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    """A panel's part of `width` columns of C, fewer than a tile has: by way of a copy."""
    cdef floating edge[PACKED_ROWS * MAX_LINE]
    cdef const floating *block
    cdef const floating *const *at_row
    cdef Py_ssize_t row = 0, rows, lane, i
    while row < n_rows:
        rows = min(n_rows - row, <Py_ssize_t> PACKED_ROWS)
        for i in range(rows):
            for lane in range(lanes):
                edge[i * lanes + lane] = (
                    start[(row + i) * start_stride + lane] if lane < width else 0)
        if listed(kind):
            at_row = A
        elif by_columns(kind):
            block = A[0] + row
            at_row = &block
        else:
            at_row = A + row
        any_tiles(kind, lanes, rows, n_terms, at_row, skip + row if listed(kind) else skip,
                  panel, lanes, edge, lanes, factor, edge, lanes)
        for i in range(rows):
            for lane in range(width):
                C[(row + i) * C_stride + lane] = edge[i * lanes + lane]
        row += rows


cdef inline void columns_of_C(
    Product kind, Py_ssize_t lanes, Py_ssize_t width,
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    const floating *factor, floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    """`width` columns of C, at most `lanes`, which is a constant in a call; in panels where any are
    needed."""
    cdef floating panel[MAX_PANEL]
    cdef Py_ssize_t most = PANEL_BYTES // sizeof(floating) // lanes, terms
    if start == NULL:
        start = <const floating *> zeros
        start_stride = 0
    if kind != BACKWARD_A and width == lanes and (by_columns(kind) or n_rows <= COPY_ROWS):
        any_tiles(kind, lanes, n_rows, n_terms, A, skip, B, B_stride,
                  start, start_stride, factor, C, C_stride)
        return
    while n_terms:
        terms = min(n_terms, most)
        if kind == BACKWARD_A:
            transpose_panel(lanes, width, terms, B, B_stride, panel)
        else:
            copy_panel(lanes, width, terms, B, B_stride, panel)
        if width == lanes:
            any_tiles(kind, lanes, n_rows, terms, A, skip, panel, lanes,
                      start, start_stride, factor, C, C_stride)
        else:
            edge_of_C(kind, lanes, width, n_rows, terms, A, skip, panel,
                      start, start_stride, factor, C, C_stride)
        start = C
        start_stride = C_stride
        skip += terms
        B = B + (terms if kind == BACKWARD_A else terms * B_stride)
        n_terms -= terms


cdef inline void all_columns(
    Product kind, Py_ssize_t n_rows, Py_ssize_t n_terms, Py_ssize_t n_columns,
    const floating *const *A, Py_ssize_t skip,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    const floating *factor, floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    """C = start + A · B, some columns after the other."""
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating)
    cdef Py_ssize_t column_step = B_stride if kind == BACKWARD_A else 1
    cdef Py_ssize_t lanes
    while n_columns > 0:
        if TILE_LINES > 2 and not by_columns(kind) and n_columns >= TILE_LINES * line:
            lanes = TILE_LINES * line
            columns_of_C(kind, TILE_LINES * line, lanes, n_rows, n_terms, A, skip, B, B_stride,
                         start, start_stride, factor, C, C_stride)
        elif TILE_LINES > 1 and n_columns >= 2 * line:
            lanes = 2 * line
            columns_of_C(kind, 2 * line, lanes, n_rows, n_terms, A, skip, B, B_stride,
                         start, start_stride, factor, C, C_stride)
        else:
            lanes = min(line, n_columns)
            columns_of_C(kind, line, lanes, n_rows, n_terms, A, skip, B, B_stride,
                         start, start_stride, factor, C, C_stride)
        B = B + lanes * column_step
        if start != NULL:
            start = start + lanes
        C = C + lanes
        n_columns -= lanes


cdef inline void product(
    Product kind, Py_ssize_t n_rows, Py_ssize_t n_terms, Py_ssize_t n_columns,
    const floating *const *A, const floating *B, Py_ssize_t B_stride,
    const floating *start, Py_ssize_t start_stride, floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    """C = start + A · B, or start + A · Bᵀ for BACKWARD_A."""
    cdef Py_ssize_t term = 0, terms
    while term < n_terms:
        terms = n_terms if kind == BACKWARD_A else min(n_terms - term, <Py_ssize_t> BLOCK_TERMS)
        all_columns(kind, n_rows, terms, n_columns, A, term,
                    B + (term if kind == BACKWARD_A else term * B_stride), B_stride,
                    start, start_stride, <const floating *> NULL, C, C_stride)
        start = C
        start_stride = C_stride
        term += terms


cdef inline void copy_elements(
    Py_ssize_t n, const floating *source, floating *restrict target,
) noexcept nogil:
    """n is a constant in a call, so that this is some vectors and no loop."""
    cdef Py_ssize_t i
    for i in range(n):
        target[i] = source[i]


cdef inline void pack(
    Py_ssize_t n_rows, Py_ssize_t n_terms, const floating *const *A, Py_ssize_t skip,
    floating *restrict block,
) noexcept nogil:
    """n_rows of A, given by its columns, from `skip` on: those of a term side by side."""
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating), row, term
    cdef const floating *a
    for term in range(n_terms):
        a = A[term] + skip
        row = 0
        while row + PACKED_ROWS <= n_rows:
            copy_elements(PACKED_ROWS, a + row, block + row)
            row += PACKED_ROWS
        while row + line <= n_rows:
            copy_elements(line, a + row, block + row)
            row += line
        while row < n_rows:
            block[row] = a[row]
            row += 1
        block = block + n_rows


cdef inline void product_by_columns(
    Product kind, Py_ssize_t n_rows, Py_ssize_t n_terms, Py_ssize_t n_columns,
    const floating *const *A, Py_ssize_t A_stride, const floating *B, Py_ssize_t B_stride,
    const floating *start, Py_ssize_t start_stride,
    const floating *factor, floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    """C = start + Aᵀ · B or, for a STEP, C += factor · (Aᵀ · B), for SAMPLES terms at most.

    A_stride: how far A's columns lie apart, if evenly; else 0. A STEP takes whole lines of columns.
    """
    cdef floating block[PACKED_ROWS * SAMPLES]
    cdef const floating *packed = block
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating), most = PACKED_ROWS * (SAMPLES // n_terms)
    cdef Py_ssize_t row = 0, rows, column
    cdef floating one = 1
    cdef bint narrow = UNPACKED_LINES > 0 and n_columns <= UNPACKED_LINES * line
    if narrow and A_stride > 0:
        all_columns(kind, n_rows, n_terms, n_columns, A, A_stride, B, B_stride,
                    start, start_stride, factor, C, C_stride)
        return
    if narrow and (kind == STEP or start == NULL and n_columns % line == 0):
        if kind == BACKWARD_W:          # 0 + 1 · sum has the bits of the sum
            factor = &one
            for row in range(n_rows):
                for column in range(n_columns):
                    C[row * C_stride + column] = 0
        all_columns(STEP_LISTED, n_rows, n_terms, n_columns, A, 0, B, B_stride,
                    <const floating *> NULL, 0, factor, C, C_stride)
        return
    while row < n_rows:
        rows = min(n_rows - row, most)
        pack(rows, n_terms, A, row, block)
        all_columns(kind, rows, n_terms, n_columns, &packed, rows, B, B_stride,
                    start + row * start_stride if start != NULL else start, start_stride,
                    factor, C + row * C_stride, C_stride)
        row += rows
