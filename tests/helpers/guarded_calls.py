"""Every kernel and every method on arrays that end at, or start after, a page nobody may touch.

A program for test_guard_pages.py: a read or a write outside an array ends it at once, and the file
named last holds the call that did it. Arguments: an instruction set, a dtype, that file.
"""

import ctypes
import mmap
import sys
from pathlib import Path

import numpy as np
from compiled_calls import function

import cyprop
from cyprop.kernels import activation, dense, dispatch, dropout, gradient, loss, update

SIZES = range(1, 71)
REGION = 1 << 19  # bytes between two forbidden pages
FORBIDDEN = 0  # PROT_NONE


class Region:
    """Memory between two pages that fault."""

    def __init__(self):
        page = mmap.PAGESIZE
        self.memory = mmap.mmap(-1, REGION + 2 * page)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        libc = ctypes.CDLL(None, use_errno=True)
        for address in (start, start + page + REGION):
            if libc.mprotect(ctypes.c_void_p(address), ctypes.c_size_t(page), FORBIDDEN):
                raise OSError(ctypes.get_errno(), "mprotect failed")
        self.bytes = np.frombuffer(self.memory, np.uint8)[page : page + REGION]

    def place(self, values, at_end):
        n = values.nbytes
        part = self.bytes[REGION - n :] if at_end else self.bytes[:n]
        array = part.view(values.dtype).reshape(values.shape)
        array[...] = values
        return array


class Calls:
    """Makes calls, each twice: arguments at the end of their regions, and at the start."""

    def __init__(self, dtype, note):
        self.dtype = np.dtype(dtype)
        self.rng = np.random.default_rng(9)
        self.regions = [Region() for _ in range(9)]
        self.note = note

    def numbers(self, *shape):
        """Normal numbers; half of the arrays are mostly zeros, which kernels may pass over."""
        values = self.rng.normal(size=shape)
        if self.rng.random() < 0.5:
            values[self.rng.random(shape) < 0.85] = 0
        return values.astype(self.dtype)

    def __call__(self, label, function, *arrays):
        for at_end in (True, False):
            self.note.write(f"{label} {[a.shape for a in arrays]} {at_end=}".ljust(500).encode())
            self.note.seek(0)
            placed = [
                region.place(array, at_end)
                for region, array in zip(self.regions, arrays, strict=False)
            ]
            function(*placed)


def shapes(rng):
    """Every size in every place, beside sizes drawn for the others; and some larger ones."""
    for size in SIZES:
        for place in range(3):
            for others in ((1, 1), *(rng.integers(1, 71, 2) for _ in range(3))):
                shape = [int(other) for other in others]
                shape.insert(place, size)
                yield shape
    for n, n_in, n_out in (
        (1, 300, 130),
        (1, 2, 97),
        (1, 40, 300),
        (1, 1, 448),
        (1, 9, 449),
        (1, 33, 225),
        (3, 270, 90),
        (130, 5, 257),
        (18, 129, 131),
    ):
        yield [n, n_in, n_out]


def call_dense(call):
    for n, n_in, n_out in shapes(call.rng):
        A_prev, W, b = call.numbers(n, n_in), call.numbers(n_in, n_out), call.numbers(n_out)
        dZ = call.numbers(n, n_out)
        call("dense.forward", dense.forward, A_prev, W, b, dZ)
        call("dense.forward_one", dense.forward_one, A_prev[0], W, b, dZ[0])
        call("dense.backward_W", dense.backward_W, A_prev, dZ, W)
        call("dense.backward_W_one", dense.backward_W_one, A_prev[0], dZ[0], W)
        call("dense.backward_b", dense.backward_b, dZ, b)
        call("dense.backward_b_one", dense.backward_b_one, dZ[0], b)
        call("dense.backward_A", dense.backward_A, dZ, W, A_prev)
        call("dense.backward_A_one", dense.backward_A_one, dZ[0], W, A_prev[0])


def call_activations_and_losses(call):
    forward, backward = activation.forward, activation.backward
    for size in SIZES:
        for shape in ((1, size), (size, 1), (3, size), (size, 5)):
            Z, A, Y, dA = (call.numbers(*shape) for _ in range(4))
            C = np.zeros(shape[0])
            for name in activation.names():
                call(name, lambda Z, A, name=name: forward(name, Z, A), Z, A)
                call(name, lambda Z, name=name: forward(name, Z, Z), Z)
                call(
                    name, lambda Z, A, dA, dZ, name=name: backward(name, Z, A, dA, dZ), Z, A, dA, Z
                )
            for name in loss.names():
                for output in loss.output_activations(name) or (None,):
                    call_loss(call, name, output, Z, A, Y, C, dA)


def call_loss(call, name, output, Z, A, Y, C, dA):
    if A.shape[1] % loss.outputs_per_target(name):
        return
    Y = Y[:, : A.shape[1] // loss.outputs_per_target(name)].copy()
    call(name, lambda Z, A, Y, C: loss.forward(name, Z, A, Y, C, None, output), Z, A, Y, C)
    call(name, lambda A, Y, dA: loss.backward(name, A, Y, dA, None, output), A, Y, dA)


def call_updates(call):
    for name in update.names():
        values = [entry[0] for entry in update.hyperparameters(name).values()]
        n_states = update.n_states(name)
        for momentum in (False, True):
            for size in SIZES:
                vectors = [np.abs(call.numbers(size)) for _ in range(2 + n_states)]
                used = [values[0], 0.9 if momentum else values[1], *values[2:]]
                call(
                    f"update {name}",
                    lambda memory, theta, d_theta, *states, name=name, used=used: update.step(
                        name, theta, d_theta, states, used, memory
                    ),
                    np.zeros(8),
                    *vectors,
                )


def call_gradients_and_dropout(call):
    for size in (*SIZES, 128, 130):
        for shape in ((1, size), (3, size), (size, 5)):
            A, M, D = (call.numbers(*shape) for _ in range(3))
            numbers = np.ones(shape[0])
            call("weigh", lambda w, dA: gradient.weigh(w, 1.0, len(w), dA), numbers, A)
            call("penalty", lambda W: gradient.penalty(W, 0.1, 0.1), A)
            call("add_penalty", lambda W, dW: gradient.add_penalty(W, dW, 0.1, 0.1), A, D)
            call("squares_of_blocks", gradient.squares_of_blocks, A, numbers[: -(-len(A) // 8)])
            call("clip", lambda dW: gradient.clip(dW, 0.5), A[0])
            call("scale", lambda dW: gradient.scale(dW, 0.5), A[0])
            call("drop", lambda A, M, D: dropout.drop(A, M, D, 0.5, 1, 2, 3), A, M, D)
            call("silence", dropout.silence, M, A)


def call_networks_with_everything(call):
    """Weights of rows, penalties, dropout, a schedule and clipping at once."""

    def learn(X, Y, w, net):
        net.train_on_batch(X, Y, 1, w)
        net.gradients(X, Y, sample_weight=w, training=True)
        net.evaluate(X, Y, 1, w)
        for shuffle in (False, True):
            net.fit(
                X, Y, 1, 7, shuffle, (X, Y, w), sample_weight=w, schedule="cosine",
                clip_norm=0.1, clip_value=0.05,
            )  # fmt: skip

    for size in SIZES:
        n, n_out = (int(drawn) for drawn in call.rng.integers(1, 71, 2))
        for hidden, first in (((size,), 3), ((5, 33), size)):
            net = cyprop.Network(
                [first, *hidden, n_out], "relu", "identity", optimizer=cyprop.AdamW(1e-4),
                dtype=call.dtype, l1=0.01, l2=0.01, dropout=0.3,
            )  # fmt: skip
            X, Y, w = call.numbers(n, first), call.numbers(n, n_out), 1 + call.rng.random(n)
            call("everything", lambda X, Y, w, net=net: learn(X, Y, w, net), X, Y, w)
            call("learn_one", lambda x, y, net=net: net.learn_one(x, y, 2.0), X[0], Y[0])


def call_networks(call):
    def network(n_in, hidden, n_out, optimizer):
        sizes = [n_in, *hidden, n_out]
        kind = call.rng.choice((0, 2) if n_out == 1 else (0, 1, 2))
        output = ("identity", "softmax", "sigmoid")[kind]
        chosen = ("mse", "cross_entropy", "binary_cross_entropy")[kind]
        return cyprop.Network(sizes, "relu", output, chosen, optimizer, call.dtype)

    for size in SIZES:
        other, n = (int(drawn) for drawn in call.rng.integers(1, 71, 2))
        optimizer = (cyprop.SGD(1e-4), cyprop.SGD(1e-4, 0.9), cyprop.Adam(1e-4))[size % 3]
        for n_in, n_out in ((size, other), (other, size), (size, 1), (1, size)):
            hidden = () if (size + n_in) % 3 == 0 else (33,)
            net = network(n_in, hidden, n_out, optimizer)
            X, Y = call.numbers(n, n_in), np.minimum(np.abs(call.numbers(n, n_out)), 1)
            call("predict", net.predict, X, Y)
            call("predict one", net.predict, X[0], Y[0])
            call("bind", lambda x, y, net=net: net.bind(x, y)(), X, Y)
            call("bind one", lambda x, y, net=net: net.bind(x, y)(), X[0], Y[0])
            call("evaluate", net.evaluate, X, Y)
            call("gradients", net.gradients, X, Y)
            call("learn_one", net.learn_one, X[0], Y[0])
            call("train_on_batch", net.train_on_batch, X, Y)
            for shuffle in (False, True):
                call(
                    f"fit {shuffle=}",
                    lambda X, Y, net=net, shuffle=shuffle: net.fit(X, Y, 1, 7, shuffle),
                    X,
                    Y,
                )


def call_compiled_functions(call):
    """Scratch lies between forbidden pages too, and starts anywhere."""
    for size in SIZES:
        other, n, start = (int(drawn) for drawn in call.rng.integers(1, 71, 3))
        for n_in, n_out in ((size, other), (other, size)):
            net = cyprop.Network([n_in, 1 + size % 5, n_out], "tanh", "tanh", dtype=call.dtype)
            handle = net.handle()
            X, Y = call.numbers(n, n_in), call.numbers(n, n_out)
            scratch = np.zeros(handle.scratch_size(n) + start % 2, np.uint8)[start % 2 :]
            for name, count, arrays in (
                ("predict", [], [X[0], Y[0]]),
                ("predict_rows", [n], [X, Y]),
                ("learn_one", [], [X[0], Y[0], np.zeros(1)]),
                ("input_gradient", [n], [X, Y, X]),
            ):
                compiled = function(name, call.dtype)

                def made(*placed, compiled=compiled, handle=handle, count=count):
                    compiled(handle.address, *count, *(array.ctypes.data for array in placed))

                call(name, made, *arrays, scratch)


def main(level, dtype, path):
    dispatch.use(level)
    with Path(path).open("wb", buffering=0) as note:
        call = Calls(dtype, note)
        if path.endswith("overrun"):  # to see that the pages are guarded
            past_end = path.endswith("end overrun")
            call("guarded", np.copy, call.numbers(3))
            inside = call.regions[0].place(call.numbers(3), past_end)
            ctypes.string_at(inside.ctypes.data + (1 if past_end else -1), inside.nbytes)
        with np.errstate(all="ignore"):
            call_dense(call)
            call_activations_and_losses(call)
            call_updates(call)
            call_gradients_and_dropout(call)
            call_networks_with_everything(call)
            call_networks(call)
            call_compiled_functions(call)
    print("no call left its arrays")


if __name__ == "__main__":
    main(*sys.argv[1:])
