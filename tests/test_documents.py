"""README.md and docs/: their code runs, their links lead somewhere, their figures are there."""

import copy
import doctest
import json
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import sb3_files

ROOT = Path(__file__).parents[1]
DOCUMENTS = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]


def text_of(document):
    return (ROOT / document).read_text(encoding="utf-8")


def boxes(document, kind):
    return re.findall(rf"```{kind}\n(.*?)```", text_of(document), re.DOTALL)


def run(code, folder):
    """What a fresh interpreter prints for the code in that folder; an error fails the test."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_readmes_classification_runs_as_written(tmp_path):
    said = run(boxes("README.md", "python")[0], tmp_path)
    share = re.fullmatch(r"([\d.]+)% of \d+ unseen digits are read right\n", said)
    assert share, said
    assert float(share[1]) >= 96


def test_the_readmes_regression_runs_as_written(tmp_path):
    said = run(boxes("README.md", "python")[1], tmp_path)
    found = re.fullmatch(
        r"on unseen rows the error is ([\d.]+); the values vary by ([\d.]+)\n", said
    )
    assert found, said
    assert float(found[1]) < 0.1 * float(found[2])


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_lead_somewhere(document):
    folder = (ROOT / document).parent
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", text_of(document))
    assert [target for target in targets if not (folder / target).exists()] == []


def anchor(heading):
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_links_within_a_document_lead_to_a_heading(document):
    anchors = {anchor(heading) for heading in re.findall(r"^#+ (.*)$", text_of(document), re.M)}
    assert set(re.findall(r"\]\(#([^)]+)\)", text_of(document))) <= anchors


def test_the_size_of_a_wheel_is_the_one_that_is_checked():
    [most] = re.findall(r"^MOST_BYTES = ([\d_]+)$", text_of("tools/check_wheel.py"), re.M)
    assert f"a wheel of at most {int(most) / 1e6:g} megabytes" in text_of("README.md")
    assert f"more than {int(most) / 1e6:g} MB ({int(most):,} bytes" in text_of("docs/wheels.md")


def test_every_document_is_in_the_readme():
    linked = set(re.findall(r"\]\((docs/[^)]+\.md)\)", text_of("README.md")))
    assert linked == set(DOCUMENTS) - {"README.md"}


def test_the_page_of_a_package_index_needs_no_file_of_the_checkout():
    said = metadata.metadata("cyprop")
    text = said["Description"] or said.get_payload()
    assert text.startswith("# cyprop\n\ncyprop trains small neural networks")
    assert "`docs/embedding.md`" in text
    assert re.findall(r"!?\[[^]]*\]\((?!https?:)[^)]*\)", text) == []
    assert len(text) > 0.8 * len(text_of("README.md"))


def test_what_the_readme_says_of_its_picture_is_in_the_results():
    [said] = re.findall(r"^!\[(.*)\]\(docs/one-row\.png\)$", text_of("README.md"), re.M)
    assert "On each of them cyprop is the fastest" in said
    named = tuple(re.split(", | and ", re.search("ahead of (.*)[.]$", said)[1]))
    results = json.loads(text_of("benchmarks/results/zen5/predict.json"))
    for case in results["cases"]:
        rows = [row for row in case["results"] if row["kind"] in ("ours", "peer")]
        assert min(rows, key=lambda row: row["median"])["kind"] == "ours", case["case"]
        peers = [row["label"] for row in rows if row["kind"] == "peer"]
        assert all(label.startswith(named) for label in peers)
        assert all(any(label.startswith(name) for label in peers) for name in named)


def test_the_tables_of_the_documents_are_those_of_the_results():
    code = (
        "from benchmarks import page, report\n"
        "shown, kinds = report.read_all(report.SHOWN), report.by_kind()\n"
        "made = page.by_page(page.tables(shown, kinds))\n"
        "for path, tables in made.items():\n"
        "    text = path.read_text(encoding='utf-8')\n"
        "    print(path.name, page.filled(text, tables) == text)"
    )
    said = run(code, ROOT).splitlines()
    names = ("online", "performance", "scaling", "scikit-learn")
    assert sorted(said) == [f"{name}.md True" for name in names]


def test_a_benchmark_writes_into_the_current_folder(tmp_path):
    command = [sys.executable, "-m", "benchmarks", "import", "--repeats", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path, env=environment)
    assert [path.name for path in tmp_path.iterdir()] == ["benchmark-results"]
    assert json.loads((tmp_path / "benchmark-results/import.json").read_text())["suite"] == "import"


def test_every_benchmark_writes_where_it_is_told():
    for path in (ROOT / "benchmarks/suites").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        asks = "report.add_output(parser)" in text or "common.parser(" in text
        assert asks == ("def main(" in text), path.name
        assert ("report.save(" in text) <= ("options.output" in text), path.name


def cells(heading):
    """The code in the last column of a table of docs/coming-from.md."""
    section = text_of("docs/coming-from.md").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    last = re.findall(r"^\|.*\| (.+) \|$", section, re.M)
    return [code for cell in last for code in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize(
    ("heading", "n"),
    [
        *(("Making a network", 13), ("scikit-learn", 13), ("Keras", 13), ("PyTorch", 15)),
        *(("ONNX", 6), ("stable-baselines3", 5)),
    ],
)
def test_the_calls_of_coming_from_are_calls_of_cyprop(heading, n, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"copy": copy}
    exec(boxes("docs/coming-from.md", "python")[0], names)
    names["net"].save("net.safetensors")
    names["net"].to_onnx("model.onnx")
    policy = sb3_files.saved(sb3_files.actor_critic(np.random.default_rng(1)))
    Path("ppo.zip").write_bytes(policy)
    codes = cells(heading)[-n:]
    assert len(codes) == n
    for code in codes:
        exec(code, names)


def test_coming_from_runs_as_written(tmp_path):
    code = "\n".join(boxes("docs/coming-from.md", "python"))
    [expected] = boxes("docs/coming-from.md", "text")
    assert run(code + "print(losses[-1] < losses[0])\n", tmp_path) == expected + "True\n"


@pytest.mark.parametrize("document", ["docs/files.md", "docs/training.md", "docs/online.md"])
def test_the_examples_of_a_document_give_what_stands_below_them(document, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = doctest.testfile(str(ROOT / document), module_relative=False)
    assert found.attempted > 0
    assert found.failed == 0


def test_the_programs_of_training_print_what_stands_below_them(tmp_path):
    examples = boxes("docs/training.md", "(?:python|text)")
    kinds = re.findall(r"^```(python|text)$", text_of("docs/training.md"), re.M)
    followed = list(zip(kinds, examples, kinds[1:], examples[1:]))
    programs = [
        (code, said) for kind, code, then, said in followed if (kind, then) == ("python", "text")
    ]
    assert programs
    for code, said in programs:
        assert run(code, tmp_path) == said


def test_the_list_of_rooms_is_that_of_the_tree():
    section = text_of("docs/design.md").partition("## The rooms")[2].partition("<!--")[0]
    rooms, engine = section.split("In `engine/`, from the boundary down:")
    source = ROOT / "src/cyprop"
    named = [name for row in re.findall(r"^\| (`.*?) \|", rooms, re.M) for name in names_in(row)]
    assert [name for name in named if not (source / name).exists()] == []
    there = {
        path.name + "/" * path.is_dir()
        for path in source.iterdir()
        if (path.is_dir() and any(path.glob("*.py"))) or path.suffix in (".py", ".pyx")
    }
    assert there - set(named) == {"__main__.py"}
    for room, content in re.findall(r"^\| `((?:formats/)?\w+/)` \| (.*) \|$", rooms, re.M):
        if room != "engine/":  # whose files have a list of their own
            modules = {path.name for path in modules_in(source / room)}
            assert modules - set(names_in(content)) == set(), room
    inside = [name for row in re.findall(r"^\| (`.*?) \|", engine, re.M) for name in names_in(row)]
    assert [name for name in inside if not (source / "engine" / name).exists()] == []
    assert {path.name for path in modules_in(source / "engine")} <= set(inside)


def modules_in(folder):
    return [path for end in ("py", "pyx") for path in folder.glob(f"[!_]*.{end}")]


def names_in(cell):
    return re.findall(r"`([^`]+)`", cell)
