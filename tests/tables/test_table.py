"""Reading tables of all three formats, and writing columns so that they come back."""

import os
import stat
import sys
import threading

import numpy as np
import pandas
import pytest

from cyprop.tables.table import Table, missing, read_table, write_columns

FRAME = pandas.DataFrame(
    {
        "count": [1, -2, 3],
        "flag": [True, False, True],
        "weight": [0.1, np.nan, 1e300],
        "name": ["a", None, "c, d"],
    }
)


def written(tmp_path, name, frame=FRAME):
    path = tmp_path / name
    if path.suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_parquet(path, index=False)
    return path


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "T.CSV"])
def test_columns_keep_their_kinds_and_values(tmp_path, name):
    path = tmp_path / name
    FRAME.to_parquet(path) if name.endswith("parquet") else FRAME.to_csv(path, index=False)
    table = read_table(path)
    assert list(table.columns) == ["count", "flag", "weight", "name"]
    assert len(table) == 3
    assert table.rows.tolist() == [0, 1, 2]
    assert [column.dtype.kind for column in table.columns.values()] == ["i", "b", "f", "O"]
    assert table.column("count").tolist() == [1, -2, 3]
    assert table.column("flag").tolist() == [True, False, True]
    assert table.column("weight")[[0, 2]].tolist() == [0.1, 1e300]
    assert table.column("name").tolist() == ["a", None, "c, d"]
    assert missing(table.column("weight")).tolist() == [False, True, False]
    assert missing(table.column("name")).tolist() == [False, True, False]


@pytest.mark.parametrize("dtype", ["Int64", "UInt8", "boolean", "Float32"])
def test_nullable_columns_become_floats_with_nan(tmp_path, dtype):
    frame = pandas.DataFrame({"a": pandas.array([1, None, 0], dtype=dtype)})
    column = read_table(written(tmp_path, "t.parquet", frame)).column("a")
    assert column.dtype == np.float64
    assert np.array_equal(column, [1, np.nan, 0], equal_nan=True)


def test_large_whole_numbers_keep_every_digit(tmp_path):
    frame = pandas.DataFrame({"a": np.array([2**64 - 1], "uint64"), "b": [-(2**63)]})
    table = read_table(written(tmp_path, "t.parquet", frame))
    assert table.column("a").tolist() == [2**64 - 1]
    assert table.column("b").tolist() == [-(2**63)]


def test_categories_read_as_their_values(tmp_path):
    frame = pandas.DataFrame({"a": pandas.Categorical(["x", None, "y"])})
    table = read_table(written(tmp_path, "t.parquet", frame))
    assert table.column("a").tolist() == ["x", None, "y"]


def test_truth_values_with_gaps_are_numbers(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\nTrue,1\n,2\nFalse,3\n")
    column = read_table(path).column("a")
    assert np.array_equal(column, [1, np.nan, 0], equal_nan=True)


def test_npz_columns(tmp_path):
    path = tmp_path / "t.npz"
    X = np.arange(12).reshape(2, 3, 2)
    np.savez(path, X=X, Y=np.array([[0.5], [1.5]]), label=np.array(["no", "yes"]))
    table = read_table(path)
    assert list(table.columns) == [*(f"X_{i}" for i in range(6)), "Y", "label"]
    assert [table.column(f"X_{i}").tolist() for i in range(6)] == [[i, i + 6] for i in range(6)]
    assert table.column("Y").tolist() == [0.5, 1.5]
    assert table.column("label").tolist() == ["no", "yes"]


def test_rows_without_a_missing_value(tmp_path):
    table = read_table(written(tmp_path, "t.csv")).without_missing(["count", "name"])
    assert table.rows.tolist() == [0, 2]
    assert table.column("name").tolist() == ["a", "c, d"]
    assert table.without_missing(["count"]) is table


def refused(path, message):
    with pytest.raises(ValueError, match=message) as caught:
        read_table(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.txt", b"a\n1\n", "does not end in .csv, .parquet or .npz"),
        ("t.csv", b"", "is not a .csv table"),
        ("t.csv", b"a,b\n", "holds no rows"),
        ("t.csv", b"a,b\n1,2,3\n4,5,6\n", "is not a .csv table: Length of header"),
        ("t.csv", b"a,b\n1,2\n1,2,3\n", "is not a .csv table"),
        ("t.csv", b"a\n\xff\xfe\n", "is not a .csv table"),
        ("t.parquet", b"PAR1 nonsense", "is not a .parquet table"),
        ("t.npz", b"", "is not a .npz archive"),
        ("t.npz", b"PK\x03\x04 nonsense", "is not a .npz archive"),
    ],
)
def test_other_files_are_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    refused(path, message)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"X": np.zeros((3, 2)), "y": np.zeros(4)}, r"different numbers of rows: X \(3, 2\), y"),
        ({"X": np.zeros(3), "n": np.array(3)}, "different numbers of rows"),
        ({"z": np.zeros(3, complex)}, "'z' of .* holds complex128, expected numbers or text"),
        ({"o": np.array([None, 1], object)}, "is not a .npz archive of plain arrays"),
        ({"X": np.zeros((2, 2)), "X_1": np.zeros(2)}, "two columns called 'X_1'"),
        ({"X": np.zeros((0, 2))}, "holds no rows"),
        ({"n": np.array(3)}, r"different numbers of rows: n \(\)"),
        ({}, "holds no rows"),
    ],
)
def test_other_archives_are_refused(tmp_path, arrays, message):
    path = tmp_path / "t.npz"
    np.savez(path, **arrays)
    refused(path, message)


def test_columns_of_other_things_are_refused(tmp_path):
    frame = pandas.DataFrame({"when": pandas.to_datetime(["2020-01-01"])})
    refused(
        written(tmp_path, "t.parquet", frame),
        "'when' of .* holds Timestamp values, expected numbers or text",
    )


def test_a_missing_file_is_an_os_error(tmp_path):
    for name in ("t.csv", "t.parquet", "t.npz"):
        with pytest.raises(FileNotFoundError):
            read_table(tmp_path / name)


def test_a_missing_column_is_named(tmp_path):
    with pytest.raises(ValueError, match="no column 'wieght'; it has 'count', 'flag', 'weight'"):
        read_table(written(tmp_path, "t.csv")).column("wieght")


def test_pandas_is_asked_for_only_where_needed(tmp_path, monkeypatch):
    csv = written(tmp_path, "t.csv")
    np.savez(tmp_path / "t.npz", a=np.arange(3))
    monkeypatch.setitem(sys.modules, "pandas", None)
    assert len(read_table(tmp_path / "t.npz")) == 3
    with pytest.raises(ImportError, match=r"pip install 'cyprop\[data\]'"):
        read_table(csv)


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_written_columns_come_back_bit_for_bit(tmp_path, suffix):
    rng = np.random.default_rng(0)
    columns = {
        "row": np.arange(50),
        "answer": np.array(["ä, b", 'c"d'])[np.arange(50) % 2],
        "single": rng.normal(size=50).astype("float32"),
        "double": rng.normal(size=50) * 1e-200,
    }
    path = tmp_path / f"out{suffix}"
    write_columns(path, {**columns, "matrix": np.ones((50, 2))})
    table = read_table(path)
    for name, column in columns.items():
        assert table.column(name).astype(column.dtype).tobytes() == column.tobytes()
    assert ("matrix_1" in table.columns) == (suffix == ".npz")


def test_without_a_path_columns_go_to_standard_output(capsys):
    write_columns(None, {"row": np.array([3]), "prediction": np.array([0.1], "float32")})
    assert capsys.readouterr().out == "row,prediction\n3,0.1\n"


def test_take_keeps_row_numbers():
    table = Table("t", {"a": np.array([5, 6, 7])}, np.array([2, 4, 9]), one_unit=True)
    taken = table.take(np.array([False, True, True]))
    assert (taken.rows.tolist(), taken.column("a").tolist()) == ([4, 9], [6, 7])
    assert taken.one_unit


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_a_fifo_is_written_through(tmp_path, suffix):
    columns = {"a": np.arange(3), "b": np.array([0.5, 0.25, 1])}
    fifo, copied = tmp_path / f"fifo{suffix}", tmp_path / f"copied{suffix}"
    os.mkfifo(fifo)
    reader = threading.Thread(target=lambda: copied.write_bytes(fifo.read_bytes()))
    reader.start()
    write_columns(fifo, columns)
    reader.join(10)
    assert stat.S_ISFIFO(fifo.lstat().st_mode)
    found = read_table(copied).columns
    assert {name: column.tolist() for name, column in found.items()} == {
        name: column.tolist() for name, column in columns.items()
    }


@pytest.mark.parametrize("suffix", [".csv", ".parquet", ".npz"])
def test_a_table_that_cannot_be_written_whole_is_as_before(tmp_path, monkeypatch, suffix):
    path = tmp_path / f"table{suffix}"
    write_columns(path, {"a": np.arange(3)})
    path.chmod(0o600)
    before = path.read_bytes()

    def fail(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space left on device"):
        write_columns(path, {"a": np.arange(4)})
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]
    write_columns(path, {"a": np.arange(4)})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
