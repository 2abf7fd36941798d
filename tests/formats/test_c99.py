"""Networks as C headers: the bits of `predict`, whatever the compiler is told, and no warning."""

import platform
import re
import shutil

import compiled_headers
import numpy as np
import pytest
from arrays_for_tests import same_bits, sparse
from compiled_headers import COMPILER, STRICT

import cyprop
from cyprop.formats import c99, c_code
from cyprop.kernels import activation, dispatch

DTYPES = ("float32", "float64")
X86 = platform.machine() in ("x86_64", "AMD64")
FLAGS = {
    "by the library": ("-O1",),
    "two roundings": ("-O2", "-DCYPROP_NO_FMA"),
    # Fusing where no fma is written, as compilers do by default, must change nothing.
    **({"by the processor": ("-O3", "-mavx2", "-mfma", "-ffp-contract=fast")} if X86 else {}),
}
CPP = ["c++11", "c++17"] if shutil.which("c++") else []


# A library has the bits of the levels that round its products as it does.
PAIRS = [
    (flags, level)
    for flags in FLAGS
    for level in dispatch.supported()
    if compiled_headers.rounds_twice(level) == (flags == "two roundings")
]


def networks():
    """By name: every activation, hidden and as the output, odd sizes, layers of one unit."""
    rng = np.random.Generator(np.random.PCG64(8))
    made = {}
    for dtype in DTYPES:
        for name in activation.names():
            hidden = "tanh" if activation.couples_units(name) else name
            options = {"output_activation": name, "dtype": dtype, "seed": 5}
            made[f"{name}_{dtype}"] = net = cyprop.Network([13, 17, 33, 7], hidden, **options)
            for b in net.biases:
                b[:] = rng.normal(size=b.size)
            made[f"only_{name}_{dtype}"] = net = cyprop.Network([1, 2], **options)
            net.weights[0][:] = [1, 0]
        made[f"narrow_{dtype}"] = cyprop.Network(
            [784, 1, 16, 9, 8, 70, 3, 1], "relu", "relu", dtype=dtype
        )
    return made


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    source = compiled_headers.export(tmp_path_factory.mktemp("export"), networks())
    return {name: compiled_headers.library(source, *flags) for name, flags in FLAGS.items()}


@pytest.fixture(params=PAIRS, ids=" and ".join)
def pair(request, libraries):
    """A library, and the same networks with kernels whose bits it should have."""
    flags, level = request.param
    before = dispatch.level()
    dispatch.use(level)
    yield libraries[flags], networks()
    dispatch.use(before)


def assert_same(library, name, net, X):
    """The same bits; a NaN may be another NaN."""
    expected = net.predict(X)
    actual = compiled_headers.predict(library, name, net, X)
    nan = np.isnan(expected)
    assert same_bits(np.isnan(actual), nan), name
    assert same_bits(actual[~nan], expected[~nan]), name


def test_a_thousand_rows(pair, rng):
    library, made = pair
    for name, net in made.items():
        X = sparse(rng, (1000, net.sizes[0]), net.dtype)
        X[::2] = rng.normal(size=X[::2].shape) * 3
        assert_same(library, name, net, X)


def test_zeros_infinity_nan_and_the_ends_of_the_range(pair, rng):
    library, made = pair
    for name, net in made.items():
        info = np.finfo(net.dtype)
        values = [0.0, -0.0, 1.5, np.inf, -np.inf, np.nan, info.max, info.min, info.tiny]
        values = np.array([*values, info.smallest_subnormal], net.dtype)
        X = np.zeros((1000, net.sizes[0]), net.dtype)
        X[:] = rng.normal(size=X.shape)
        chosen = rng.random(X.shape) < 1.5 / X.shape[1]
        X[chosen] = rng.choice(values, chosen.sum())
        with np.errstate(all="ignore"):
            assert_same(library, name, net, X)
        assert_same(library, name, net, np.zeros_like(X[:1]))
        assert_same(library, name, net, -np.zeros_like(X[:1]))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_elementary_functions(pair, rng, dtype):
    # A network that is nothing but its activation; softmax beside a unit at 0 shows e^x.
    library, made = pair
    integer = {"float32": np.uint32, "float64": np.uint64}[dtype]
    patterns = rng.integers(0, np.iinfo(integer).max, 100_000, integer, endpoint=True)
    values = rng.normal(size=(5, 50_000)) * np.array([[0.3], [1], [10], [100], [800]])
    X = np.concatenate([patterns.view(dtype), values.astype(dtype).ravel()])[:, None]
    for name in activation.names():
        assert_same(library, f"only_{name}_{dtype}", made[f"only_{name}_{dtype}"], X)


def test_every_activation_can_be_exported():
    for dtype in DTYPES:
        known = set(c_code.functions(dtype))
        assert set(activation.names()) <= {*known, c99.IDENTITY}


def test_an_activation_without_a_function_in_c_is_refused(tmp_path, monkeypatch):
    known = c_code.functions("float32")
    del known["tanh"]
    monkeypatch.setattr(c_code, "functions", lambda dtype: known)
    sentence = (
        r"^activation 'tanh' cannot be exported until cyprop/kernels/loops/activations\.h has a"
        r" function NAMED\(tanh\)$"
    )
    with pytest.raises(ValueError, match=sentence):
        cyprop.Network([2, 3, 1], "tanh").to_c(tmp_path / "m.h")
    assert list(tmp_path.iterdir()) == []


LEAKY = """\
/* z, or slope * z below 0, and never more than most. */
INLINE REAL NAMED(tanh)(REAL z, REAL slope, REAL most)
{
    z = z < 0 ? slope * z : z;
    return z > most ? most : z;
}
"""
LEAKY_ROW = """\
/* slope * z, and never more than most. */
INLINE void NAMED(tanh)(ptrdiff_t n, const REAL *Z, REAL *A, REAL slope, REAL most)
{
    for (ptrdiff_t j = 0; j < n; j++)
        A[j] = slope * Z[j] > most ? most : slope * Z[j];
}
"""


@pytest.mark.parametrize("text", [LEAKY, LEAKY_ROW])
def test_an_activations_hyperparameters_are_written(tmp_path, monkeypatch, dtype, text):
    # As one that is added tomorrow: a function in activations.h, hyperparameters in the table.
    known = {**c_code.functions(dtype.name), "tanh": text}
    monkeypatch.setattr(c_code, "functions", lambda dtype: known)
    net = cyprop.Network([1, 2], output_activation="tanh", dtype=dtype)
    monkeypatch.setattr(cyprop.Activation, "values", (0.1, 1e-3))
    net.weights[0][:] = 1
    library = compiled_headers.library(compiled_headers.export(tmp_path, {"m": net}))
    out = compiled_headers.predict(library, "m", net, np.array([[-3.0], [3.0]], dtype))
    assert same_bits(out[0], np.full(2, dtype.type(0.1) * dtype.type(-3)))
    assert same_bits(out[1], np.full(2, dtype.type(1e-3)))


def test_the_output_may_overwrite_the_input(libraries, rng):
    name = "only_tanh_float32"
    net = networks()[name]
    memory = rng.normal(size=2).astype("float32")
    expected = net.predict(memory[:1])
    compiled_headers.predict(libraries["by the library"], name, net, memory[None, :1], out=memory)
    assert np.allclose(memory, expected, rtol=1e-6, atol=0)


def test_the_scratch_is_what_the_layers_take(libraries):
    library = libraries["by the library"]
    assert library.scratch_of_tanh_float32() == 4 * (17 + 33 + 7) + 256
    assert library.scratch_of_tanh_float64() == 8 * (17 + 33 + 7) + 256


def test_the_weights_survive_as_text(tmp_path, dtype, rng):
    # Every kind of number that a weight can be; the identity shows them one by one.
    info = np.finfo(dtype)
    ends = [-0.0, info.max, info.min, info.tiny, info.smallest_subnormal, 1 + info.eps, 1 / 3]
    W = np.concatenate([ends, rng.normal(size=993) * 10.0 ** rng.integers(-37, 37, 993)])
    net = cyprop.Network([1, 1000], "identity", dtype=dtype)
    net.weights[0][:] = W
    library = compiled_headers.library(compiled_headers.export(tmp_path, {"m": net}))
    out = compiled_headers.predict(library, "m", net, np.ones((1, 1), dtype))
    assert same_bits(out[0], net.weights[0][0] + dtype.type(0))


@pytest.mark.parametrize("standard", ["c99", "c11", *CPP])
def test_every_standard_takes_it(tmp_path, standard):
    source = compiled_headers.export(tmp_path, networks())
    compiler, kind = (["c++"], "c++") if standard in CPP else (COMPILER, "c")
    options = ("-x", kind, f"-std={standard}", *STRICT, "-fsyntax-only")
    assert compiled_headers.run(*compiler, *options, str(source)) == ""


def test_fast_math_is_refused_by_the_header(tmp_path):
    source = compiled_headers.export(tmp_path, {"m": cyprop.Network([1, 1])})
    with pytest.raises(AssertionError, match="-ffast-math reorders sums"):
        compiled_headers.library(source, "-ffast-math")


def test_it_includes_nothing_but_the_standard_library(tmp_path):
    cyprop.Network([3, 2], "tanh").to_c(tmp_path / "m.h")
    text = (tmp_path / "m.h").read_text(encoding="ascii")
    assert set(re.findall(r"#include (.*)", text)) == {
        "<math.h>",
        "<stddef.h>",
        "<stdint.h>",
        "<string.h>",
    }
    assert max(map(len, text.splitlines())) <= 100
    assert "NAME" not in text
    assert "REAL" not in text


@pytest.mark.parametrize("name", ["m", "Net2", "int", "robot_arm_3", "REAL"])
def test_a_name(tmp_path, name):
    net = cyprop.Network([2, 2], "sigmoid")
    net.to_c(tmp_path / "any file.h", name)
    text = (tmp_path / "any file.h").read_text(encoding="ascii")
    assert f"void {name}_predict(const float *x, float *out)" in text
    net.to_c(tmp_path / f"{name}.h")
    assert (tmp_path / f"{name}.h").read_text(encoding="ascii") == text


@pytest.mark.parametrize(
    "name", ["", "2nd", "_m", "m_", "a__b", "my-net", "my net", "größe", "a\n"]
)
def test_no_name_in_c(tmp_path, name):
    net = cyprop.Network([2, 2])
    rule = "ASCII letters, digits and single underscores in between, a letter first"
    with pytest.raises(ValueError, match=re.escape(f"name is {name!r}, expected {rule}")):
        net.to_c(tmp_path / "m.h", name)
    if name:
        with pytest.raises(ValueError, match=f"^the file's name .* pass a name of {rule}$"):
            net.to_c(tmp_path / f"{name}.h")
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_name_or_path(tmp_path):
    net = cyprop.Network([2, 2])
    with pytest.raises(TypeError, match=r"^name is 3, expected a str$"):
        net.to_c(tmp_path / "m.h", 3)
    with pytest.raises(TypeError, match=r"expected a str or a path of str$"):
        net.to_c(b"m.h")
    with pytest.raises(FileNotFoundError):
        net.to_c(tmp_path / "nowhere" / "m.h")


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_parameters_that_are_no_numbers(tmp_path, wrong):
    net = cyprop.Network([2, 3, 2])
    path = tmp_path / "m.h"
    net.to_c(path)
    before = path.read_bytes()
    net.biases[1][1] = wrong
    with pytest.raises(ValueError, match=rf"^biases\[1\] has {wrong} at \[1\], expected finite"):
        net.to_c(path)
    net.weights[1][2, 0] = wrong
    with pytest.raises(ValueError, match=rf"^weights\[1\] has {wrong} at \[2, 0\], "):
        net.to_c(path)
    assert path.read_bytes() == before
