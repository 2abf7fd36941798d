"""ONNX Runtime: an ordinary run, and one bound to fixed buffers."""

from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.networks import Problem
from benchmarks.peers import Predictor

NAME = "ONNX Runtime"

OPERATORS = {"sigmoid": "Sigmoid", "tanh": "Tanh", "relu": "Relu"}


def session(problem: Problem) -> onnxruntime.InferenceSession:
    """The network as Gemm and activation, layer by layer, optimised by ONNX Runtime."""
    nodes, constants = [], []
    name = "X"
    for layer, (W, b, activation) in enumerate(
        zip(problem.weights, problem.biases, problem.activations, strict=True)
    ):
        constants += [
            numpy_helper.from_array(W, f"W{layer}"),
            numpy_helper.from_array(b, f"b{layer}"),
        ]
        nodes.append(helper.make_node("Gemm", [name, f"W{layer}", f"b{layer}"], [f"Z{layer}"]))
        name = f"Z{layer}"
        if activation in OPERATORS:
            nodes.append(helper.make_node(OPERATORS[activation], [name], [f"A{layer}"]))
            name = f"A{layer}"
    element = TensorProto.FLOAT if problem.dtype == np.float32 else TensorProto.DOUBLE
    graph = helper.make_graph(
        nodes,
        "network",
        [helper.make_tensor_value_info("X", element, ["n", problem.sizes[0]])],
        [helper.make_tensor_value_info(name, element, ["n", problem.sizes[-1]])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return onnxruntime.InferenceSession(
        model.SerializeToString(), session_options(), providers=["CPUExecutionProvider"]
    )


def session_options() -> onnxruntime.SessionOptions:
    """One thread, and all optimisations."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    return options


def bound(run: onnxruntime.InferenceSession, X: Any, out: Any) -> Any:
    """The call that reads X and writes out, both fixed buffers; nothing is copied."""
    binding = run.io_binding()
    for array, bind, name in (
        (X, binding.bind_input, run.get_inputs()[0].name),
        (out, binding.bind_output, run.get_outputs()[0].name),
    ):
        bind(name, "cpu", 0, array.dtype, array.shape, array.ctypes.data)
    return lambda: run.run_with_iobinding(binding)


def predictors(problem: Problem, batch: bool) -> list[Predictor]:
    run = session(problem)

    def prepare(x: Any) -> tuple[None, dict[str, Any]]:
        return None, {"X": np.array(x, ndmin=2)}

    found = [Predictor("ONNX Runtime", run.run, prepare, lambda outputs: outputs[0])]
    if not batch:
        X = np.empty((1, problem.sizes[0]), problem.dtype)
        out = np.empty((1, problem.sizes[-1]), problem.dtype)

        def fill(x: Any) -> tuple[()]:
            X[0] = x
            return ()

        found.append(Predictor("ONNX Runtime io-binding", bound(run, X, out), fill, lambda _: out))
    return found
