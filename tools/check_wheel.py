"""Check finished wheels: python tools/check_wheel.py FOLDER

Each is at most 1.55 MB; what is compiled for Linux in it asks the system for the C library
alone, none newer than 2.17, and says nothing about where to look for it. Needs pyelftools.
"""

import io
import re
import sys
import zipfile
from pathlib import Path

from elftools.elf.elffile import ELFFile

MOST_BYTES = 1_570_000
NEWEST_GLIBC = (2, 17)
# Not libm, whose functions differ from one release to the next, and not libgomp.
LIBRARIES = re.compile(r"lib(c|pthread)\.so\.\d|libc\.musl-\w+\.so\.1|ld-(linux|musl)[\w.-]*")


def complaints(name: str, module: ELFFile) -> list[str]:
    """What is wrong with one compiled module, a sentence each."""
    found = []
    for tag in module.get_section_by_name(".dynamic").iter_tags():
        if tag.entry.d_tag in ("DT_RPATH", "DT_RUNPATH"):
            found.append(f"{name} has a run path")
        elif tag.entry.d_tag == "DT_NEEDED" and not LIBRARIES.fullmatch(tag.needed):
            found.append(f"{name} needs {tag.needed}")
    versions = module.get_section_by_name(".gnu.version_r")
    for library, parts in versions.iter_versions() if versions else ():
        for part in parts:
            numbers = re.fullmatch(r"GLIBC_(\d+)\.(\d+)(?:\.\d+)?", part.name)
            if not numbers or tuple(map(int, numbers.groups())) > NEWEST_GLIBC:
                found.append(f"{name} needs {part.name} of {library.name}")
    return found


def check(wheel: Path) -> None:
    """Exit with a message if anything is wrong with the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        modules = {name: archive.read(name) for name in archive.namelist() if name.endswith(".so")}
        names = archive.namelist()
    found = []
    if wheel.stat().st_size > MOST_BYTES:
        found.append(f"it has {wheel.stat().st_size} bytes, expected at most {MOST_BYTES}")
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in names):
        found.append("it lacks its licence")
    elves = {name: data for name, data in modules.items() if data.startswith(b"\x7fELF")}
    if "linux" in wheel.name and not elves:
        found.append("it has no compiled modules")
    for name, data in elves.items():
        found += complaints(name, ELFFile(io.BytesIO(data)))
    if found:
        sys.exit("\n".join(f"{wheel.name}: {sentence}" for sentence in found))
    print(f"{wheel.name}: {wheel.stat().st_size} bytes, {len(elves)} modules checked")


if __name__ == "__main__":
    for wheel in Path(sys.argv[1]).glob("*.whl"):
        check(wheel)
