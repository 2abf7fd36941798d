"""Print a hash of what this installation learns and predicts: python tools/fingerprint.py

The hashes of every machine, compiler and instruction set with FMA are the same; so are those of all
without. On other weights they would differ: every activation, loss and optimizer takes part.
"""

import hashlib
import platform

import numpy as np

import cyprop
from cyprop.datasets import digits
from cyprop.kernels import dispatch

LESSONS = (
    ([64, 30, 10], "sigmoid", "sigmoid", "mse", cyprop.SGD(0.5)),
    ([64, 100, 33, 10], "relu", "softmax", "cross_entropy", cyprop.SGD(0.01, momentum=0.9)),
    ([64, 17, 128, 10], "tanh", "sigmoid", "binary_cross_entropy", cyprop.Adam(0.003)),
)


def fingerprint(dtype: str) -> str:
    """A hash of the weights after three lessons on the digits, and of predictions and losses."""
    pixels, labels = digits()
    X, Y = (pixels / 16).astype(dtype), np.eye(10, dtype=dtype)[labels]
    said = hashlib.sha256()
    for sizes, activation, output_activation, loss, optimizer in LESSONS:
        net = cyprop.Network(
            sizes,
            activation=activation,
            output_activation=output_activation,
            loss=loss,
            dtype=dtype,
            seed=7,
            optimizer=optimizer,
        )
        history = net.fit(X, Y, epochs=3, batch_size=32)
        for x, y in zip(X[:200], Y, strict=False):
            net.learn_one(x, y)
        said.update(net.parameters.tobytes() + net.predict(X).tobytes())
        said.update(np.array([history.loss[-1], net.evaluate(X, Y)]).tobytes())
    return said.hexdigest()[:16]


if __name__ == "__main__":
    for level in dispatch.supported():
        if level in dispatch.built():
            dispatch.use(level)
            hashes = " ".join(f"{dtype} {fingerprint(dtype)}" for dtype in ("float32", "float64"))
            print(platform.machine(), level, hashes, flush=True)
