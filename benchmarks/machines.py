"""Which kind of machine this is: the folder of benchmarks/results that its figures go into."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

# Vendor and family, then (first model, last model, name). Models as /proc/cpuinfo numbers them.
KINDS: dict[tuple[str, int], tuple[tuple[int, int, str], ...]] = {
    ("AuthenticAMD", 23): ((0x00, 0x2F, "zen1"), (0x30, 0xFF, "zen2")),
    ("AuthenticAMD", 25): (
        (0x00, 0x0F, "zen3"),
        (0x10, 0x1F, "zen4"),
        (0x20, 0x5F, "zen3"),
        (0x60, 0x7F, "zen4"),
        (0xA0, 0xAF, "zen4"),
    ),
    ("AuthenticAMD", 26): ((0x00, 0xFF, "zen5"),),
    ("GenuineIntel", 6): (
        (63, 63, "haswell"),
        (79, 79, "broadwell"),
        (85, 85, "skylake-x"),
        (106, 106, "ice-lake"),
        (108, 108, "ice-lake"),
        (143, 143, "sapphire-rapids"),
        (173, 174, "granite-rapids"),
        (207, 207, "emerald-rapids"),
    ),
}

named: str | None = None  # the name that `--kind` gave


def fields() -> dict[str, str]:
    """What /proc/cpuinfo says of the first processor; empty where there is no such file."""
    try:
        first = Path("/proc/cpuinfo").read_text().partition("\n\n")[0]
    except OSError:
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def kind() -> str:
    """The name of this kind, or what the processor calls itself where nobody has named it."""
    if named:
        return named
    said = fields()
    vendor = said.get("vendor_id", "")
    if not vendor:
        return platform.machine().lower() or "unknown"
    family, model = int(said["cpu family"]), int(said["model"])
    for first, last, name in KINDS.get((vendor, family), ()):
        if first <= model <= last:
            return name
    return f"{vendor.lower()}-{family}-{model}"


def level() -> str:
    """The name of the instructions that there are, as compilers have it: x86-64-v4 and so on."""
    flags = set(fields().get("flags", "").split())
    if "avx512vl" in flags:
        return "x86-64-v4"
    return "x86-64-v3" if {"avx2", "fma"} <= flags else platform.machine()


def processor() -> str:
    """The processor's name, as the system gives it."""
    return fields().get("model name") or platform.processor() or platform.machine()


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def machine() -> dict[str, Any]:
    said = fields()
    found: dict[str, Any] = {
        "kind": kind(),
        "processor": processor(),
        "architecture": platform.machine(),
        "cores": cores(),
        "system": platform.system(),
    }
    if "cpu family" in said:
        found |= {"family": int(said["cpu family"]), "model": int(said["model"])}
    return found
