"""Make a wheel smaller, in place: python tools/deflate_wheel.py WHEEL ...

The same files in the same format, deflated by zopfli, which takes some seconds over it and gains
about 5 %. Needs zopflipy.
"""

import os
import sys
import zipfile

import zopfli


def deflate(wheel: str) -> None:
    """Replace the wheel by one with the same content."""
    with (
        zipfile.ZipFile(wheel) as old,
        zopfli.ZipFile(wheel + ".new", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in old.infolist():
            new.writestr(entry, old.read(entry), zipfile.ZIP_DEFLATED)
    os.replace(wheel + ".new", wheel)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        deflate(argument)
