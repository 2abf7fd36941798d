"""What a chain predicts as a network, and how far that is from another library."""

import numpy as np

import cyprop

BOUNDS = {"float32": 1e-5, "float64": 1e-12}


def predict(chain, X):
    """What its network predicts, through its maps."""
    return chain.network(cyprop.Network).predict(np.asarray(X, chain.dtype))


def assert_meets(chain, X, expected, dtype=None):
    """Each output within the bound of the dtype, beside the largest of all."""
    actual = predict(chain, X)
    expected = np.asarray(expected).reshape(actual.shape)
    bound = BOUNDS[np.dtype(dtype or chain.dtype).name] * abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=bound)
