# Dropout: while a network learns, each unit of a hidden layer is silent with a probability.
#
# Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", JMLR 15, 2014,
# in the inverted form: what is left is made larger by as much as is lost, so that predictions need
# nothing. Whether a unit is silent is a function of (seed, update, layer, row in the update, unit)
# alone.

cdef extern from "philox.h" nogil:
    enum:
        WORDS "CYPROP_WORDS"
    void random_words "cyprop_random_words"(
        uint64_t key, uint32_t first, uint32_t c1, uint32_t c2, uint32_t c3, uint32_t *words)


cdef void drop(
    Py_ssize_t n, Py_ssize_t n_out, const Dropout *dropout, Py_ssize_t first,
    const floating *A, floating *M, floating *D, Py_ssize_t stride,
) noexcept nogil:
    """D = A · M,  M = 0 with probability rate, else 1 / (1 − rate)

    Rows are those of the update from `first` on. Unit j of a row has word j mod 64 of draw ⌊j / 64⌋,
    whose counters are (16·⌊j / 64⌋ + 0…15, row, update mod 2³², layer·2¹⁶ + ⌊update / 2³²⌋).
    """
    cdef uint32_t words[WORDS]
    cdef uint32_t silent = <uint32_t> (dropout.rate * 4294967296.0)
    cdef uint32_t c2 = <uint32_t> dropout.update
    cdef uint32_t c3 = (
        (<uint32_t> dropout.layer << 16) + <uint32_t> (<uint64_t> dropout.update >> 32))
    cdef floating left = <floating> (1.0 / (1.0 - dropout.rate))
    cdef Py_ssize_t i, j, start, count
    cdef floating *m
    for i in range(n):
        start = 0
        while start < n_out:
            random_words(
                dropout.seed, <uint32_t> (start // 4), <uint32_t> (first + i), c2, c3, words)
            count = min(n_out - start, <Py_ssize_t> WORDS)
            m = M + i * stride + start
            for j in range(count):
                m[j] = left if words[j] >= silent else 0
            for j in range(count):
                D[i * stride + start + j] = A[i * stride + start + j] * m[j]
            start += count


cdef void silence(
    Py_ssize_t n, Py_ssize_t n_out, const floating *M, floating *restrict dA, Py_ssize_t stride,
) noexcept nogil:
    """dA = dD · M, in place"""
    cdef Py_ssize_t i, j
    for i in range(n):
        for j in range(i * stride, i * stride + n_out):
            dA[j] = dA[j] * M[j]

table.drop[0] = <Drop> drop[float]
table.drop[1] = <Drop> drop[double]
table.silence[0] = <Silence> silence[float]
table.silence[1] = <Silence> silence[double]
