"""What a chain predicts, maps included, and how far that is from another library."""

import numpy as np

import cyprop

BOUNDS = {"float32": 1e-5, "float64": 1e-12}


def predict(chain, X):
    """The network's prediction, between the maps of inputs and outputs in NumPy."""
    A = np.asarray(X, np.float64)
    if chain.inputs is not None:
        A = (A - chain.inputs.offset) * chain.inputs.scale
    inner = chain._replace(inputs=None, outputs=None, labels=None)
    inner = inner._replace(input_names=None, output_names=None)
    A = inner.network(cyprop.Network).predict(A.astype(chain.dtype))
    if chain.outputs is not None:
        A = (A - chain.outputs.offset) * chain.outputs.scale
    return A


def assert_meets(chain, X, expected, dtype=None):
    """Each output within the bound of the dtype, beside the largest of all."""
    actual = predict(chain, X)
    expected = np.asarray(expected).reshape(actual.shape)
    bound = BOUNDS[np.dtype(dtype or chain.dtype).name] * abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=bound)
