"""Whether mypy and basedpyright find what they should in tests/typing, and nothing else.

    python tools/check_types.py

Each line of tests/typing/bad.py that ends in `# wrong` must have an error in both, and no other
line there or in tests/typing/good.py may have one in either.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "tests" / "typing"
FILES = [FOLDER / "good.py", FOLDER / "bad.py"]
Place = tuple[str, int]


def said_by(*command: str) -> str:
    """What a checker prints; that it ends in 1 only says that it has found something."""
    done = subprocess.run(
        [*command, *map(str, FILES)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, 1) or not done.stdout:
        sys.exit(f"{command[0]} has failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def found_by_mypy() -> set[Place]:
    said = said_by(sys.executable, "-m", "mypy", "--no-error-summary", "--no-pretty")
    places = re.findall(r"^(.+?):(\d+): error: ", said, re.MULTILINE)
    return {(Path(file).name, int(line)) for file, line in places}


def found_by_pyright() -> set[Place]:
    said = json.loads(said_by("basedpyright", "--outputjson"))
    return {
        (Path(found["file"]).name, found["range"]["start"]["line"] + 1)
        for found in said["generalDiagnostics"]
        if found["severity"] == "error"
    }


def wrong_places() -> set[Place]:
    return {
        (file.name, number)
        for file in FILES
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if line.endswith("  # wrong")
    }


def main() -> None:
    expected = wrong_places()
    complaints: list[str] = []
    for checker, found in (("mypy", found_by_mypy()), ("basedpyright", found_by_pyright())):
        for file, line in sorted(expected - found):
            complaints.append(f"tests/typing/{file}:{line}: {checker} finds nothing wrong here")
        for file, line in sorted(found - expected):
            complaints.append(f"tests/typing/{file}:{line}: {checker} finds something wrong here")
    if complaints:
        sys.exit("\n".join(complaints))
    print(f"mypy and basedpyright find {len(expected)} of {len(expected)} mistakes, nothing else")


if __name__ == "__main__":
    main()
