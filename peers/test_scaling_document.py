"""The examples of docs/scaling.md, as one session on a LocalCluster; and its ten lines for MPI."""

import doctest
import re
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

import cyprop

PAGE = Path(__file__).parents[1] / "docs" / "scaling.md"


def test_the_examples_give_what_stands_below_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = doctest.testfile(str(PAGE), module_relative=False)
    assert found.attempted > 20
    assert found.failed == 0


class Comm:
    """What one of two processes with the same rows would find in mpi4py's."""

    rank, size = 0, 2

    @staticmethod
    def Allreduce(given, total):
        total[:] = given + given


def test_the_lines_for_mpi_step_along_the_mean_gradient():
    [code] = re.findall(r"```python\n(from mpi4py.*?)```", PAGE.read_text(), re.DOTALL)
    rng = np.random.default_rng(0)
    X, labels = rng.normal(size=(100, 784)).astype("float32"), rng.integers(0, 10, 100)
    names = {"MPI": type("MPI", (), {"COMM_WORLD": Comm}), "my_rows": lambda rank: (X, labels)}
    exec(code.replace("from mpi4py import MPI\n", ""), names)
    net = cyprop.Network([784, 300, 10], "relu", loss="cross_entropy", optimizer="adam")
    for start in range(0, 100, 32):
        rows = slice(start, start + 32)
        net.step(net.gradients(X[rows], labels[rows], training=True))
    assert net == names["net"]
