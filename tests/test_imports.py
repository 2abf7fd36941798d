"""Imports run one way, without a circle, as the layers of pyproject.toml say; .pyx files too."""

import tomllib

import import_graph
import pytest

GRAPH = import_graph.module_graph()
ROOMS = import_graph.room_graph(GRAPH)
FACE = import_graph.PACKAGE


@pytest.fixture(scope="module")
def layers():
    """The rooms of each layer, the highest first."""
    document = tomllib.loads((import_graph.ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = document["tool"]["importlinter"]["contracts"]
    (rooms,) = (contract for contract in contracts if contract["id"] == "rooms")
    return [[room.strip(" ()") for room in layer.split("|")] for layer in rooms["layers"]]


def test_import_and_cimport_lines_are_found():
    assert "cyprop.engine.chain" in GRAPH["cyprop.engine.engine"]
    assert "cyprop.checks.arrays" in GRAPH["cyprop.engine.engine"]
    assert "cyprop.engine.memory" in GRAPH["cyprop.engine.engine"]
    assert "cyprop.kernels.table" in GRAPH["cyprop.kernels.loops.avx2"]  # in an included file
    assert "cyprop.interface" in GRAPH["cyprop"]  # in the .pxd
    assert "cyprop.interface" in GRAPH["cyprop.network"]  # inside a function


def test_no_module_imports_itself_by_others():
    assert import_graph.circles(GRAPH) == []
    assert import_graph.circles(ROOMS) == []


def test_every_room_has_its_layer(layers):
    assert set(ROOMS) - {FACE} <= {room for layer in layers for room in layer}


def test_each_room_imports_from_lower_layers_alone(layers):
    height = {room: -place for place, layer in enumerate(layers) for room in layer}
    up = [
        f"{module} imports {target}"
        for module, targets in sorted(GRAPH.items())
        for target in sorted(targets)
        for own, other in [(import_graph.room_of(module), import_graph.room_of(target))]
        if FACE not in (own, other) and own != other and height[other] >= height[own]
    ]
    assert up == []


def test_nothing_inside_imports_the_face():
    assert [module for module, targets in GRAPH.items() if FACE in targets] == []


def test_rooms_are_on_nine_floors_at_most():
    assert max(import_graph.floors(ROOMS).values()) <= 9


def test_the_design_shows_the_graph_as_it_is():
    now = import_graph.DOCUMENT.read_text(encoding="utf-8")
    assert import_graph.written() == now, "python tools/import_graph.py --write renews it"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("from a.b cimport (\n    c, d as e,\n)\n", {("a.b", "c"), ("a.b", "d")}),
        ("cimport a.b as c, d\nimport e\n", {("a.b", None), ("d", None), ("e", None)}),
        ("def f():\n    from a import b  # from x import y\n", {("a", "b")}),
        ("from a import b, \\\n    c\n", {("a", "b"), ("a", "c")}),
        ('"""\nfrom a cimport b\n"""\n# import c\n', set()),
    ],
)
def test_lines_of_cython_are_read(tmp_path, text, expected):
    path = tmp_path / "module.pyx"
    path.write_text(text)
    assert set(import_graph.cython_imports(path)) == expected


def test_circles_and_floors():
    graph = {"a": {"b"}, "b": {"c", "d"}, "c": {"b"}, "d": {"e"}, "e": set()}
    assert import_graph.circles(graph) == [["b", "c"]]
    assert import_graph.floors(graph) == {"a": 4, "b": 3, "c": 3, "d": 2, "e": 1}
