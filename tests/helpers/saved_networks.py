"""Small networks, saved, and their files taken apart, for the tests of storage."""

import struct

import numpy as np

import cyprop


def small(dtype="float32", **options):
    """A network with signed, distinct parameters everywhere."""
    net = cyprop.Network([3, 2, 2], "relu", "relu", dtype=dtype, seed=3, **options)
    for b in net.biases:
        b[:] = np.linspace(-1.5, 2.5, b.size)
    return net


def saved(path, net=None, metadata=None):
    (net or small()).save(path, metadata)
    return path.read_bytes()


def take_apart(data):
    """The header's text and the payload."""
    (length,) = struct.unpack("<Q", data[:8])
    return data[8 : 8 + length].decode("ascii"), data[8 + length :]
