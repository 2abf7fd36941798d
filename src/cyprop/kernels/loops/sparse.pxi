# C = start + A · B for many rows where half of A or more is zero: only the other terms are visited.
#
# The sums are those of product.pxi, in the same order. A is taken in blocks, whose part of B is read
# from the first-level cache by all rows. Which terms of a row are not zero is found once, as words of
# bits; then some lines of columns are summed in registers, for one row after the other. These lines are
# as many as there are registers for, since the processor seldom foresees where a row's terms end, and
# loses there what several terms take.

cdef enum:
    WORD = 64              # terms whose bits one word has
    BITS_ROWS = 192        # rows of C in a block, at most; SAMPLES or more
    SPARSE_BYTES = 57344   # of B, visited in turn by each row, that hardly leave the first-level cache

cdef struct Bits:          # which terms of a block of A are not zero, some words for each row
    Py_ssize_t n_rows
    Py_ssize_t n_words
    uint64_t words[2 * BITS_ROWS]


cdef inline uint64_t nonzero_bits(Py_ssize_t n, const floating *A) noexcept nogil:
    """Which of n elements, a WORD of them at most, are not zero."""
    cdef uint64_t word = 0
    cdef Py_ssize_t i
    if n == WORD:
        if floating is float:
            return nonzero32(A)
        else:
            return nonzero64(A)
    for i in range(n):
        word |= <uint64_t> is_nonzero(A[i]) << i
    return word


cdef inline void add_lines(
    Py_ssize_t parts, Py_ssize_t lines, const Bits *bits,
    const floating *const *A, Py_ssize_t skip, Py_ssize_t A_stride,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    const floating *factor, floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    """C = start + A · B or, with a factor, C += factor · (A · B), for parts × lines of columns.

    A's terms lie A_stride apart: side by side from `skip` on, in a row of its own for each row of C, or
    else in the columns of one block. parts and lines are constants in a call, and two, since the
    compiler unrolls loops of up to eight passes only.
    """
    cdef floating sums[3][8][MAX_LINE]
    cdef Py_ssize_t lanes = LINE_BYTES // sizeof(floating), row, i, term, part, line, lane, at
    cdef const floating *a
    cdef const floating *b
    cdef const floating *at_term
    cdef uint64_t word
    cdef floating x
    # This never happens; it lets the compiler drop the other sizes.
    if parts * lines > SPARSE_LINES:
        return
    for row in range(bits.n_rows):
        if bits.n_words == 1 and bits.words[row] == 0 and (factor != NULL or start == C):
            continue
        for part in range(parts):
            for line in range(lines):
                for lane in range(lanes):
                    sums[part][line][lane] = 0
        if start != NULL:
            for part in range(parts):
                for line in range(lines):
                    at = (part * lines + line) * lanes
                    for lane in range(lanes):
                        sums[part][line][lane] = start[row * start_stride + at + lane]
        a = A[row] + skip if A_stride == 1 else A[0] + row
        b = B
        for i in range(bits.n_words):
            word = bits.words[row * bits.n_words + i]
            while word:
                term = take_lowest(&word)
                x = a[term * A_stride]
                at_term = b + term * B_stride
                for part in range(parts):
                    for line in range(lines):
                        at = (part * lines + line) * lanes
                        for lane in range(lanes):
                            sums[part][line][lane] = fma(
                                x, at_term[at + lane], sums[part][line][lane])
            a = a + WORD * A_stride
            b = b + WORD * B_stride
        # The factor is read here and not before, when it would take a register from the sums.
        x = factor[0] if factor != NULL else 0
        for part in range(parts):
            for line in range(lines):
                at = row * C_stride + (part * lines + line) * lanes
                if factor != NULL:
                    for lane in range(lanes):
                        C[at + lane] = fma(x, sums[part][line][lane] + 0, C[at + lane])
                else:
                    for lane in range(lanes):
                        C[at + lane] = sums[part][line][lane] + 0


cdef void add_block(
    Py_ssize_t n_columns, Py_ssize_t n_terms, const Bits *bits,
    const floating *const *A, Py_ssize_t skip, Py_ssize_t A_stride,
    const floating *B, Py_ssize_t B_stride, const floating *start, Py_ssize_t start_stride,
    const floating *factor, floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    """The same for four lines of columns or more, in groups of even size; B has n_terms rows."""
    cdef Py_ssize_t line = LINE_BYTES // sizeof(floating), lines
    cdef Py_ssize_t most = min(
        <Py_ssize_t> SPARSE_LINES, <Py_ssize_t> SPARSE_BYTES // (n_terms * LINE_BYTES))
    cdef Py_ssize_t left = n_columns // line, groups = (left + most - 1) // most
    while left:
        lines = (left + groups - 1) // groups
        if SPARSE_LINES < 4 and lines == 2:
            add_lines(1, 2, bits, A, skip, A_stride, B, B_stride, start, start_stride,
                      factor, C, C_stride)
        elif SPARSE_LINES < 4 and lines == 3:
            add_lines(1, 3, bits, A, skip, A_stride, B, B_stride, start, start_stride,
                      factor, C, C_stride)
        elif lines == 4:
            add_lines(1, 4, bits, A, skip, A_stride, B, B_stride, start, start_stride,
                      factor, C, C_stride)
        elif lines == 5:
            add_lines(1, 5, bits, A, skip, A_stride, B, B_stride, start, start_stride,
                      factor, C, C_stride)
        elif lines == 6:
            add_lines(1, 6, bits, A, skip, A_stride, B, B_stride, start, start_stride,
                      factor, C, C_stride)
        elif lines == 7:
            add_lines(1, 7, bits, A, skip, A_stride, B, B_stride, start, start_stride,
                      factor, C, C_stride)
        elif lines == 8:
            add_lines(1, 8, bits, A, skip, A_stride, B, B_stride, start, start_stride,
                      factor, C, C_stride)
        elif lines == 9:
            add_lines(3, 3, bits, A, skip, A_stride, B, B_stride, start, start_stride,
                      factor, C, C_stride)
        else:
            add_lines(2, 5, bits, A, skip, A_stride, B, B_stride, start, start_stride,
                      factor, C, C_stride)
        B = B + lines * line
        C = C + lines * line
        if start != NULL:
            start = start + lines * line
        left -= lines
        groups -= 1


cdef void rows_of_terms(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out, const floating *const *A,
    const floating *B, Py_ssize_t B_stride, const floating *b, floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    """C = b + A · B for n rows, SAMPLES at most, and whole lines of columns."""
    cdef Bits bits
    cdef const floating *start = b
    cdef Py_ssize_t start_stride = 0, term = 0, terms, i
    bits.n_rows = n
    bits.n_words = 1
    while term < n_in:
        terms = min(n_in - term, <Py_ssize_t> WORD)
        for i in range(n):
            bits.words[i] = nonzero_bits(terms, A[i] + term)
        add_block(n_out, terms, &bits, A, term, 1, B + term * B_stride, B_stride,
                  start, start_stride, <const floating *> NULL, C, C_stride)
        start = C
        start_stride = C_stride
        term += terms


cdef inline void bits_by_column(
    Py_ssize_t n_columns, Py_ssize_t n, const floating *block, uint32_t *restrict halves,
) noexcept nogil:
    """For each column of a block, which of its n rows, 32 at most, are not zero there."""
    cdef Py_ssize_t i, k
    for k in range(n_columns):
        halves[k] = 0
    for i in range(n):
        for k in range(n_columns):
            halves[k] |= <uint32_t> is_nonzero(block[i * n_columns + k]) << i


cdef inline void find_by_column(
    Py_ssize_t n_columns, Py_ssize_t n, const floating *block, Bits *bits,
) noexcept nogil:
    """The bits of each column of a block of n rows, SAMPLES at most."""
    cdef uint32_t halves[2][BITS_ROWS]
    cdef Py_ssize_t i, k, half, left
    bits.n_rows = n_columns
    bits.n_words = (n + WORD - 1) // WORD
    for i in range(bits.n_words):
        for half in range(2):
            left = n - i * WORD - half * 32
            bits_by_column(n_columns, max(min(left, <Py_ssize_t> 32), <Py_ssize_t> 0),
                           block + (i * WORD + half * 32) * n_columns, halves[half])
        for k in range(n_columns):
            bits.words[k * bits.n_words + i] = halves[0][k] | <uint64_t> halves[1][k] << 32


cdef void columns_of_terms(
    Py_ssize_t n, Py_ssize_t n_in, Py_ssize_t n_out, const floating *const *A,
    const floating *dZ, Py_ssize_t dZ_stride, const floating *start, Py_ssize_t start_stride,
    const floating *factor, floating *C, Py_ssize_t C_stride,
) noexcept nogil:
    """C = start + Aᵀ · dZ or, with a factor, C += factor · (Aᵀ · dZ), for SAMPLES terms at most and
    whole lines of columns. start NULL: 0"""
    cdef floating block[PACKED_ROWS * SAMPLES]
    cdef const floating *column = block
    cdef Bits bits
    cdef Py_ssize_t most = min(PACKED_ROWS * (SAMPLES // n), <Py_ssize_t> BITS_ROWS)
    cdef Py_ssize_t first = 0, rows
    while first < n_in:
        rows = min(n_in - first, most)
        pack(rows, n, A, first, block)
        find_by_column(rows, n, block, &bits)
        add_block(n_out, n, &bits, &column, 0, rows, dZ, dZ_stride,
                  start + first * start_stride if start != NULL else start, start_stride,
                  factor, C + first * C_stride, C_stride)
        first += rows
