"""Files of other libraries in the runtimes that they were written for: one row, and many."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import Candidate


@dataclass
class Runtime:
    """A network in a library of its own.

    `ways` are calls that predict one row, and `outputs` gives those of many rows, as a matrix.
    """

    name: str
    ways: Callable[[Any], list[Candidate]]
    outputs: Callable[[Any], Any]


def runtime_of(path: Path) -> Runtime:
    """The runtime of a file, by its suffix; ImportError if it is not installed."""
    makers = {".onnx": of_onnx, ".zip": of_policy, ".keras": of_keras, ".h5": of_keras}
    return makers[path.suffix](path)


def of_onnx(path: Path) -> Runtime:
    """ONNX Runtime with all its optimisations and one thread, plain and bound to buffers."""
    import onnxruntime

    from benchmarks.peers import onnx_peer

    run = onnxruntime.InferenceSession(
        str(path), onnx_peer.session_options(), providers=["CPUExecutionProvider"]
    )
    first = run.get_inputs()[0]
    # Of a batch that is open, or fixed, one row: all other extents are those of the row.
    shape = [size if isinstance(size, int) else 1 for size in first.shape]

    def ways(x: Any) -> list[Candidate]:
        row = np.ascontiguousarray(x.reshape(shape))
        names = [output.name for output in run.get_outputs()]
        [out] = run.run(names[:1], {first.name: row})
        out = np.empty_like(out)
        return [
            Candidate("ONNX Runtime", run.run, [(None, {first.name: row})]),
            Candidate("ONNX Runtime io-binding", onnx_peer.bound(run, row, out)),
        ]

    def outputs(X: Any) -> Any:
        name = run.get_outputs()[0].name
        return np.stack([run.run([name], {first.name: x.reshape(shape)})[0].ravel() for x in X])

    return Runtime("ONNX Runtime", ways, outputs)


def of_policy(path: Path) -> Runtime:
    """The mean action of a policy, in PyTorch: as a Sequential of its modules, called eagerly."""
    import torch

    torch.set_num_threads(1)
    with zipfile.ZipFile(path) as archive, archive.open("policy.pth") as file:
        state = torch.load(file, weights_only=True)
    parts: list[Any] = []
    for name in ("mlp_extractor.policy_net.0", "mlp_extractor.policy_net.2", "action_net"):
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        linear = torch.nn.Linear(weight.shape[1], weight.shape[0])
        linear.load_state_dict({"weight": weight, "bias": bias})
        parts += [linear, torch.nn.Tanh()]
    net = torch.nn.Sequential(*parts[:-1]).eval().requires_grad_(False)

    def ways(x: Any) -> list[Candidate]:
        return [Candidate("PyTorch eager", net, [(torch.from_numpy(x),)])]

    return Runtime("PyTorch", ways, lambda X: net(torch.from_numpy(X)).numpy())


def of_keras(path: Path) -> Runtime:
    """Keras, by calling the model and by its `predict_on_batch`; on the backend that it has."""
    os.environ.setdefault("KERAS_BACKEND", "torch")
    import keras

    model = keras.models.load_model(path, compile=False)
    shape = [size or 1 for size in model.input_shape[1:]]

    def ways(x: Any) -> list[Candidate]:
        row = x.reshape(1, *shape)
        return [
            Candidate("Keras model(x)", model, [(row,)]),
            Candidate("Keras predict_on_batch", model.predict_on_batch, [(row,)]),
        ]

    def outputs(X: Any) -> Any:
        return model.predict_on_batch(X.reshape(len(X), *shape)).reshape(len(X), -1)

    return Runtime(f"Keras on {keras.backend.backend()}", ways, outputs)


@contextmanager
def without_gradients() -> Iterator[None]:
    """PyTorch keeps nothing to derive by, where it is installed."""
    try:
        import torch
    except ImportError:
        yield
        return
    with torch.inference_mode():
        yield
