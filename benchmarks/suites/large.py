"""Data that are not in memory as a network takes them: mapped files, of 4 GB, and sparse matrices.

Each file is trained on in a process of its own, whose largest resident memory is noted, pages of
the file included. The sparse matrix is timed beside the same numbers dense, in the same process.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

import cyprop
from benchmarks import common, report
from benchmarks.timing import Candidate, compare

COLUMNS = (1024, 50)  # of the files, float32
BATCH = 128
WORDS, DENSITY, ROWS = 30_000, 0.01, 2_048  # of the sparse matrix: as of newsgroups' texts
HIDDEN = (30, 100)

CHILD = """
import sys, time
import numpy as np
import cyprop

path, shuffle, batch = sys.argv[1], sys.argv[2] == "shuffled", int(sys.argv[3])
X = np.load(path, mmap_mode="r")
Y = (np.arange(len(X)) % 2).astype("uint8")
net = cyprop.Network([X.shape[1], 64, 2], "relu", loss="cross_entropy", seed=1)
def resident():
    text = open("/proc/self/status").read()
    return int(text.partition("VmHWM:")[2].split()[0])

before = resident()
started = time.perf_counter()
history = net.fit(X, Y, epochs=1, batch_size=batch, shuffle=shuffle)
seconds = time.perf_counter() - started
print(before, resident(), seconds, history.loss[0])
"""


def write_file(path: Path, gigabytes: float, columns: int) -> int:
    """Random rows, a piece at a time; how many bytes they take."""
    n = int(gigabytes * 2**30) // (4 * columns)
    array = np.lib.format.open_memmap(path, "w+", "float32", (n, columns))
    rng = np.random.default_rng(0)
    for start in range(0, n, 4096):
        array[start : start + 4096] = rng.random((min(4096, n - start), columns), "float32")
    array.flush()
    return array.nbytes


def mapped(path: Path, n_bytes: int, columns: int) -> list[dict[str, object]]:
    found = []
    for order in ("in order", "shuffled"):
        run = [sys.executable, "-c", CHILD, str(path), order, str(BATCH)]
        printed = subprocess.run(run, check=True, capture_output=True, text=True).stdout
        before, after, seconds, loss = map(float, printed.split())
        entry = {
            "label": f"{n_bytes / 2**30:.3g} GiB, {columns} columns, {order}",
            "resident_before_mb": before / 1024,
            "resident_most_mb": after / 1024,
            "seconds": seconds,
            "loss": loss,
        }
        print(
            f"  {entry['label']:34} at most {entry['resident_most_mb']:.0f} MB resident"
            f" ({entry['resident_before_mb']:.0f} before), {seconds:.1f} s an epoch"
        )
        found.append(entry)
    return found


def sparse(hidden: int, repeats: int) -> dict[str, object]:
    from scipy.sparse import random_array

    rng = np.random.default_rng(1)
    X = random_array((ROWS, WORDS), density=DENSITY, format="csr", dtype="float32", rng=rng)
    Y = rng.integers(0, 20, ROWS)
    sizes = [WORDS, hidden, 20]
    entrants = []
    for label, rows in (("dense", X.toarray()), ("CSR", X)):
        net = cyprop.Network(
            sizes, "relu", loss="cross_entropy", optimizer=cyprop.SGD(0.01), seed=1
        )

        def train(net: cyprop.Network = net, rows: object = rows) -> None:
            net.fit(rows, Y, epochs=1, batch_size=32)

        entrants.append(Candidate(label, train, kind="ours"))
    results = report.entries(entrants, compare(entrants, repeats))
    ratio = results[1]["median"] / results[0]["median"]
    print(f"{WORDS}-{hidden}-20, {ROWS} rows, {DENSITY:.0%} of the numbers are not zero: an epoch")
    for row in results:
        print(f"  {row['label']:8}{report.seconds(row['median']):>10}")
    print(f"  CSR ÷ dense {ratio:.2f}")
    return {"case": f"CSR, {WORDS}-{hidden}-20", "ratio": ratio, "results": results}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks large", description=__doc__)
    common.add_repeats(parser, repeats=11)
    parser.add_argument(
        "--gigabytes", type=float, default=4.0, help="of the first file (default 4)"
    )
    parser.add_argument("--folder", help="where to put it for the time being")
    report.add_output(parser)
    options = parser.parse_args(arguments)
    cases = [sparse(hidden, options.repeats) for hidden in HIDDEN]
    for columns, gigabytes in zip(COLUMNS, (options.gigabytes, options.gigabytes / 4), strict=True):
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            path = Path(folder) / "rows.npy"
            n_bytes = write_file(path, gigabytes, columns)
            cases.append(
                {"case": f"memmap, {columns} columns", "results": mapped(path, n_bytes, columns)}
            )
    report.save("large", {"cases": cases}, options.output)
