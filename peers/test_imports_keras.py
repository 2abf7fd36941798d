"""Models of Keras, from files of both kinds and live, beside Keras's own answers."""

import os

os.environ["KERAS_BACKEND"] = "torch"

import io
import zipfile

import chains
import h5py
import keras
import numpy as np
import pytest
import torch
from keras import layers

import cyprop
from cyprop.formats.keras import files as keras_files
from cyprop.formats.keras import live as from_keras

N = 1000
FUNCTIONS = [
    *("relu", "tanh", "sigmoid", "silu", "swish", "gelu", "elu", "selu", "celu", "leaky_relu"),
    *("softplus", "mish", "softsign", "relu6", "hard_sigmoid", "hard_silu", "hard_swish"),
    *("hard_tanh", "log_sigmoid", "exponential", "linear"),
]
OBJECTS = [
    lambda: layers.LeakyReLU(0.15),
    lambda: layers.LeakyReLU(),
    lambda: layers.ReLU(),
    lambda: layers.ReLU(max_value=6.0),
    lambda: layers.ReLU(negative_slope=0.2),
    lambda: layers.ELU(0.7),
    lambda: layers.Activation("swish"),
    lambda: layers.Activation(keras.activations.gelu),
]


def norm(draw, n, **options):
    """A BatchNormalization whose numbers are not those it begins with."""
    layer = layers.BatchNormalization(**options)
    layer.build((None, n))
    for variable in layer.variables:
        variable.assign(draw.uniform(0.3, 2, variable.shape))
    return layer


def parts(seed):
    """Layers, how many inputs they take, and rows of these, drawn by a number."""
    draw = np.random.Generator(np.random.PCG64(seed))
    keras.utils.set_random_seed(seed)
    dtype = ["float32", "float64"][seed % 2]
    keras.config.set_floatx(dtype)  # to which predict casts
    keras.config.set_dtype_policy(dtype)
    sizes = draw.integers(1, 30, draw.integers(2, 6)).tolist()
    X = draw.normal(3, 2, size=(N, sizes[0])).astype(dtype)
    found = []
    if draw.integers(2):
        found.append(layers.Normalization())
        found[-1].adapt(X[:50])
    if draw.integers(3) == 0:
        found.append(layers.Rescaling(0.5, offset=0.25))
    for n_out in sizes[1:]:
        how = draw.integers(4)
        name = FUNCTIONS[draw.integers(len(FUNCTIONS))]
        bias = bool(draw.integers(4))
        if how == 0:
            found += [layers.Dense(n_out, use_bias=bias), OBJECTS[draw.integers(len(OBJECTS))]()]
        elif how == 1:
            options = {"center": bool(draw.integers(3)), "scale": bool(draw.integers(3))}
            found += [layers.Dense(n_out), norm(draw, n_out, **options), layers.Activation(name)]
        elif how == 2:
            found += [layers.Dense(n_out, name), norm(draw, n_out), layers.Dropout(0.3)]
        else:
            found.append(layers.Dense(n_out, name, use_bias=bias))
    if draw.integers(3) == 0:
        found.append(layers.Dense(4, ["softmax", "log_softmax"][draw.integers(2)]))
    return found, sizes[0], X


def sequential(seed):
    found, n_in, X = parts(seed)
    return keras.Sequential([keras.Input((n_in,)), *found]), X


def functional(seed):
    found, n_in, X = parts(seed)
    end = start = keras.Input((n_in,))
    for layer in found:
        end = layer(end)
    return keras.Model(start, end), X


@pytest.fixture(autouse=True)
def _float32_again():
    yield
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy("float32")


def in_float64(model, X):
    """The prediction once more, since the torch backend multiplies float64 in float32."""
    A = torch.from_numpy(np.asarray(X, np.float64))
    for layer in model.layers:
        numbers = [torch.from_numpy(np.array(array, np.float64)) for array in layer.get_weights()]
        match type(layer).__name__:
            case "Dense":
                A = layer.activation(A @ numbers[0] + (numbers[1] if layer.use_bias else 0))
            case "BatchNormalization":
                mean, variance = numbers[-2:]
                gamma = numbers[0] if layer.scale else 1
                beta = numbers[-3] if layer.center else 0
                A = (A - mean) / torch.sqrt(variance + layer.epsilon) * gamma + beta
            case "Normalization":
                A = (A - numbers[0]) / torch.sqrt(numbers[1]).clamp(min=1e-7)
            case "Rescaling":
                A = A * layer.scale + layer.offset
            case "InputLayer":
                pass
            case _:
                A = layer(A)
        assert A.dtype == torch.float64
    return A.detach().numpy()


def read(path, **options):
    with open(path, "rb") as file:
        return keras_files.read(file, **options)


@pytest.mark.parametrize("kind", [sequential, functional])
@pytest.mark.parametrize("seed", range(25))
def test_files_and_live_objects_predict_as_keras_does(tmp_path, seed, kind):
    model, X = kind(seed)
    expected = model.predict(X, batch_size=N, verbose=0)
    precise = in_float64(model, X) if X.dtype == np.float64 else expected
    model.save(tmp_path / "net.keras")
    model.save(tmp_path / "net.h5")
    found = [
        read(tmp_path / "net.keras"),
        read(tmp_path / "net.h5"),
        from_keras.chain_of(model),
    ]
    for chain in found:
        assert chain.dtype == X.dtype
        chains.assert_meets(chain, X, expected, "float32")
        chains.assert_meets(chain, X, precise)
        for layer, own in zip(chain.layers, found[0].layers):
            assert layer.W.tobytes() == own.W.tobytes()
            assert layer.b.tobytes() == own.b.tobytes()
            assert layer.activation == own.activation


@pytest.mark.parametrize("name", ["net.keras", "net.h5"])
def test_weights_keep_their_bits(tmp_path, name):
    model = keras.Sequential([keras.Input((5,)), layers.Dense(7, "relu"), layers.Dense(3)])
    model.layers[0].kernel.assign(model.layers[0].kernel * np.float32(1e-20))
    model.save(tmp_path / name)
    for layer, own in zip(read(tmp_path / name).layers, model.layers):
        kernel, bias = own.get_weights()
        assert layer.W.tobytes() == kernel.tobytes()
        assert layer.b.tobytes() == bias.tobytes()


def normalised(**options):
    return [layers.Normalization(**options), layers.Dense(3)]


@pytest.mark.parametrize(
    "made",
    [
        lambda: normalised(mean=[1.0, 2.0, 3.0, 4.0], variance=[0.5, 2.0, 1.0, 1e-20]),
        lambda: normalised(mean=2.0, variance=0.5, axis=None),
        lambda: normalised(mean=[1.0, 2.0, 3.0, 4.0], variance=[0.5, 2.0, 1.0, 4.0], invert=True),
        lambda: [layers.Rescaling([1.0, 2.0, 0.5, 3.0], [0.0, 1.0, 2.0, -1.0]), layers.Dense(3)],
        lambda: [layers.Dense(3), layers.Rescaling(2.0, 1.0)],
        lambda: [layers.Dense(3, "tanh"), layers.Rescaling(2.0, 1.0)],
        lambda: [layers.Flatten(), layers.Dense(3), layers.Dense(2), layers.Identity()],
        lambda: [layers.Dense(3, activation=layers.LeakyReLU(0.1)), layers.Dense(2)],
    ],
)
@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_maps_and_single_layers(tmp_path, made, suffix):
    keras.utils.set_random_seed(3)
    model = keras.Sequential([keras.Input((4,)), *made()])
    X = np.random.default_rng(1).normal(size=(N, 4)).astype("f")
    expected = model.predict(X, batch_size=N, verbose=0)
    model.save(tmp_path / f"net.{suffix}")
    for chain in (read(tmp_path / f"net.{suffix}"), from_keras.chain_of(model)):
        chains.assert_meets(chain, X, expected)


def test_pictures_are_flattened(tmp_path):
    model = keras.Sequential([keras.Input((5, 4)), layers.Flatten(), layers.Dense(3)])
    model.save(tmp_path / "net.keras")
    X = np.random.default_rng(1).normal(size=(N, 5, 4)).astype("f")
    expected = model.predict(X, batch_size=N, verbose=0)
    chains.assert_meets(read(tmp_path / "net.keras"), X.reshape(N, 20), expected)


def two_outputs():
    start = keras.Input((4,), name="start")
    middle = layers.Dense(5, "relu")(start)
    return keras.Model(
        start, [layers.Dense(2, name="a")(middle), layers.Dense(3, name="b")(middle)]
    )


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_several_outputs_ask_for_one(tmp_path, suffix):
    model = two_outputs()
    path = tmp_path / f"net.{suffix}"
    model.save(path)
    with pytest.raises(cyprop.FormatError, match=r"2 outputs: give output=…, one of 'a', 'b'"):
        read(path)
    with pytest.raises(cyprop.FormatError, match="no output 'c'"):
        read(path, output="c")
    X = np.random.default_rng(1).normal(size=(N, 4)).astype("f")
    expected = model.predict(X, batch_size=N, verbose=0)[1]
    chains.assert_meets(read(path, output="b"), X, expected)
    chains.assert_meets(from_keras.chain_of(model, "b"), X, expected)


def branched():
    start = keras.Input((4,))
    return keras.Model(start, layers.Add()([layers.Dense(3)(start), layers.Dense(3)(start)]))


def shared():
    start, layer = keras.Input((4,)), layers.Dense(4)
    return keras.Model(start, layer(layer(start)))


def two_inputs():
    a, b = keras.Input((4,)), keras.Input((4,))
    return keras.Model([a, b], layers.Dense(3)(layers.Concatenate()([a, b])))


def chain_with(*inside, shape=(4,)):
    return lambda: keras.Sequential([keras.Input(shape), *inside])


@keras.saving.register_keras_serializable("mine")
class Mine(layers.Dense):
    pass


def quantised():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    model.layers[0].enable_lora(2)
    return model


REFUSED = {
    "branched": (branched, "the layer Add .* has 2 inputs, expected one"),
    "shared": (shared, "Dense 'dense.*' is called several times"),
    "two inputs": (two_inputs, "2 inputs, expected one"),
    "recurrent": (chain_with(layers.LSTM(3), shape=(5, 4)), "LSTM 'lstm.*' takes 3 dimensions"),
    "of pictures": (
        chain_with(layers.Conv1D(3, 1), layers.Flatten(), layers.Dense(2), shape=(5, 4)),
        "Conv1D",
    ),
    "on pictures": (
        chain_with(layers.Dense(3), shape=(5, 4)),
        "Dense 'dense.*' takes 3 dimensions",
    ),
    "norm": (
        chain_with(layers.Dense(3), layers.LayerNormalization()),
        "LayerNormalization .*cannot be part",
    ),
    "lambda": (chain_with(layers.Dense(3), layers.Lambda(lambda x: x)), "the layer Lambda"),
    "prelu": (chain_with(layers.Dense(3), layers.PReLU()), "the layer PReLU"),
    "custom": (chain_with(Mine(3)), "Mine 'mine' is of .*expected one of Keras's own"),
    "threshold": (chain_with(layers.Dense(3), layers.ReLU(threshold=1.0)), "threshold"),
    "end": (chain_with(layers.Dense(3), layers.ReLU(max_value=5.0)), "ends at 5"),
    "function": (chain_with(layers.Dense(3, "tanh_shrink")), "activation 'tanh_shrink'"),
    "nested": (
        chain_with(keras.Sequential([keras.Input((4,)), layers.Dense(3)])),
        "model in a model",
    ),
    "no layer": (chain_with(layers.Dropout(0.1)), "no layer"),
    "half": (chain_with(layers.Dense(3, dtype="float16")), "is of 'float16'"),
    "lora": (quantised, "lora"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_chain_is_refused(tmp_path, kind):
    made, reason = REFUSED[kind]
    model = made()
    for suffix in ["keras"] if kind in ("lora", "lambda") else ["keras", "h5"]:
        model.save(tmp_path / f"net.{suffix}")
        with pytest.raises(cyprop.FormatError, match=reason):
            read(tmp_path / f"net.{suffix}")
    with pytest.raises(ValueError, match=reason):
        from_keras.chain_of(model)


def test_models_that_are_classes_of_the_users_are_refused():
    class Own(keras.Sequential):
        def call(self, inputs, training=None):
            return super().call(inputs) + 1

    with pytest.raises(ValueError, match="Own, which may compute anything"):
        from_keras.chain_of(Own([keras.Input((4,)), layers.Dense(3)]))
    with pytest.raises(TypeError, match="model is 3, expected a model of Keras"):
        from_keras.chain_of(3)


def test_weights_alone_are_refused(tmp_path):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    model.save_weights(tmp_path / "net.weights.h5")
    with pytest.raises(cyprop.FormatError, match="no model_config, so it has weights alone"):
        read(tmp_path / "net.weights.h5")


def test_what_is_imported_can_learn(tmp_path, rng):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(6, "relu"), layers.Dense(1)])
    model.save(tmp_path / "net.keras")
    X = rng.normal(size=(90, 4)).astype("f")
    for net in (cyprop.from_keras(model), cyprop.load(tmp_path / "net.keras")):
        assert net.loss == "mse"
        before = net.evaluate(X, X[:, :1])
        net.fit(X, X[:, :1], epochs=5)
        assert net.evaluate(X, X[:, :1]) < before


# What somebody did to the HDF5 of a good file


def saved(tmp_path):
    model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    model.save(tmp_path / "net.h5")
    return tmp_path / "net.h5", list_of(tmp_path / "net.h5")


def list_of(path):
    with h5py.File(path) as file:
        found = []
        file.visit(lambda name: found.append(name) if name.endswith("kernel") else None)
    return found[0]


def external_link(file, name, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["kernel"] = np.ones((4, 3), "f")
    del file[name]
    file[name] = h5py.ExternalLink(str(tmp_path / "other.h5"), "/kernel")


def soft_link(file, name, tmp_path):
    file["elsewhere"] = file[name][...]
    del file[name]
    file[name] = h5py.SoftLink("/elsewhere")


def external_storage(file, name, tmp_path):
    (tmp_path / "raw").write_bytes(bytes(48))
    del file[name]
    file.create_dataset(name, (4, 3), "f", external=[(str(tmp_path / "raw"), 0, 48)])


def virtual(file, name, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["kernel"] = np.ones((4, 3), "f")
    layout = h5py.VirtualLayout((4, 3), "f")
    layout[...] = h5py.VirtualSource(str(tmp_path / "other.h5"), "kernel", (4, 3))
    del file[name]
    file.create_virtual_dataset(name, layout)


def compressed(file, name, tmp_path):
    del file[name]
    file.create_dataset(name, data=np.zeros((4, 3), "f"), compression="gzip")


def never_written(file, name, tmp_path):
    del file[name]
    file.create_dataset(name, (1 << 30, 3), "f")


def a_group(file, name, tmp_path):
    del file[name]
    file.create_group(name)


def of_another_shape(file, name, tmp_path):
    del file[name]
    file[name] = np.ones((4, 5), "f")


def of_text(file, name, tmp_path):
    del file[name]
    file[name] = np.array([b"a" * 4], "S4")


def of_integers(file, name, tmp_path):
    del file[name]
    file[name] = np.ones((4, 3), "i")


CHANGES = {
    external_link: "soft or an external link",
    soft_link: "soft or an external link",
    external_storage: "in another file",
    virtual: "in pieces|another file",
    compressed: "compressed",
    never_written: "0 bytes of numbers|bytes of numbers",
    a_group: "not a data set",
    of_another_shape: "weights of shape",
    of_text: "bytes of numbers",
    of_integers: "numbers of int",
}


@pytest.mark.parametrize("change", CHANGES)
def test_hdf5_that_leads_elsewhere_is_refused(tmp_path, change):
    path, name = saved(tmp_path)
    assert read(path).sizes == (4, 3)
    with h5py.File(path, "a") as file:
        change(file, name, tmp_path)
    with pytest.raises(cyprop.FormatError, match=CHANGES[change]):
        read(path)


def test_cut_and_repacked_files(tmp_path):
    model = keras.Sequential([keras.Input((40,)), layers.Dense(30)])
    model.save(tmp_path / "net.keras")
    data = (tmp_path / "net.keras").read_bytes()
    for end in range(0, len(data), 97):
        with pytest.raises(cyprop.FormatError):
            keras_files.read(io.BytesIO(data[:end]))
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(packed, "w", 8) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
    chain = keras_files.read(packed)
    assert chain.layers[0].W.tobytes() == model.layers[0].get_weights()[0].tobytes()
