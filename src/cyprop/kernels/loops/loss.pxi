# Losses, a file for each family. forward gives C of each row; backward its derivative, already divided
# by the n_batch rows that the mean is over, so that the batch's gradient is a plain sum over rows.
#
# To add one: write its forward and backward in one of the files, or here, and register them under a
# name. Nothing else needs to know. A loss goes with any output activation, or has an entry for each
# of those that it goes with, under its name and with the same hyperparameters; the first is the
# default. An entry that gives dZ goes straight to dZ of its activation, where the two cancel: its
# forward reads Z as well, so that a probability that rounds to 0 costs no infinity.
# C is summed in float64, in order. Terms with an exp or a log are worked out a part of the batch at a
# time (terms.h).

cdef Loss *loss

cdef extern from "terms.h" nogil:
    enum:
        ROOM "CYPROP_ROOM"
        FEW "CYPROP_FEW"
    struct Part "cyprop_part":
        Py_ssize_t top, bottom
        Py_ssize_t left, right
    bint next_part "cyprop_next_part"(Part *part, Py_ssize_t n, Py_ssize_t n_out)
    Py_ssize_t whole_vectors "cyprop_whole_vectors"(Py_ssize_t n)
    void zeros_behind "cyprop_zeros_behind"(Py_ssize_t n, double *x)
    Py_ssize_t read_part32 "cyprop_read_part32"(
        const Part *part, const float *rows, Py_ssize_t stride, double *terms)
    Py_ssize_t read_part64 "cyprop_read_part64"(
        const Part *part, const double *rows, Py_ssize_t stride, double *terms)
    void add_means "cyprop_add_means"(
        const Part *part, Py_ssize_t n_out, const double *terms, double *C)
    void exp_of_each "cyprop_exp_of_each"(Py_ssize_t n, double *x)
    void log_of_each "cyprop_log_of_each"(Py_ssize_t n, double *x)
    void log1p_exp_of_each "cyprop_log1p_exp_of_each"(Py_ssize_t n, double *x)


cdef inline Py_ssize_t read_part(
    const Part *part, const floating *rows, Py_ssize_t stride, double *terms,
) noexcept nogil:
    if floating is float:
        return read_part32(part, rows, stride, terms)
    else:
        return read_part64(part, rows, stride, terms)

include "losses/regression.pxi"
include "losses/classification.pxi"
include "losses/counts.pxi"
