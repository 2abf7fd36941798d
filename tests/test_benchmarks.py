"""What the benchmark package decides without timing: kinds of machine, shares of time, targets."""

import argparse
import itertools
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1]))

from benchmarks import budget, machines, report, side_by_side, targets


@pytest.mark.parametrize(
    ("vendor", "family", "model", "kind"),
    [
        ("AuthenticAMD", 25, 1, "zen3"),  # Milan
        ("AuthenticAMD", 25, 33, "zen3"),  # Vermeer
        ("AuthenticAMD", 25, 17, "zen4"),  # Genoa
        ("AuthenticAMD", 25, 97, "zen4"),  # Raphael
        ("AuthenticAMD", 26, 2, "zen5"),  # Turin
        ("GenuineIntel", 6, 143, "sapphire-rapids"),
        ("GenuineIntel", 6, 9999, "genuineintel-6-9999"),
    ],
)
def test_the_kind_of_a_machine(monkeypatch, vendor, family, model, kind):
    said = {"vendor_id": vendor, "cpu family": str(family), "model": str(model)}
    monkeypatch.setattr(machines, "fields", lambda: said)
    assert machines.kind() == kind
    monkeypatch.setattr(machines, "named", "mine")
    assert machines.kind() == "mine"


def test_a_machine_that_says_nothing_has_a_kind_all_the_same(monkeypatch):
    monkeypatch.setattr(machines, "fields", dict)
    monkeypatch.setattr(machines.platform, "machine", lambda: "ARM64")
    assert machines.kind() == "arm64"


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("1.5m", 90), ("1h", 3600)])
def test_a_duration(text, seconds):
    assert budget.duration(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "-1s", "0", "ten", "inf", "nan", "1d"])
def test_what_is_no_duration(text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected a time as 90s, 10m or 1h"):
        budget.duration(text)


@pytest.fixture
def clock(monkeypatch):
    """The time, in a list of one number, that only a test moves on."""
    now = [0.0]
    monkeypatch.setattr(budget.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(budget, "_end", None)
    monkeypatch.setattr(budget, "_case_end", None)
    monkeypatch.setattr(budget, "skipped", [])
    return now


def test_without_an_end_every_case_has_all_its_rounds(clock):
    for case in budget.each("abc"):
        clock[0] += 1e9
        assert not budget.is_over(1000), case
    assert budget.skipped == []


def test_cases_share_the_time_and_what_one_leaves_is_the_others(clock):
    budget.start(30)
    ends = []
    for case in budget.each("abc"):
        took = next(t for t in itertools.count() if over_after(clock, t))
        ends.append(took)
        clock[0] += 2 if case == "a" else took
    # A third of 30; then, since `a` took 2 only, half of 28, and the rest.
    assert ends == [10, 14, 14]


def test_a_case_of_more_weight_has_more_of_the_time(clock):
    budget.start(12)
    ends = []
    for _ in budget.each(["large", "small"], weight={"large": 3.0, "small": 1.0}.__getitem__):
        ends.append(next(t for t in itertools.count() if over_after(clock, t)))
        clock[0] += ends[-1]
    assert ends == [9, 3]


def over_after(clock, seconds):
    clock[0] += seconds
    over = budget.is_over(budget.LEAST_ROUNDS)
    clock[0] -= seconds
    return over


def test_a_case_has_its_least_rounds_however_late_it_is(clock):
    budget.start(1)
    for _ in budget.each("a"):
        clock[0] = 100
        assert [budget.is_over(n) for n in range(5)] == [False, False, False, True, True]


def test_what_does_not_fit_is_named_and_the_first_case_always_runs(clock):
    budget.start(10)
    run = []
    for outer in budget.each(["one", "two", "three"]):
        for inner in budget.each(["x", "y"], lambda inner, outer=outer: f"{outer} {inner}"):
            run.append(f"{outer} {inner}")
            clock[0] += 6
    assert run == ["one x", "two x"]
    assert budget.skipped == ["one y", "two y", "three"]


def rows(ours, **peers):
    found = [{"label": "cyprop", "kind": "ours", "median": ours}]
    return found + [{"label": k, "kind": "peer", "median": v} for k, v in peers.items()]


def test_targets_are_read_from_results():
    named = {target.case: target for target in targets.TARGETS}
    documents = {
        "learn": {"cases": [{"case": "784-30-10, dense", "results": rows(2.0, a=3.0, b=5.0)}]},
        "kernels": {
            "cases": [
                {
                    "operation": "forward",
                    "batch": 10,
                    "layer": layer,
                    "results": [
                        {"label": "cyprop", "kind": "ours", "gflops": 50},
                        {"label": "cyprop, compiled loop", "kind": "native", "gflops": ours},
                        {"label": "MKL, compiled loop", "kind": "reference", "gflops": 80},
                        {"label": "LIBXSMM, compiled loop", "kind": "reference", "gflops": 200},
                    ],
                }
                for layer, ours in (("256×256", 100), ("784×30", 88))
            ]
        },
        "threads": {
            "cases": [
                {
                    "case": "784-300-10, an epoch at batch 512",
                    "results": [
                        {"label": "2 threads", "speedup": 1.5},
                        {"label": "16 threads", "speedup": 7.25},
                    ],
                }
            ]
        },
    }

    def here(case):
        return named[case].here(documents)

    assert here("learn_one, best peer ÷ ours: 784-30-10, 784-300-10 dense") == "1.50, –"
    assert (
        here("kernel forward, ours ÷ the better of OpenBLAS and MKL, the least")
        == "1.10 (10×784×30)"
    )
    assert here("kernel forward, ours ÷ LIBXSMM, the least") == "0.44 (10×784×30)"
    assert here("two threads, epoch of 784-300-10 at batch 512") == "1.50"
    assert here("16 threads, epoch of 784-300-10 at batch 512") == "7.25"
    assert all(target.here({}) for target in targets.TARGETS)  # nothing was measured


def test_a_kind_that_lacks_a_case_has_a_dash_side_by_side():
    def document(case):
        return {"versions": {"cyprop": "1.0"}, "cases": [{"case": case, "results": rows(1.0, a=2)}]}

    kinds = {"one": {"predict": document("4-8-3")}, "two": {"predict": document("16-4")}}
    assert side_by_side.table(kinds).splitlines()[2:] == [
        "| predict one row, 4-8-3 | 1.00 s, 2.00 × | – |",
        "| predict one row, 16-4 | – | 1.00 s, 2.00 × |",
    ]


def test_the_committed_folder_is_that_of_the_kind(monkeypatch):
    monkeypatch.setattr(machines, "named", "mine")
    assert report.folder(str(report.RESULTS)) == report.RESULTS / "mine"
    assert report.folder("elsewhere") == Path("elsewhere")
