"""Maps, names and labels in C headers, compiled: the bits and the classes of Python."""

import ctypes
import shutil

import compiled_headers
import numpy as np
import pytest
from arrays_for_tests import same_bits
from compiled_headers import COMPILER, STRICT

import cyprop
from cyprop.kernels import dispatch

MIXED = ["a*/b", 'say "µ"\n??/', 3]
CALLS = """\
long class_of_{name}(const {real} *x);
long class_of_{name}(const {real} *x) {{ return {name}_classify(x); }}
{returned} label_of_{name}(long i);
{returned} label_of_{name}(long i) {{ return {name}_labels[i]; }}
"""


def networks():
    """Both dtypes, each map alone, labels of each kind, one output and several."""
    rng = np.random.Generator(np.random.PCG64(3))
    made = {}
    for dtype in ("float32", "float64"):
        for kind, labels in (("ints", [-(2**63), 5, 2**63 - 1]), ("floats", [0.1, 2, -1e300]),
                             ("texts", MIXED)):  # fmt: skip
            made[f"{kind}_{dtype}"] = net = cyprop.Network(
                [13, 17, 3], "tanh", "identity", dtype=dtype, seed=5
            )
            if kind != "floats":
                net.input_map = rng.normal(size=(2, 13))
            if kind != "ints":
                net.output_map = rng.normal(size=(2, 3))
            net.labels = labels
            net.input_names = [f"column */ ?? µ\n{k}" for k in range(13)]
            net.output_names = ["/* one", "two", "three"]
        made[f"one_{dtype}"] = net = cyprop.Network([13, 1], "sigmoid", dtype=dtype, seed=5)
        net.input_map = rng.normal(size=(2, 13))
        net.labels = False, True
    return made


RETURNED = {"ints": "int64_t", "floats": "double", "texts": "const char *", "one": "int64_t"}
FROM_C = {"ints": ctypes.c_int64, "floats": ctypes.c_double, "texts": ctypes.c_char_p,
          "one": ctypes.c_int64}  # fmt: skip


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    source = compiled_headers.export(tmp_path_factory.mktemp("export"), networks())
    with open(source, "a", encoding="ascii") as file:
        for name in networks():
            kind, dtype = name.split("_")
            real = {"float32": "float", "float64": "double"}[dtype]
            file.write(CALLS.format(name=name, real=real, returned=RETURNED[kind]))
    return source


def test_predictions_and_classes(source):
    twice = compiled_headers.rounds_twice(dispatch.level())
    library = compiled_headers.library(source, "-O2", *(["-DCYPROP_NO_FMA"] if twice else []))
    X = np.random.Generator(np.random.PCG64(8)).normal(size=(100, 13))
    for name, net in networks().items():
        own = X.astype(net.dtype)
        assert same_bits(compiled_headers.predict(library, name, net, own), net.predict(own))
        classify, label = library[f"class_of_{name}"], library[f"label_of_{name}"]
        classify.argtypes, classify.restype = [ctypes.c_void_p], ctypes.c_long
        label.argtypes, label.restype = [ctypes.c_long], FROM_C[name.split("_")[0]]
        found = [classify(x.ctypes.data) for x in own]
        assert len(set(found)) > 1
        is_text = name.startswith("texts")
        labels = [str(entry).encode() if is_text else entry for entry in net.labels]
        assert [label(k) for k in range(len(labels))] == labels
        expected = net.classify(own).tolist()
        assert [net.labels[k] for k in found] == expected


def test_scratch_counts_the_mapped_inputs(source):
    net = networks()["one_float64"]
    library = compiled_headers.library(source, "-O1")
    plain = cyprop.Network([13, 1], "sigmoid", dtype="float64")
    plain.to_c(source.with_name("plain.h"))
    assert library.scratch_of_one_float64() == 13 * 8 + int(
        source.with_name("plain.h").read_text().split("plain_scratch_bytes = ")[1].split(" ")[0]
    )
    assert net.input_map is not None


@pytest.mark.skipif(not shutil.which("c++"), reason="no C++ compiler")
def test_it_is_cpp_too(source):
    for name in networks():
        header = source.with_name(f"{name}.h")
        options = ("-std=c++11", *STRICT, "-fsyntax-only", "-x", "c++")
        assert compiled_headers.run("c++", *options, str(header)) == "" or COMPILER


def test_a_network_without_classes_has_no_classify(tmp_path):
    net = cyprop.Network([3, 1], "tanh", "identity")
    net.to_c(tmp_path / "net.h")
    assert "classify" not in (tmp_path / "net.h").read_text()
