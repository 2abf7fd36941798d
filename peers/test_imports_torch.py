"""Networks of PyTorch, from files and live, beside PyTorch's own answers; and back again."""

import io
import pickle

import chains
import numpy as np
import pytest
import safetensors.torch
import torch
from torch import nn

import cyprop
from cyprop.formats.pytorch import archive as pytorch
from cyprop.formats.pytorch import live as from_torch
from cyprop.formats.pytorch import safetensors as torch_safetensors
from cyprop.formats.pytorch.to_torch import to_torch

N = 1000
ACTIVATIONS = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "gelu": nn.GELU,
    "gelu_tanh": lambda: nn.GELU("tanh"),
    "elu": nn.ELU,
    "selu": nn.SELU,
    "celu": nn.CELU,
    "leaky_relu": nn.LeakyReLU,
    "softplus": nn.Softplus,
    "mish": nn.Mish,
    "softsign": nn.Softsign,
    "relu6": nn.ReLU6,
    "hard_sigmoid": nn.Hardsigmoid,
    "hard_swish": nn.Hardswish,
    "hard_tanh": nn.Hardtanh,
    "log_sigmoid": nn.LogSigmoid,
}
OUTPUTS = {"softmax": nn.Softmax, "log_softmax": nn.LogSoftmax, "identity": None}


def made(seed):
    """A Sequential, its activations, and rows of inputs, drawn by a number."""
    draw = np.random.Generator(np.random.PCG64(seed))
    torch.manual_seed(seed)
    dtype = [torch.float32, torch.float64][seed % 2]
    sizes = draw.integers(1, 40, draw.integers(2, 6)).tolist()
    names = list(ACTIVATIONS)
    modules, activations = [], []
    for layer, (n_in, n_out) in enumerate(zip(sizes[:-1], sizes[1:])):
        modules.append(nn.Linear(n_in, n_out, bias=bool(draw.integers(4)), dtype=dtype))
        if layer < len(sizes) - 2:
            if draw.integers(3) == 0:
                norm = nn.BatchNorm1d(n_out, dtype=dtype, affine=bool(draw.integers(3)))
                norm.running_mean.normal_()
                norm.running_var.uniform_(0.3, 3)
                modules.append(norm)
            activations.append(names[draw.integers(len(names))])
            modules.append(ACTIVATIONS[activations[-1]]())
    output = list(OUTPUTS)[draw.integers(len(OUTPUTS))]
    if OUTPUTS[output] is not None:
        modules.append(OUTPUTS[output](dim=1))
    model = nn.Sequential(*modules).eval()
    X = torch.from_numpy(draw.normal(size=(N, sizes[0]))).to(dtype)
    with torch.no_grad():
        expected = model(X).numpy()
    return model, activations, output, X.numpy(), expected


@pytest.mark.parametrize("seed", range(60))
def test_files_and_live_objects_predict_as_pytorch_does(tmp_path, seed):
    model, activations, output, X, expected = made(seed)
    options = {"activation": activations, "output_activation": output}
    torch.save(model.state_dict(), tmp_path / "net.pt")
    safetensors.torch.save_file(model.state_dict(), tmp_path / "net.safetensors")
    with open(tmp_path / "net.pt", "rb") as file:
        chains.assert_meets(pytorch.read(file, **options), X, expected)
    with open(tmp_path / "net.safetensors", "rb") as file:
        chains.assert_meets(torch_safetensors.read(file, **options), X, expected)
    chains.assert_meets(from_torch.chain_of(model), X, expected)


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "bfloat16"])
def test_weights_keep_their_bits(tmp_path, dtype):
    model = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3)).to(getattr(torch, dtype))
    torch.save({"epoch": 3, "state_dict": model.state_dict()}, tmp_path / "net.pt")
    safetensors.torch.save_file(model.state_dict(), tmp_path / "net.safetensors")
    with open(tmp_path / "net.pt", "rb") as file, open(tmp_path / "net.safetensors", "rb") as other:
        found = [
            pytorch.read(file, activation="relu"),
            torch_safetensors.read(other, activation="relu"),
            from_torch.chain_of(model),
        ]
    wide = torch.float64 if dtype == "float64" else torch.float32
    for chain in found:
        for layer, linear in zip(chain.layers, model[::2]):
            assert layer.W.T.tobytes() == linear.weight.detach().to(wide).numpy().tobytes()
            assert layer.b.tobytes() == linear.bias.detach().to(wide).numpy().tobytes()


def test_parameters_and_shared_storages(tmp_path):
    model = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 4))
    model[2].weight = model[0].weight
    torch.save(model.state_dict(keep_vars=True), tmp_path / "net.pt")
    with open(tmp_path / "net.pt", "rb") as file:
        chain = pytorch.read(file, activation="relu")
    X = torch.randn(N, 4)
    chains.assert_meets(chain, X.numpy(), model(X).detach().numpy())


def test_numbers_of_natural_order():
    model = nn.Sequential(*[part for _ in range(12) for part in (nn.Linear(4, 4), nn.Tanh())])
    data = safetensors.torch.save(model[:-1].state_dict())
    chain = torch_safetensors.read(io.BytesIO(data), activation="tanh")
    X = torch.randn(N, 4)
    chains.assert_meets(chain, X.numpy(), model[:-1](X).detach().numpy())


def test_nested_modules_that_vanish_and_norms_anywhere():
    torch.manual_seed(5)
    model = nn.Sequential(
        nn.Flatten(),
        nn.BatchNorm1d(4),
        nn.Sequential(nn.Linear(4, 6), nn.Dropout(0.5), nn.Sequential(nn.ReLU())),
        nn.BatchNorm1d(6),
        nn.Identity(),
        nn.Linear(6, 3),
        nn.LeakyReLU(0.3),
        nn.Linear(3, 3),
        nn.Linear(3, 2),
    ).eval()
    for norm in (model[1], model[3]):
        norm.running_mean.normal_()
        norm.running_var.uniform_(0.3, 3)
    X = torch.randn(N, 4)
    chain = from_torch.chain_of(model)
    assert chain.layers[1].activation == cyprop.LeakyReLU(0.3)
    chains.assert_meets(chain, X.numpy(), model(X).detach().numpy())
    chains.assert_meets(from_torch.chain_of(model.double()), X, model(X.double()).detach().numpy())


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(2, 3)

    def forward(self, X):
        return self.linear(X)


class OwnSequential(nn.Sequential):
    def forward(self, X):
        return super().forward(X) + 1


def hooked():
    linear = nn.Linear(2, 3)
    linear.register_forward_hook(lambda module, inputs, output: output + 1)
    return nn.Sequential(linear)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (Own(), "may compute anything, .*cyprop.load reads its state_dict"),
        (OwnSequential(nn.Linear(2, 3)), "may compute anything"),
        (nn.Sequential(nn.Linear(2, 3), Own()), "module Own '1' may compute anything"),
        (nn.Sequential(nn.Conv1d(2, 3, 1)), "module Conv1d '0'"),
        (nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3)), "module LayerNorm '1'"),
        (nn.Sequential(nn.Linear(2, 3), nn.LSTM(3, 3)), "module LSTM '1'"),
        (nn.Sequential(nn.Flatten(2), nn.Linear(2, 3)), "Flatten '0' leaves more"),
        (nn.Sequential(nn.Linear(2, 3), nn.Softmax(dim=0)), "Softmax.* expected dim=1"),
        (nn.Sequential(nn.Linear(2, 3), nn.Softplus(2.0)), "Softplus.*expected beta=1"),
        (nn.Sequential(nn.Linear(2, 3), nn.Hardtanh(-2, 2)), "Hardtanh.*expected ends at -1"),
        (nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3, track_running_stats=False)), "running"),
        (nn.Sequential(nn.Linear(2, 3), nn.Linear(4, 3)), "takes 4 columns"),
        (nn.Sequential(nn.ReLU()), "before the first layer|first layer"),
        (nn.Sequential(), "no layer"),
        (hooked(), "has hooks"),
        (nn.utils.parametrizations.weight_norm(nn.Linear(2, 3)), "may compute anything"),
    ],
)
def test_what_is_no_chain_is_refused(model, reason):
    with pytest.raises(ValueError, match=reason):
        from_torch.chain_of(model)


def test_what_is_no_module_is_refused():
    with pytest.raises(TypeError, match="module is 3, expected a torch.nn.Sequential"):
        from_torch.chain_of(3)


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
def test_files_of_other_kinds_are_refused(tmp_path):
    model = nn.Sequential(nn.Linear(2, 3))
    whole, old, script = (tmp_path / name for name in ("whole", "old", "script"))
    torch.save(model, whole)
    torch.save(model.state_dict(), old, _use_new_zipfile_serialization=False)
    torch.jit.trace(model, torch.ones(1, 2)).save(script)
    for path, reason in (
        (whole, "'torch.nn.modules.container.Sequential', which is never unpickled here"),
        (old, "before PyTorch 1.6"),
        (script, "TorchScript"),
    ):
        with open(path, "rb") as file, pytest.raises(cyprop.FormatError, match=reason):
            pytorch.read(file)


# And back


def test_to_torch_takes_maps_into_the_layers(rng):
    net = cyprop.Network([5, 9, 4], "tanh", "identity", dtype="float64", seed=3)
    net.input_map, net.output_map = (np.arange(5.0), 0.5), (-1, 3)
    before = pickle.dumps(net)
    X = rng.normal(size=(N, 5))
    model = net.to_torch()
    np.testing.assert_allclose(model(torch.from_numpy(X)).detach(), net.predict(X), atol=1e-12)
    assert pickle.dumps(net) == before
    net.input_map = [0, 0, 1e15, 0, 0], 1
    net.input_names = list("abcde")
    with pytest.raises(ValueError, match="columns 'c' cannot be told apart in float64"):
        net.to_torch()
    net = cyprop.Network([5, 9, 4], "tanh", "tanh")
    net.output_map = 0, 2
    with pytest.raises(ValueError, match="output map behind 'tanh', and PyTorch has no maps"):
        net.to_torch()


@pytest.mark.parametrize("hidden", [*ACTIVATIONS, cyprop.LeakyReLU(0.2), cyprop.ELU(0.5)])
@pytest.mark.parametrize("output", ["softmax", "log_softmax", "identity"])
def test_to_torch_predicts_the_same(tmp_path, hidden, output, dtype):
    net = cyprop.Network([5, 9, 4], hidden, output, dtype=dtype, seed=3)
    net.biases[0][:] = np.linspace(-3, 3, 9)
    model = to_torch(net)
    X = np.random.default_rng(1).normal(size=(N, 5)).astype(dtype)
    expected = model(torch.from_numpy(X)).detach().numpy()
    actual = net.predict(X)
    bound = chains.BOUNDS[dtype.name] * abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=0, atol=bound)
    net.save(tmp_path / "net.safetensors")
    saved = safetensors.torch.load_file(tmp_path / "net.safetensors")
    state = model.state_dict()
    assert list(state) == list(saved)
    for key, tensor in state.items():
        assert tensor.numpy().tobytes() == saved[key].numpy().tobytes()
    back = from_torch.chain_of(model).network(cyprop.Network)
    assert back.parameters.tobytes() == net.parameters.tobytes()
    assert back.settings.activations == net.settings.activations


def test_to_torch_keeps_dropout_and_is_a_copy():
    net = cyprop.Network([5, 9, 9, 4], "relu", dropout=[0.25, 0.0])
    model = to_torch(net)
    assert [type(part).__name__ for part in model] == [
        *("Linear", "ReLU", "Dropout", "Linear", "ReLU", "Linear", "Identity")
    ]
    assert model[2].p == 0.25
    assert not model.training
    with torch.no_grad():
        model[0].weight.zero_()
    assert net.weights[0].any()


def test_to_torch_without_a_module_for_an_activation():
    net = cyprop.Network([2, 3, 1], "tanh", loss="poisson")
    with pytest.raises(ValueError, match="no module for the activation 'exponential'"):
        to_torch(net)


def test_what_is_imported_can_learn(tmp_path, rng):
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 3), nn.Softmax(dim=1))
    torch.save(model.state_dict(), tmp_path / "net.pt")
    options = {"activation": "tanh", "output_activation": "softmax"}
    X, labels = rng.normal(size=(90, 4)).astype("f"), rng.integers(0, 3, 90)
    for net in (cyprop.from_torch(model), cyprop.load(tmp_path / "net.pt", **options)):
        assert net.loss == "cross_entropy"
        before = net.evaluate(X, labels)
        net.fit(X, labels, epochs=5)
        assert net.evaluate(X, labels) < before
    assert cyprop.from_torch(model, loss="mse", dtype="float64").dtype == "float64"
