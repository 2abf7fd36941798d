"""From names of tensors to a chain: order, groups, BatchNorm1d, activations."""

import numpy as np
import pytest
import torch_files as files

import cyprop
from cyprop.formats.pytorch.state_dict import chain_of


class Tensors(dict):
    """Arrays by name, which tell their shapes."""

    def shape(self, name):
        return self[name].shape


def chain(arrays, **options):
    options.setdefault("activation", "relu")
    return chain_of(Tensors(arrays), **options)


def norm(rng, name, n):
    return {
        f"{name}.weight": rng.normal(size=n),
        f"{name}.bias": rng.normal(size=n),
        f"{name}.running_mean": rng.normal(size=n),
        f"{name}.running_var": rng.uniform(0.1, 2, n),
        f"{name}.num_batches_tracked": np.int64(7),
    }


def normalised(arrays, name, Z):
    mean, variance = arrays[f"{name}.running_mean"], arrays[f"{name}.running_var"]
    weight, bias = arrays[f"{name}.weight"], arrays[f"{name}.bias"]
    return (Z - mean) / np.sqrt(variance + 1e-5) * weight + bias


def linear(arrays, name, A):
    return A @ arrays[f"{name}.weight"].T + arrays[f"{name}.bias"]


def predicted(found, X):
    """What a chain of relus computes, in NumPy."""
    A = X if found.inputs is None else (X - found.inputs.offset) * found.inputs.scale
    for layer in found.layers:
        A = A @ layer.W + layer.b
        A = np.maximum(A, 0) if layer.activation.name == "relu" else A
    return A if found.outputs is None else (A - found.outputs.offset) * found.outputs.scale


def relu(Z):
    return np.maximum(Z, 0)


@pytest.mark.parametrize("names", [["0", "1", "3"], ["fc1", "bn1", "fc2"], ["a", "norm", "b"]])
def test_a_norm_stands_in_front_of_the_activation(rng, names):
    first, middle, last = names
    layers = files.arrays(rng, [3, 5, 2], dtype="float64", step=1)
    renamed = {
        key.replace("0.", f"{first}."): value for key, value in layers.items() if "0." in key
    }
    renamed |= norm(rng, middle, 5)
    renamed |= {f"{last}.{leaf}": layers[f"1.{leaf}"] for leaf in ("weight", "bias")}
    found, X = chain(renamed), rng.normal(size=(9, 3))
    assert len(found.layers) == 2
    A = relu(normalised(renamed, middle, linear(renamed, first, X)))
    np.testing.assert_allclose(predicted(found, X), linear(renamed, last, A), rtol=1e-12)


def test_a_norm_behind_the_activation_is_told_by_its_number(rng):
    arrays = files.arrays(rng, [3, 5], prefix="net.", dtype="float64")
    arrays |= norm(rng, "net.2", 5)
    arrays |= {"net.3.weight": rng.normal(size=(2, 5)), "net.3.bias": rng.normal(size=2)}
    found, X = chain(arrays), rng.normal(size=(9, 3))
    A = normalised(arrays, "net.2", relu(linear(arrays, "net.0", X)))
    np.testing.assert_allclose(predicted(found, X), linear(arrays, "net.3", A), rtol=1e-12)


def test_a_norm_between_two_gaps_could_be_on_either_side(rng):
    arrays = files.arrays(rng, [3, 5]) | norm(rng, "2", 5)
    arrays |= {"5.weight": np.ones((2, 5))}
    with pytest.raises(cyprop.FormatError, match="module '2' may stand in front of an activation"):
        chain(arrays)


def test_a_norm_of_the_inputs_becomes_their_map_or_folds(rng):
    layer = files.arrays(rng, [3, 5], dtype="float64")
    arrays = norm(rng, "0", 3) | {f"1.{key[2:]}": value for key, value in layer.items()}
    found, X = chain(arrays), rng.normal(size=(9, 3))
    expected = linear(arrays, "1", normalised(arrays, "0", X))
    np.testing.assert_allclose(predicted(found, X), expected, rtol=1e-12, atol=1e-12)


def test_a_norm_without_weights_and_layers_without_biases(rng):
    arrays = {"0.weight": rng.normal(size=(5, 3))}
    arrays |= {key: value for key, value in norm(rng, "1", 5).items() if "running" in key}
    plain = {**arrays, "0.bias": np.zeros(5), "1.weight": np.ones(5), "1.bias": np.zeros(5)}
    X = rng.normal(size=(9, 3))
    expected = normalised(plain, "1", linear(plain, "0", X))
    np.testing.assert_allclose(predicted(chain(arrays), X), expected, rtol=1e-12)


def several(rng):
    return {
        **files.arrays(rng, [4, 6, 6], "mlp.policy_net."),
        **files.arrays(rng, [4, 6, 6], "mlp.value_net."),
        **{"action_net.weight": np.ones((2, 6), "f"), "action_net.bias": np.zeros(2, "f")},
        **{"value_net.weight": np.ones((1, 6)), "value_net.bias": np.zeros(1)},
    }


def test_several_chains_are_listed(rng):
    with pytest.raises(cyprop.FormatError) as caught:
        chain(several(rng))
    for part in ("'mlp.policy_net' 4-6-6", "'mlp.value_net' 4-6-6", "'action_net' 6-2", "layers=["):
        assert part in str(caught.value)


def test_layers_chooses_and_orders(rng):
    arrays = several(rng)
    found = chain(arrays, layers=["mlp.policy_net", "action_net"])
    assert found.sizes == (4, 6, 6, 2)
    assert found.layers[1].W.tobytes() == arrays["mlp.policy_net.2.weight"].T.copy().tobytes()
    found = chain(arrays, layers=["mlp.value_net.0", "value_net"])
    assert found.sizes == (4, 6, 1)
    for wrong, error, reason in (
        (["policy"], ValueError, "layers has 'policy', which is not in the file; it has 'mlp"),
        (["action_net", "action_net"], ValueError, "twice"),
        ("action_net", TypeError, "layers is 'action_net', expected a list"),
        ([], TypeError, "expected a list"),
        ([1], TypeError, "expected a list"),
        (["action_net", "value_net"], cyprop.FormatError, "takes 6 columns"),
    ):
        with pytest.raises(error, match=reason):
            chain(arrays, layers=wrong)


def test_groups_that_fit_in_one_order_alone_are_one_chain(rng):
    arrays = files.arrays(rng, [4, 6, 6], "body.") | {"head.weight": np.ones((2, 6))}
    assert chain(arrays).sizes == (4, 6, 6, 2)
    arrays = files.arrays(rng, [4, 6], "body.")
    arrays |= {"a.weight": np.ones((6, 6)), "b.weight": np.ones((6, 6))}
    with pytest.raises(cyprop.FormatError, match="several chains"):
        chain(arrays)


@pytest.mark.parametrize(
    ("extra", "reason"),
    [
        ({"1.weight": (6,)}, "'1.weight' has the shape"),
        ({"1.weight": (6, 6, 3)}, "'1.weight' has the shape"),
        ({"1.weight_g": (6, 1)}, "'1.weight_g' is not of a Linear layer"),
        ({"1.weight_ih_l0": (6, 1)}, "'1.weight_ih_l0' is not of a Linear layer"),
        ({"1.bias": (6,)}, "no '1.weight'"),
        ({"1.weight": (6, 6), "1.bias": (5,)}, "'1.bias' has not 6 numbers"),
        ({"1.weight": (6, 6), "1.bias": (6, 1)}, "one dimension"),
        ({"1.weight": (3, 5)}, "takes 5 columns, and what comes before it has 6"),
        ({"log_std": (2,)}, "'log_std' is not of a Linear"),
        ({"1.running_mean": (6,)}, "no '1.running_var'"),
        ({"1.running_mean": (6,), "1.running_var": (5,)}, "'1.running_var' has not 6"),
    ],
)
def test_what_is_no_chain_is_refused_by_name(extra, reason):
    arrays = {"0.weight": np.ones((6, 4)), **{key: np.ones(size) for key, size in extra.items()}}
    with pytest.raises(cyprop.FormatError, match=reason):
        chain(arrays)


def test_activations_are_asked_for(rng):
    arrays = files.arrays(rng, [4, 6, 2])
    with pytest.raises(ValueError, match="activation is not given, .* 4-6-2, .* activation='relu'"):
        chain(arrays, activation=None)
    with pytest.raises(ValueError, match="activation has 2 entries, expected 1"):
        chain(arrays, activation=["relu", "relu"])
    with pytest.raises(ValueError, match="'swish' is unknown"):
        chain(arrays, activation="swish")
    found = chain(arrays, activation=cyprop.LeakyReLU(0.2), output_activation="softmax")
    assert [layer.activation for layer in found.layers] == [
        cyprop.LeakyReLU(0.2),
        cyprop.Activation("softmax"),
    ]
    assert chain(files.arrays(rng, [4, 2]), activation=None).sizes == (4, 2)


def test_no_layer_at_all(rng):
    with pytest.raises(cyprop.FormatError, match="no Linear layer"):
        chain(norm(rng, "0", 4))
