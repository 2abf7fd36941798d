"""Members of zip files: read whole and exactly, and never more bytes than the file has."""

import io
import struct
import tracemalloc
import zipfile

import pytest

from cyprop.errors import FormatError
from cyprop.formats.zip_members import END, ENTRY, MOST_MEMBERS, UNPACKED, Archive


def packed(members, method=zipfile.ZIP_STORED, comment=b""):
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", method) as file:
        file.comment = comment
        for name, data in members.items():
            file.writestr(name, data)
    return written.getvalue()


def archive(data):
    return Archive(io.BytesIO(data))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("comment", [b"", b"PK\5\6 is how an end begins"])
def test_members_are_read_whole(rng, method, comment):
    members = {"a": rng.bytes(1000), "b/c": b"", "é": b"x" * 100_000}
    found = archive(packed(members, method, comment[:2] + comment[4:]))
    assert found.names == tuple(members)
    for name, data in members.items():
        assert found.read(name) == data
        assert found.size(name) == len(data)
    for name, data in members.items():
        file = found.opened(name)
        assert file.read() == data
        file.seek(-1 if data else 0, 2)
        assert file.read() == data[-1:]
        file.seek(0)
        if data:
            assert file.read(7) == data[:7]
            assert file.tell() == min(7, len(data))


def test_a_zip_in_a_zip(rng):
    data = rng.bytes(500)
    outer = archive(packed({"inner": packed({"a": data})}))
    assert Archive(outer.opened("inner")).read("a") == data


def test_members_that_share_bytes_are_refused():
    good = packed({"a": packed({"b": b"1"}), "b": b"1"})
    assert archive(good).read("a") == packed({"b": b"1"})
    within = archive(changed(good, 42, 30 + len("a"), "<L"))  # the "b" that stands in "a"
    with pytest.raises(FormatError, match="'a' reaches into what stands behind it"):
        within.read("a")


def test_names_are_exact():
    found = archive(packed({"a/b": b"1"}))
    for name in ("A/b", "a/b/", "/a/b", "./a/b", "a//b", "b", ""):
        assert name not in found
        with pytest.raises(FormatError, match="no member"):
            found.read(name)


def test_zip64_is_read(rng):
    data = rng.bytes(100)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as file, file.open("a", "w", force_zip64=True) as member:
        member.write(data)
    whole = bytearray(written.getvalue())
    at = whole.rindex(b"PK\1\2")
    entry = list(ENTRY.unpack_from(whole, at))
    end = list(END.unpack_from(whole, len(whole) - END.size))
    sizes = struct.pack("<2HQQQ", 1, 24, len(data), len(data), 0)
    entry[8] = entry[9] = entry[-1] = 0xFFFFFFFF
    entry[11] = len(sizes)
    directory = ENTRY.pack(*entry) + b"a" + sizes
    record = struct.pack(
        "<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(directory), at
    ) + struct.pack("<4sLQL", b"PK\6\7", 0, at + len(directory), 1)
    end[3:7] = 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF
    found = archive(bytes(whole[:at]) + directory + record + END.pack(*end))
    assert found.read("a") == data
    for cut in (4, 20, 30):
        with pytest.raises(FormatError):
            archive(bytes(whole[:at]) + directory + record[:-cut] + END.pack(*end))


def test_a_bound_of_a_member():
    found = archive(packed({"a": b"12345"}))
    assert found.read("a", most=5) == b"12345"
    with pytest.raises(FormatError, match="5 bytes, expected at most 4"):
        found.read("a", most=4)


def test_all_that_is_read_is_no_larger_than_the_file():
    data = packed({"a": bytes(1 << 20)})
    found = archive(data)
    found.read("a")
    with pytest.raises(FormatError, match="together larger than the file"):
        found.read("a")


@pytest.mark.parametrize("declared", [None, 10, 1 << 17, (1 << 32) - 1])
def test_bombs_take_little_memory(declared):
    data = bytearray(packed({"a": bytes(1 << 26)}, zipfile.ZIP_DEFLATED))
    if declared is not None:
        at = data.rindex(b"PK\1\2")
        struct.pack_into("<L", data, at + 24, declared)
    file = io.BytesIO(data)
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match="larger than the file|damaged"):
            Archive(file).read("a")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < len(data) + 2 * UNPACKED + 2**19


def changed(data, place, value, layout="<H"):
    """The last entry of the directory with another number at a place of it."""
    data = bytearray(data)
    struct.pack_into(layout, data, data.rindex(b"PK\1\2") + place, value)
    return bytes(data)


def test_damage_is_refused(rng):
    good = packed({"name": rng.bytes(100)})
    local = bytearray(good)
    local[30] ^= 1
    broken = bytearray(packed({"name": b"a" * 100}, zipfile.ZIP_DEFLATED))
    broken[34:40] = b"\xff" * 6
    for data, reason in (
        (changed(good, 6, 64), "needs a later version"),
        (changed(good, 8, 1), "encrypted"),
        (changed(good, 10, 12), "neither stored nor deflated"),
        (changed(good, 16, 7, "<L"), "CRC is wrong"),
        (changed(good, 20, 99, "<L"), "neither stored"),
        (changed(good, 8, 0x20), "neither stored"),
        (changed(good, 42, 5, "<L"), "not where the directory says"),
        (changed(good, 42, 1 << 31, "<L"), "not where the directory says"),
        (changed(good, 28, 60_000), "directory is damaged"),
        (changed(good, 0, 0), "directory is damaged"),
        (bytes(local), "another name in front"),
        (bytes(broken), "damaged"),
        (good[:-1], "not a zip file"),
        (b"", "not a zip file"),
        (b"PK\3\4" + bytes(100), "not a zip file"),
    ):
        with pytest.raises(FormatError, match=reason):
            archive(data).read("name")
    longer = archive(changed(changed(good, 20, 1000, "<L"), 24, 1000, "<L"))
    with pytest.raises(FormatError, match="reaches into what stands behind"):
        longer.read("name")


def test_too_many_members():
    members = dict.fromkeys(map(str, range(MOST_MEMBERS)), b"")
    assert len(archive(packed(members)).names) == MOST_MEMBERS
    with pytest.raises(FormatError, match="2049 members, expected at most 2048"):
        archive(packed({**members, "more": b""}))
