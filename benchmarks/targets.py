"""The figures that cyprop is meant to reach, as data, and what a folder of results has of each.

They are said beside the results, never tested: a machine that is busy, or of another kind, measures
something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

Document = dict[str, Any]
Documents = dict[str, Document]
Case = dict[str, Any]

NOTHING = "–"
BLAS = ("OpenBLAS", "BLAS", "MKL", "NumPy", "PyTorch")
STANDARD = ("4-8-3", "16-64-64-4", "784-30-10", "784-300-10", "64-256-256-256-1")
LEARNING = ("learn_one of float64", "train_on_batch of one row")


@dataclass(frozen=True)
class Target:
    """What is measured, what it should be, and how it is read from the results."""

    case: str
    reach: str
    here: Callable[[Documents], str]


def cases(documents: Documents, suite: str, group: str = "cases") -> list[Case]:
    found: list[Case] = documents.get(suite, {}).get(group, [])
    return found


def case_of(documents: Documents, suite: str, name: str) -> Case | None:
    return next((case for case in cases(documents, suite) if case["case"] == name), None)


def ahead(case: Case | None) -> float | None:
    """The best peer's time as a multiple of ours."""
    if case is None:
        return None
    ours = [row["median"] for row in case["results"] if row["kind"] == "ours"]
    peers = [row["median"] for row in case["results"] if row["kind"] == "peer"]
    return min(peers) / ours[0] if ours and peers else None


def text(value: float | None, form: str = "{:.2f}") -> str:
    return NOTHING if value is None else form.format(value)


def several(values: Iterable[float | None], form: str = "{:.2f}") -> str:
    return ", ".join(text(value, form) for value in values)


def ratios(suite: str, *names: str) -> Callable[[Documents], str]:
    """Best peer ÷ ours, of each case."""
    return lambda documents: several(ahead(case_of(documents, suite, name)) for name in names)


def speedups(n_threads: int, *names: str) -> Callable[[Documents], str]:
    """How many times as fast so many threads are as one."""

    def here(documents: Documents) -> str:
        return several(
            speedup(case_of(documents, "threads", name), f"{n_threads} threads") for name in names
        )

    return here


def speedup(case: Case | None, label: str) -> float | None:
    rows = [] if case is None else [row for row in case["results"] if row["label"].endswith(label)]
    return rows[0]["speedup"] if rows else None


def product(operation: str, rivals: tuple[str, ...]) -> Callable[[Documents], str]:
    """The least rate of ours as a multiple of the best rival's, and which product that is."""

    def here(documents: Documents) -> str:
        found = []
        for case in cases(documents, "kernels"):
            rows = case["results"] if case["operation"] == operation else []
            ours = [row["gflops"] for row in rows if row["kind"] in ("ours", "native")]
            others = [row["gflops"] for row in rows if row["label"].startswith(rivals)]
            if ours and others:
                found.append((max(ours) / max(others), f"{case['batch']}×{case['layer']}"))
        if not found:
            return NOTHING
        least = min(found)
        return f"{least[0]:.2f} ({least[1]})"

    return here


def doors(documents: Documents) -> str:
    """Of each network the least ratio over all forms of one row, in both dtypes."""
    least = []
    for network in STANDARD:
        found = [
            ahead(case)
            for case in cases(documents, "predict", "doors")
            if case["network"] == network
            and case["door"] not in LEARNING
            and not case["door"].endswith("rows")
        ]
        known = [ratio for ratio in found if ratio is not None]
        least.append(min(known) if known else None)
    return several(least)


def median_of(suite: str, name: str, label: str, scale: float) -> Callable[[Documents], str]:
    """The median of an entry, as a number of the unit that a second has `scale` of."""

    def here(documents: Documents) -> str:
        case = case_of(documents, suite, name)
        rows = [] if case is None else [row for row in case["results"] if row["label"] == label]
        return text(rows[0]["median"] * scale if rows else None)

    return here


def simple_chains(documents: Documents) -> str:
    case = case_of(documents, "simplechains", "4-32-16-4, an epoch")
    return text(speedup(case, "2 threads"))


def sped_up_epoch(layers: str, batch_size: int, n_threads: int) -> Callable[[Documents], str]:
    return speedups(n_threads, f"{layers}, an epoch at batch {batch_size}")


PRODUCTS = {"forward": "forward", "backward_W": "dW", "backward_A": "dA_prev"}
TWO_UNITS = "≥ 1.0 on Zen 3, ≥ .97 on other one-unit cores; ≥ .8 with two 512-bit units"
TARGETS = (
    *(
        Target(f"kernel {name}, ours ÷ the better of OpenBLAS and MKL, the least", TWO_UNITS,
               product(operation, BLAS))
        for operation, name in PRODUCTS.items()
    ),
    *(
        Target(f"kernel {name}, ours ÷ LIBXSMM, the least", NOTHING,
               product(operation, ("LIBXSMM",)))
        for operation, name in PRODUCTS.items()
    ),
    Target("epoch of 784-30-10 dense, best peer ÷ ours: batch 10, 32", "≥ 2.4, 2",
           ratios("train", "784-30-10, batch 10, dense", "784-30-10, batch 32, dense")),
    Target("epoch of 784-300-10 dense, batch 32", "≥ 1.12 on Zen 3, 1.25 elsewhere",
           ratios("train", "784-300-10, batch 32, dense")),
    Target("epoch of 784-300-10 images, batch 32", "≥ 1.6 on Zen 3, 1.9 elsewhere",
           ratios("train", "784-300-10, batch 32, images")),
    Target("epoch of 784-300-10 dense, batch 128", "≥ 1.1",
           ratios("train", "784-300-10, batch 128, dense")),
    Target("epoch of 64-256-256-256-1, batch 32", "≥ 1.25",
           ratios("train", "64-256-256-256-1, batch 32, dense")),
    Target("epoch of 784-1024-1024-10, batch 128", "≥ 1.0 (AMD), .9 (Intel)",
           ratios("train", "784-1024-1024-10, batch 128, dense")),
    Target("epoch of 4-32-16-4, 10,000 rows at once, Adam: ms on one thread", "≤ 1.3 (Zen 3)",
           median_of("simplechains", "4-32-16-4, an epoch", "cyprop", 1e3)),
    Target("the same, two threads ÷ one", "≥ 1.4 ×", simple_chains),
    Target("two threads, epoch of 784-300-10 at batch 128", "≥ 1.75 ×",
           sped_up_epoch("784-300-10", 128, 2)),
    Target("two threads, epoch of 784-300-10 at batch 512", "≥ 1.85 ×",
           sped_up_epoch("784-300-10", 512, 2)),
    Target("16 threads, epoch of 784-300-10 at batch 512", "≥ 7 ×",
           sped_up_epoch("784-300-10", 512, 16)),
    Target("16 threads, epoch of 784-1024-1024-10 at batch 1024", "≥ 10 ×",
           sped_up_epoch("784-1024-1024-10", 1024, 16)),
    Target("16 threads, predict 50,000 rows of 784-300-10", "≥ 13 ×",
           speedups(16, "784-300-10, predict 50,000 rows")),
    Target(f"predict one vector, best peer ÷ ours: {', '.join(STANDARD)}", "≥ 5, 5, 2.3, 1.6, 1.7",
           ratios("predict", *STANDARD)),
    Target("predict one row in any other form, the least of each network",
           "≥ 5, 5, 2.3, 1.6, 1.7", doors),
    Target("learn_one, best peer ÷ ours: 784-30-10, 784-300-10 dense", "≥ 1.4, 1.2",
           ratios("learn", "784-30-10, dense", "784-300-10, dense")),
    Target("learn_one, images: 784-30-10, 784-300-10", "≥ 1.8, 4",
           ratios("learn", "784-30-10, images", "784-300-10, images")),
    Target("learn_one, 64-256-256-256-1", "≥ 1.2 (Numba)",
           ratios("learn", "64-256-256-256-1, dense")),
    Target("float64 gradient of 200 rows of 24-8-2: µs", "≤ 18 (Zen 3)",
           median_of("gradient", "24-8-2, 200 rows", "cyprop", 1e6)),
)  # fmt: skip


def rows(documents: Documents) -> list[list[str]]:
    """Case, what to reach, and what is here, for each target."""
    return [[target.case, target.reach, target.here(documents)] for target in TARGETS]
