"""What compiled code was built against stays: names, types, order and numbers.

interface_signatures.txt is a promise. A line may be added, for what is new; one that is changed or
removed breaks programs that people have built.
"""

import ctypes
import re
from importlib import resources
from pathlib import Path

import cyprop
from cyprop import interface

PROMISED = Path(__file__).with_name("interface_signatures.txt").read_text(encoding="utf-8")
PACKAGE = resources.files("cyprop")
HEADER = re.sub(
    r"/\*.*?\*/", " ", PACKAGE.joinpath("include/cyprop.h").read_text("utf-8"), flags=re.S
)
DECLARATIONS = PACKAGE.joinpath("interface.pxd").read_text("utf-8")


def section(title):
    """The lines below a title, up to the next."""
    return re.search(rf"^# {title}\n(.*?)(?=^#|\Z)", PROMISED, re.S | re.M)[1].split("\n")[:-1]


def capsule_name(capsule):
    name = ctypes.pythonapi.PyCapsule_GetName
    name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
    return name(capsule).decode()


def members():
    """Those of the struct of functions, in order, each on one line."""
    body = re.search(r"typedef struct cyprop_api \{(.*)\} cyprop_api;", HEADER, re.S)[1]
    return [re.sub(r"\s+", " ", member).replace("( ", "(").strip() for member in body.split(";")][
        :-1
    ]


def header_numbers():
    version = re.search(r"#define CYPROP_API_VERSION \d+", HEADER)[0].removeprefix("#define ")
    return [version.replace(" ", " = "), *re.findall(r"CYPROP_\w+ = -?\d+", HEADER)]


def test_what_cython_imports():
    functions = interface.__pyx_capi__
    assert section("cimport") == [f"{n}: {capsule_name(functions[n])}" for n in sorted(functions)]


def test_what_c_finds_in_the_capsule():
    assert section("struct cyprop_api") == members()
    assert capsule_name(cyprop._C_API) == "cyprop._C_API"


def test_the_numbers():
    assert section("numbers") == header_numbers()


def test_cython_and_c_have_the_same_numbers():
    cython = dict(re.findall(r"^    ([A-Z_0-9]+) = (-?\d+)$", DECLARATIONS, re.M))
    c = dict(re.findall(r"CYPROP_(\w+) = (-?\d+)", "\n".join(header_numbers()[1:])))
    assert cython == c
    assert len(c) == 12


def test_cython_and_c_have_the_same_functions():
    functions = {re.search(r"\(\*(\w+)\)", member)[1] for member in members()[2:]}
    assert functions == set(interface.__pyx_capi__)


def test_the_package_gives_every_name_of_the_interface():
    given = set(re.findall(r"\w+", PACKAGE.joinpath("__init__.pxd").read_text("utf-8")))
    names = set(re.findall(r"^cdef [^(\n]*?(\w+)\(", DECLARATIONS, re.M))
    names |= set(re.findall(r"^    ([A-Z_0-9]+) =", DECLARATIONS, re.M)) | {"Model"}
    assert names | {"from", "cyprop", "interface", "cimport"} == given


def test_compiled_code_sees_nothing_internal():
    """So that it compiles without NumPy's headers or ours, and internals may change."""
    assert "cimport" not in DECLARATIONS.replace("`cimport cyprop`", "")
    assert re.findall(r"#include <(.*)>", HEADER) == ["stddef.h"]
