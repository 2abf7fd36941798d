# Losses, a file for each family. forward gives C of each row; backward its derivative, already divided
# by the n_batch rows that the mean is over, so that the batch's gradient is a plain sum over rows.
#
# To add one: write its forward and backward in one of the files, or here, and register them under a
# name. Nothing else needs to know. A loss goes with any output activation, or has an entry for each
# of those that it goes with, under its name and with the same hyperparameters; the first is the
# default. An entry that gives dZ goes straight to dZ of its activation, where the two cancel: its
# forward reads Z as well, so that a probability that rounds to 0 costs no infinity.
# C is summed in float64, in order.

cdef Loss *loss

include "losses/regression.pxi"
include "losses/classification.pxi"
include "losses/counts.pxi"
