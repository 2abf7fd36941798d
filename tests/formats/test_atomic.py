"""Files that are replaced, and what is no file: devices, FIFOs, descriptors, leftovers, rights."""

import errno
import fcntl
import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from saved_networks import saved, small

import cyprop
from cyprop.formats import atomic
from cyprop.formats.safetensors import load_with_metadata, read_metadata

root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may do this")


def write(path, text=b"new"):
    atomic.write(str(path), [text])


# What is no file


@pytest.fixture
def fifo(tmp_path):
    """A FIFO, and a call that waits for all that was written to it."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    found = []
    reader = threading.Thread(target=lambda: found.append(path.read_bytes()))
    reader.start()

    def read():
        reader.join(10)
        assert stat.S_ISFIFO(path.lstat().st_mode)
        assert os.listdir(path.parent) == ["fifo"]
        return found[0]

    return path, read


def test_a_fifo_is_written_through(tmp_path_factory, fifo):
    path, read = fifo
    expected = saved(tmp_path_factory.mktemp("file") / "net")
    small().save(path)
    assert read() == expected


def test_a_fifo_takes_a_header(tmp_path_factory, fifo):
    path, read = fifo
    other = tmp_path_factory.mktemp("file") / "net.h"
    small().to_c(other, "net")
    small().to_c(path, "net")
    assert read() == other.read_bytes()


def test_a_link_to_a_fifo_is_written_through(tmp_path_factory, fifo):
    path, read = fifo
    link = tmp_path_factory.mktemp("link") / "link"
    link.symlink_to(path)
    write(link)
    assert read() == b"new"
    assert link.is_symlink()


@root
def test_a_character_device_is_written_through(tmp_path):
    for minor in (3, 7):  # null, and full
        path = tmp_path / str(minor)
        os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
    small().save(tmp_path / "3")
    with pytest.raises(OSError, match="No space left on device") as caught:
        small().save(tmp_path / "7")
    assert caught.value.filename == str(tmp_path / "7")
    assert all(stat.S_ISCHR(path.lstat().st_mode) for path in tmp_path.iterdir())
    assert len(list(tmp_path.iterdir())) == 2


@root
def test_a_block_device_is_refused(tmp_path):
    path = tmp_path / "disk"
    os.mknod(path, 0o600 | stat.S_IFBLK, os.makedev(259, 4095))
    with pytest.raises(OSError, match="it is a block device, expected a file"):
        small().save(path)
    assert stat.S_ISBLK(path.lstat().st_mode)


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
@pytest.mark.parametrize("to_file", [False, True])
def test_an_open_file_of_the_process_is_written_where_it_is(tmp_path, name, to_file):
    program = f"from cyprop.formats.atomic import write; print('a', flush=True);\
write({name!r}, [b'b']); print('c')"
    with open(tmp_path / "out", "wb") as out:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=out if to_file else subprocess.PIPE, check=True
        )
    printed = (tmp_path / "out").read_bytes() if to_file else done.stdout
    assert printed == b"a\nbc\n"


def test_folders_and_loops_are_the_systems_errors(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "file").touch()
    for path, error in (
        (f"{tmp_path}", IsADirectoryError),
        (f"{tmp_path}/new/", IsADirectoryError),
        (f"{tmp_path}/file/", NotADirectoryError),
        (f"{tmp_path}/file/x", NotADirectoryError),
        (f"{tmp_path}/none/x", FileNotFoundError),
        (f"{tmp_path}/{'x' * 300}", OSError),
        (f"{tmp_path}/loop", OSError),
        ("", FileNotFoundError),
        ("/dev/fd/999999", OSError),
    ):
        with pytest.raises(error) as caught:
            write(path)
        assert caught.value.filename == path
    assert sorted(os.listdir(tmp_path)) == ["file", "loop"]


@pytest.mark.parametrize("path", ["a\0b", "\0", "a\ud800"])
def test_what_no_file_can_be_called_is_one_sentence(path):
    net = small()
    for call in (net.save, net.to_c, cyprop.Network.load, read_metadata):
        with pytest.raises(ValueError, match=r"^path is '[^\0]*'.*(NUL|cannot encode)"):
            call(path)


# What is read


def test_what_is_no_file_is_not_loaded(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "empty").touch()
    for path, reason in (
        (tmp_path / "fifo", "it is a device, a FIFO or a socket, expected a file"),
        ("/dev/zero", "it is a device, a FIFO or a socket, expected a file"),
        (tmp_path / "empty", "it is not a safetensors file: it is empty"),
    ):
        for call in (cyprop.Network.load, read_metadata):
            with pytest.raises(cyprop.FormatError) as caught:
                call(path)
            assert str(caught.value) == f"cannot load {str(path)!r}: {reason}"
    with pytest.raises(IsADirectoryError):
        cyprop.Network.load(tmp_path)


def test_a_file_that_is_replaced_is_read_as_one_version(tmp_path):
    path = tmp_path / "net"
    nets = [cyprop.Network([30, 40 + i, 5], seed=i) for i in range(2)]
    nets[0].save(path, {"version": "0"})
    stop = threading.Event()

    def replace():
        i = 0
        while not stop.is_set():
            i = 1 - i
            nets[i].save(path, {"version": str(i)})

    threads = [threading.Thread(target=replace) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(300):
            assert cyprop.Network.load(path) in nets
            network, notes = load_with_metadata(cyprop.Network, path)
            assert network == nets[int(notes["version"])]
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert os.listdir(tmp_path) == ["net"]


def test_a_file_that_is_cut_short_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "net"
    small().save(path)
    from cyprop.formats import safetensors

    make = safetensors.memory.make

    def cut(*arguments):
        os.truncate(path, path.stat().st_size - 8)
        return make(*arguments)

    monkeypatch.setattr(safetensors.memory, "make", cut)
    with pytest.raises(cyprop.FormatError, match="it changed while it was read"):
        cyprop.Network.load(path)


# Rights


@pytest.mark.parametrize("old", [None, 0o600, 0o640, 0o644, 0o400, 0o666])
def test_a_temporary_file_is_no_more_readable_than_what_it_replaces(tmp_path, monkeypatch, old):
    path, seen = tmp_path / "net", []
    before = os.umask(0o027)
    monkeypatch.setattr(os, "fsync", look(os.fsync, tmp_path, seen))
    try:
        if old is not None:
            path.touch()
            path.chmod(old)

        def pieces():
            for _ in range(3):
                seen.append(mode_of_temporary(tmp_path))
                yield b"x" * 100_000

        atomic.write(str(path), pieces())
    finally:
        os.umask(before)
    final = 0o640 if old is None else old
    assert stat.S_IMODE(path.stat().st_mode) == final
    assert seen[:3] == [0o640 if old is None else 0o600] * 3
    assert seen[3] == final


def mode_of_temporary(folder):
    (temporary,) = folder.glob(".cyprop-*.tmp")
    return stat.S_IMODE(temporary.stat().st_mode)


def look(function, folder, seen):
    def call(descriptor):
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            seen.append(mode_of_temporary(folder))
        function(descriptor)

    return call


@root
def test_owner_and_group_are_kept_where_that_is_allowed(tmp_path):
    path = tmp_path / "net"
    path.touch()
    os.chown(path, 1234, 4321)
    path.chmod(0o4750)
    write(path)
    found = path.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (1234, 4321, 0o4750)


@root
def test_a_group_that_cannot_be_kept_gives_the_new_one_no_rights(tmp_path, monkeypatch):
    path = tmp_path / "net"
    path.touch()
    os.chown(path, 1234, 4321)
    path.chmod(0o6754)

    def refused(*arguments):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refused)
    write(path)
    found = path.stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (os.geteuid(), 0o744)


def test_extended_attributes_are_kept(tmp_path, monkeypatch):
    # Not every file system has them, so these are kept here, by the file.
    kept = {}

    def of(file):
        return kept.setdefault(os.stat(file).st_ino, {})

    monkeypatch.setattr(os, "listxattr", lambda file: list(of(file)))
    monkeypatch.setattr(os, "getxattr", lambda file, name: of(file)[name])
    monkeypatch.setattr(os, "setxattr", lambda file, name, value: of(file).update({name: value}))
    path = tmp_path / "net"
    path.touch()
    os.setxattr(path, "user.note", b"mine")
    before = path.stat().st_ino
    write(path)
    assert path.stat().st_ino != before
    assert os.getxattr(path, "user.note") == b"mine"


def test_other_hard_links_keep_what_they_had(tmp_path):
    write(tmp_path / "net", b"old")
    os.link(tmp_path / "net", tmp_path / "other")
    write(tmp_path / "net")
    assert (tmp_path / "other").read_bytes() == b"old"
    assert (tmp_path / "net").read_bytes() == b"new"


# Leftovers and failures

KILLED = """
import os, signal, sys
from cyprop.formats import atomic
def pieces():
    yield b"x" * 100_000
    os.kill(os.getpid(), signal.SIGKILL)
atomic.write(sys.argv[1], pieces())
"""


def test_the_leftover_of_a_killed_writer_goes_with_the_next_write_of_its_target(tmp_path):
    write(tmp_path / "net", b"old")
    for name in ("net", "net", "other"):
        done = subprocess.run([sys.executable, "-c", KILLED, tmp_path / name], check=False)
        assert done.returncode == -signal.SIGKILL
    assert (tmp_path / "net").read_bytes() == b"old"
    left = set(tmp_path.glob(".cyprop-*.tmp"))
    assert len(left) == 2  # the second writer has removed what the first left
    write(tmp_path / "net")
    (others,) = tmp_path.glob(".cyprop-*.tmp")
    assert others in left
    write(tmp_path / "other")
    assert sorted(os.listdir(tmp_path)) == ["net", "other"]


def test_what_is_still_being_written_is_let_alone(tmp_path):
    path = tmp_path / "net"

    def pieces():
        write(path, b"first")
        yield b"second"

    atomic.write(str(path), pieces())
    assert path.read_bytes() == b"second"
    assert os.listdir(tmp_path) == ["net"]


def test_a_temporary_file_taken_for_a_leftover_before_it_is_locked_is_made_again(
    tmp_path, monkeypatch
):
    lock, taken = fcntl.flock, []

    def late(descriptor, how):
        if not taken:
            taken.extend(tmp_path.glob(".cyprop-*.tmp"))
            taken[0].unlink()
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", late)
    write(tmp_path / "net")
    assert len(taken) == 1
    assert os.listdir(tmp_path) == ["net"]


def test_file_systems_without_locks_do(tmp_path, monkeypatch):
    def refused(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    write(tmp_path / "net", b"old")
    (tmp_path / f"{mark(tmp_path, 'net')}0.tmp").touch()
    monkeypatch.setattr(fcntl, "flock", refused)
    write(tmp_path / "net")
    assert (tmp_path / "net").read_bytes() == b"new"
    assert len(os.listdir(tmp_path)) == 2  # nobody can say whether the other is in use


def mark(folder, name):
    """What the names of temporary files of that target begin with."""
    found = []

    def pieces():
        found.extend(folder.glob(".cyprop-*.tmp"))
        yield b""

    atomic.write(str(folder / name), pieces())
    return found[0].name[: -len("0123456789abcdef.tmp")]


def test_a_full_disk_is_the_systems_error_and_leaves_the_target(tmp_path):
    path = tmp_path / "net"
    write(path, b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(OSError, match="File too large") as caught:
            write(path, b"x" * 10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["net"]


def test_what_becomes_a_fifo_meanwhile_is_not_replaced(tmp_path):
    path = Path(tmp_path / "net")

    def pieces():
        os.mkfifo(path)
        yield b"new"

    with pytest.raises(OSError, match="it is no longer a file"):
        atomic.write(str(path), pieces())
    assert stat.S_ISFIFO(path.lstat().st_mode)
    assert os.listdir(tmp_path) == ["net"]
