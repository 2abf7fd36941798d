"""A program compiled against the header of fe3d48f runs with the library as it is now."""

import ctypes
from pathlib import Path

import numpy as np
import pytest
from arrays_for_tests import same_bits
from compiled_headers import COMPILER, run

import cyprop

HEADERS = Path(__file__).parents[1] / "data" / "fe3d48f"

PROGRAM = """\
#include "cyprop.h"

/* The code of what went wrong, or how many inputs there are. */
long try_all(
    const cyprop_api *api, struct cyprop_model *model, const float *x, const float *y, float *out,
    double *loss, float *dX, void *scratch);
long try_all(
    const cyprop_api *api, struct cyprop_model *model, const float *x, const float *y, float *out,
    double *loss, float *dX, void *scratch)
{
    int code;
    if (api->version != CYPROP_API_VERSION || api->size < sizeof(cyprop_api)) return -100;
    if (api->dtype(model) != CYPROP_FLOAT32) return -101;
    if ((code = api->predict_float32(model, x, out, scratch))) return code;
    if ((code = api->input_gradient_float32(model, 1, x, y, dX, scratch))) return code;
    if ((code = api->learn_one_float32(model, x, y, loss, scratch))) return code;
    return (long)api->n_inputs(model);
}
"""


@pytest.fixture
def program(tmp_path):
    source, library = tmp_path / "old.c", tmp_path / "old.so"
    source.write_text(PROGRAM, encoding="ascii")
    options = ("-std=c99", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC")
    run(*COMPILER, *options, f"-I{HEADERS}", str(source), "-o", str(library))
    call = ctypes.CDLL(str(library)).try_all
    call.restype, call.argtypes = ctypes.c_long, [ctypes.c_void_p] * 8
    return call


def test_an_old_program_runs(program, rng):
    net, twin = cyprop.Network([5, 7, 3]), cyprop.Network([5, 7, 3])
    x, y = rng.random(5).astype("float32"), rng.random(3).astype("float32")
    out, loss, dX = np.empty(3, "float32"), np.empty(1), np.empty(5, "float32")
    handle = net.handle()
    scratch = np.empty(handle.scratch_size(), np.uint8)
    pointer = ctypes.pythonapi.PyCapsule_GetPointer
    pointer.restype, pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
    arrays = [array.ctypes.data for array in (x, y, out, loss, dX, scratch)]
    assert program(pointer(cyprop._C_API, b"cyprop._C_API"), handle.address, *arrays) == 5
    assert same_bits(out, twin.predict(x))
    assert same_bits(dX, twin.vjp(x, y).inputs)
    assert loss[0] == twin.learn_one(x, y)
    assert same_bits(net.parameters, twin.parameters)
