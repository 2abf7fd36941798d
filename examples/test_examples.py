"""Each example, and each box of docs/embedding.md, from a folder outside the checkout.

What a page tells the reader to type is typed in a new environment that has nothing but cyprop.
"""

import re
import shutil
from pathlib import Path

import pytest

HERE = Path(__file__).parent
EMBEDDING = (HERE.parent / "docs/embedding.md").read_text(encoding="utf-8")
STRICT = "-Wall -Wextra -Werror"


def copied(example, folder):
    return Path(shutil.copytree(HERE / example, folder / example))


def follow(environment, project, **variables):
    """Type the commands of the example's README.md; what the last one prints."""
    text = (project / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^    (\S.*)$", text, re.M)
    assert commands[-1] == "python run.py"
    for command in commands:
        said = environment.run(project, "sh", "-c", command, **variables)
    return said


def test_cyprop_comes_from_the_wheel(environment, tmp_path):
    found = environment.run(tmp_path, "python", "-c", "import cyprop; print(cyprop.__file__)")
    assert Path(found).is_relative_to(environment.folder)


def test_the_cython_loop(stock, tmp_path):
    project = copied("cython_loop", tmp_path)
    said = follow(stock, project)
    pattern = r"1,000,000 steps, 0 falls, (\d+) ns a step; the network takes (\d+) ns a call\n"
    found = re.fullmatch(pattern, said)
    assert found, said
    assert 0 < int(found[2]) < 2000
    refusals = stock.run(project, "python", "-c", REFUSALS)
    assert refusals.splitlines() == [
        "TypeError: handle is NoneType, expected what Network.handle() returns",
        "TypeError: handle is Network, expected what Network.handle() returns",
        "TypeError: the network is not of float32",
        "ValueError: the network does not have 4 inputs and 3 outputs",
    ]


def test_names_may_be_imported_one_by_one(environment, tmp_path):
    """All of the page's table; and with them comes nothing else of ours, and nothing of NumPy's."""
    table = EMBEDDING.partition("## The functions")[2].partition("## How long")[0]
    names = sorted(
        set(re.findall(r"`([a-z_0-9]+)\(", table)) | set(re.findall(r"`([A-Z_]+[A-Z])`", table))
    )
    assert len(names) == 12 + 10
    (tmp_path / "names.pyx").write_text(
        f"from cyprop cimport Model, {', '.join(names)}\n"
        "def sizes(handle):\n"
        "    cdef Model *model = model_of(handle)\n"
        "    return n_inputs(model), n_outputs(model)\n"
    )
    environment.run(tmp_path, "cython", "-3", "names.pyx")
    compiled = (tmp_path / "names.c").read_text(encoding="utf-8")
    assert "struct cyprop_model;" in compiled
    assert not re.search(r"numpy|arrayobject|cyprop_\dchain|__pyx_t_6cyprop", compiled)


REFUSALS = """
import cart_pole, cyprop
handles = (
    None,
    cyprop.Network([4, 3]),
    cyprop.Network([4, 3], dtype="float64").handle(),
    cyprop.Network([5, 3]).handle(),
)
for handle in handles:
    try:
        cart_pole.balance(handle, 1)
    except Exception as error:
        print(f"{type(error).__name__}: {error}")
"""


def test_the_c_extension(stock, tmp_path):
    said = follow(stock, copied("c_extension", tmp_path), CFLAGS=STRICT)
    assert re.fullmatch(r"angles 0\.\d+ and 0\.\d+ reach \[0\.69, 1\.78\]\n", said), said


def test_the_numba_loop(stock, tmp_path):
    said = follow(stock, copied("numba_loop", tmp_path))
    pattern = r"1,000,000 steps, \d+ ns each; from 1\.00 rad to 0\.\d\d\n"
    assert re.fullmatch(pattern, said), said


# A capsule that is not what the module was compiled for


@pytest.fixture
def importing(environment, tmp_path):
    """Import a C module, compiled with a changed header; the last line of the error."""

    def call(old="", new="", program="import inverse"):
        project = copied("c_extension", tmp_path)
        header = environment.run(
            tmp_path, "python", "-c", "import cyprop; print(cyprop.get_include(), end='')"
        )
        text = Path(header, "cyprop.h").read_text(encoding="utf-8")
        assert old in text
        (project / "cyprop.h").write_text(text.replace(old, new), encoding="utf-8")
        environment.run(
            project, "python", "setup.py", "build_ext", "--inplace", CFLAGS=f"-I{project}"
        )
        done = environment.attempt(project, "python", "-c", program)
        assert done.returncode == 1, (done.returncode, done.stderr)
        return done.stderr.splitlines()[-1]

    return call


def test_another_version_of_the_api_is_refused(importing):
    assert importing("API_VERSION 1", "API_VERSION 2") == (
        "ImportError: cyprop has version 1 of its C API, expected 2"
    )


def test_an_older_cyprop_is_refused(importing):
    assert importing("} cyprop_api;", "void (*newer)(void); } cyprop_api;") == (
        "ImportError: cyprop is older than the cyprop.h that this module was compiled with"
    )


@pytest.mark.parametrize("capsule", ["None", "datetime.datetime_CAPI"])
def test_what_is_no_capsule_of_cyprops_is_refused(importing, capsule):
    program = f"import cyprop, datetime; cyprop._C_API = {capsule}; import inverse"
    assert importing(program=program) == (
        'AttributeError: PyCapsule_Import "cyprop._C_API" is not valid'
    )


def test_a_handle_that_is_none_is_refused(importing):
    program = "import inverse; inverse.find(object(), [0, 0], [0, 0], 0.1, 1)"
    assert importing(program=program) == (
        "TypeError: handle is object, expected what Network.handle() returns"
    )


@pytest.mark.parametrize("standard", ["-std=c99", "-std=c11"])
def test_the_header_is_plain_c(environment, tmp_path, standard):
    (tmp_path / "plain.c").write_text("#include <cyprop.h>\nint nothing(cyprop_api *a);\n")
    program = (
        "import subprocess, sysconfig, cyprop\n"
        "command = [*sysconfig.get_config_var('CC').split(), '-I' + cyprop.get_include()]\n"
        f"command += ['{standard}', '-pedantic', *'{STRICT}'.split(), '-c', 'plain.c']\n"
        "subprocess.run(command, check=True)"
    )
    environment.run(tmp_path, "python", "-c", program)


# docs/embedding.md


def steps(section):
    """What to do, the text of the box, and the name of a file, in the order of the page."""
    text = EMBEDDING.partition(f"\n## {section}")[2].partition("\n## ")[0]
    boxes = re.findall(r"(?:`([\w.]+)`[^`]*:\n\n)?```(\w+)\n(.*?)```\n", text, re.S)
    for name, kind, text in boxes:
        assert bool(name) == (kind not in ("sh", "text")), text
        yield {"sh": "run", "text": "expect"}.get(kind, "write"), text, name


@pytest.mark.parametrize(
    ("section", "n"),
    [("From Cython", (2, 2, 1)), ("From C\n", (3, 1, 1)), ("From Numba", (1, 1, 1))],
)
def test_a_section_of_the_page_works_line_by_line(stock, tmp_path, section, n):
    done, said = [], ""
    for step, text, name in steps(section):
        done.append(step)
        if step == "write":
            (tmp_path / name).write_text(text, encoding="utf-8")
        elif step == "run":
            said = stock.run(tmp_path, "sh", "-e", "-c", text)
        else:
            assert said.endswith(text)
    assert tuple(done.count(step) for step in ("write", "run", "expect")) == n


def test_these_are_all_boxes_of_the_page():
    sections = [list(steps(section)) for section in ("From Cython", "From C\n", "From Numba")]
    assert sum(map(len, sections)) == EMBEDDING.count("```") / 2


def test_the_pages_links_lead_somewhere():
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", EMBEDDING)
    assert targets
    assert all((HERE.parent / "docs" / target).exists() for target in targets)
