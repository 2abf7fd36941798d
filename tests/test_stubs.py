"""Docstrings of what is compiled: an editor shows the stub's, `help` the module's; they are one."""

import ast
import inspect
from importlib import import_module, resources

import pytest

STUBS = {
    ".".join(("cyprop", *parts)): file.read_text(encoding="utf-8")
    for folder in ("", "engine", "kernels")
    for file in (resources.files("cyprop") / folder).iterdir()
    if file.name.endswith(".pyi")
    for parts in [(*([folder] if folder else []), file.name.removesuffix(".pyi"))]
}
# What users meet; the functions in the other modules are called by cyprop alone.
MET = ("cyprop.engine.bound", "cyprop.engine.engine", "cyprop.engine.memory", "cyprop.interface")


def things(nodes, owner, prefix=""):
    """Of every class, method, property and function in a stub: its name, node and compiled self."""
    for node in nodes:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            thing = getattr(owner, node.name)
            yield prefix + node.name, node, thing
            if isinstance(node, ast.ClassDef):
                yield from things(node.body, thing, f"{prefix}{node.name}.")


def things_in(module):
    return things(ast.parse(STUBS[module]).body, import_module(module))


def is_for_users(module, name):
    """Whether it is a class, or something of one, or a function of the interface."""
    last = name.split(".")[-1]
    if last.startswith("_") and last != "__call__":
        return False
    return "." in name or last[0].isupper() or module == "cyprop.interface"


@pytest.mark.parametrize("module", sorted(STUBS))
def test_docstrings_are_those_of_the_compiled_module(module):
    for name, node, thing in things_in(module):
        written = ast.get_docstring(node)
        if written is not None:
            assert written == inspect.getdoc(thing), name


@pytest.mark.parametrize("module", MET)
def test_what_users_meet_has_docstrings(module):
    met = [(name, node) for name, node, _ in things_in(module) if is_for_users(module, name)]
    assert met
    said = {name for name, node in met if ast.get_docstring(node)}  # by one overload, of several
    assert said == {name for name, _ in met}


def test_the_hot_methods_and_the_attributes_are_among_them():
    met = {
        name for module in MET for name, *_ in things_in(module) if is_for_users(module, name)
    }  # fmt: skip
    assert met >= {
        "BoundPrediction", "BoundPrediction.__call__", "BoundPrediction.network",
        "BoundPrediction.out", "BoundPrediction.x", "Engine.evaluate", "Engine.learn_one",
        "Engine.predict", "Engine.train_on_batch", "Handle", "Handle.address", "Handle.network",
        "Handle.scratch_size", "Memory.biases", "Memory.parameters", "Memory.settings",
        "Memory.weights", "address",
    }  # fmt: skip
