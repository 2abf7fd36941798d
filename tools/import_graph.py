"""Who imports whom inside cyprop: rooms and modules by floor, and any circle.

    python tools/import_graph.py            # prints them
    python tools/import_graph.py --arrows   # and what each module imports
    python tools/import_graph.py --write    # writes them into docs/design.md

A module is all its files together: source, declarations and stubs. Every import counts, wherever it
stands: `import` and `cimport`, inside functions, for type checkers alone, and `import_module("…")`.
A room is a package or module directly inside cyprop. Floor 1 imports nothing of cyprop's, and each
other floor something of the floor below it.
"""

from __future__ import annotations

import argparse
import ast
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src"
PACKAGE = "cyprop"
DOCUMENT = ROOT / "docs" / "design.md"
BEGIN = "<!-- The output of `python tools/import_graph.py`; --write renews it. -->"
END = "<!-- The end of that output. -->"
WIDTH = 100

Graph = dict[str, set[str]]

STRING = re.compile(r'"""(?:[^\\]|\\.)*?"""|\'\'\'(?:[^\\]|\\.)*?\'\'\'', re.DOTALL)
COMMENT = re.compile(r"#[^\n]*")
FROM = re.compile(r"^[ \t]*from[ \t]+([.\w]+)[ \t]+c?import[ \t]+(\([^)]*\)|[^\n]*)", re.MULTILINE)
IMPORT = re.compile(r"^[ \t]*c?import[ \t]+([\w., \t]+)$", re.MULTILINE)
INCLUDE = re.compile(r'^[ \t]*include[ \t]+"([^"]+)"', re.MULTILINE)


def python_imports(text: str) -> Iterator[tuple[str, str | None]]:
    """What Python source imports: (module, name in it), or (module, None)."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from ((alias.name, None) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield from ((module, alias.name) for alias in node.names)
        elif isinstance(node, ast.Call) and node.args:
            function, first = node.func, node.args[0]
            called = getattr(function, "attr", getattr(function, "id", ""))
            if called == "import_module" and isinstance(first, ast.Constant):
                yield str(first.value), None


def cython_imports(path: Path) -> Iterator[tuple[str, str | None]]:
    """The same for Cython source, and for all that it includes."""
    text = COMMENT.sub("", STRING.sub("", path.read_text(encoding="utf-8"))).replace("\\\n", " ")
    for module, names in FROM.findall(text):
        for name in re.findall(r"\w+", re.sub(r"\bas\s+\w+", "", names)):
            yield module, name
    for names in IMPORT.findall(text):
        yield from ((name.split()[0], None) for name in names.split(","))
    for included in INCLUDE.findall(text):
        yield from cython_imports(path.parent / included)


def module_of(path: Path) -> str:
    """The dotted name of a file's module; that of an __init__ is its package's."""
    parts = list(path.relative_to(SOURCE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def absolute(module: str, path: Path) -> str:
    """A module's name without leading dots."""
    dots = len(module) - len(module.lstrip("."))
    if not dots:
        return module
    above = path.relative_to(SOURCE).parts[:-dots]
    return ".".join([*above, module[dots:]]).rstrip(".")


def module_graph() -> Graph:
    """Of each module the modules of cyprop that it imports."""
    kinds = (".py", ".pyi", ".pyx", ".pxd")
    paths = [path for path in sorted((SOURCE / PACKAGE).rglob("*")) if path.suffix in kinds]
    graph: Graph = {module_of(path): set() for path in paths}
    for path in paths:
        own = module_of(path)
        if path.suffix in (".py", ".pyi"):
            found = python_imports(path.read_text(encoding="utf-8"))
        else:
            found = cython_imports(path)
        for module, name in found:
            target = absolute(module, path)
            if name is not None and f"{target}.{name}" in graph:
                target = f"{target}.{name}"
            if target in graph and target != own:
                graph[own].add(target)
    return graph


def room_of(module: str) -> str:
    """A module's room; that of cyprop/__init__ is called cyprop."""
    return module.split(".")[1] if "." in module else module


def room_graph(graph: Graph) -> Graph:
    """Of each room the rooms that it imports from."""
    rooms: Graph = {room_of(module): set() for module in graph}
    for module, targets in graph.items():
        rooms[room_of(module)] |= {room_of(target) for target in targets} - {room_of(module)}
    return rooms


def reached(graph: Graph) -> Graph:
    """Of each node all that it imports, at first hand or not."""
    found: Graph = {}
    for start in graph:
        seen: set[str] = set()
        waiting = [start]
        while waiting:
            fresh = graph[waiting.pop()] - seen
            seen |= fresh
            waiting += fresh
        found[start] = seen
    return found


def circles(graph: Graph) -> list[list[str]]:
    """Nodes that import each other, at first hand or not."""
    far = reached(graph)
    groups = {tuple(sorted(b for b in far[a] if a in far[b])) for a in graph if a in far[a]}
    return [list(group) for group in sorted(groups)]


def floors(graph: Graph) -> dict[str, int]:
    """The floor of each node; those of a circle share one."""
    far = reached(graph)
    found: dict[str, int] = {}
    # A node reaches more than any that it reaches and that does not reach it.
    for node in sorted(graph, key=lambda node: len(far[node] | {node})):
        circle = {other for other in far[node] if node in far[other]} | {node}
        below = set().union(*(graph[other] for other in circle)) - circle
        found[node] = 1 + max((found[other] for other in below), default=0)
    return found


def shown(graph: Graph, what: str) -> list[str]:
    """The nodes of a graph, a line a floor, the highest first; and its circles."""
    levels = floors(graph)
    height = max(levels.values())
    lines = [f"{len(graph)} {what} on {height} floors"]
    for floor in range(height, 0, -1):
        names = ", ".join(sorted(node for node in graph if levels[node] == floor))
        lines += textwrap.wrap(
            names,
            WIDTH,
            initial_indent=f"{floor:4}  ",
            subsequent_indent=" " * 6,
            break_on_hyphens=False,
        )
    found = circles(graph)
    lines += [f"a circle: {', '.join(circle)}" for circle in found]
    return lines if found else [*lines, f"no circle among {what}"]


def short(graph: Graph) -> Graph:
    """The same with names that leave out the package's."""

    def name(module: str) -> str:
        return module.removeprefix(PACKAGE + ".")

    return {name(module): {name(other) for other in others} for module, others in graph.items()}


def report() -> str:
    """All that is printed."""
    graph = module_graph()
    return "\n".join([*shown(room_graph(graph), "rooms"), "", *shown(short(graph), "modules")])


def block() -> str:
    """The report as it stands in the document, with its markers."""
    return f"{BEGIN}\n```text\n{report()}\n```\n{END}"


def written() -> str:
    """The document with the present report in it."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{DOCUMENT.name} lacks the lines\n{BEGIN}\n{END}")
    return before + block() + after


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"into docs/{DOCUMENT.name}")
    parser.add_argument("--arrows", action="store_true", help="print what each module imports")
    options = parser.parse_args()
    if options.write:
        DOCUMENT.write_text(written(), encoding="utf-8")
        return
    print(report())
    if options.arrows:
        for module, targets in sorted(short(module_graph()).items()):
            print(f"{module} → {', '.join(sorted(targets)) or 'nothing'}")


if __name__ == "__main__":
    main()
