"""List the suites, or run one: python -m benchmarks [SUITE [OPTIONS]]."""

import argparse
import ast
import importlib
import os
import sys
from pathlib import Path

from benchmarks import budget, machines

# Libraries read these once, when they are first imported. One thread each, without exception.
ONE_THREAD = {
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "VECLIB_MAXIMUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "NPROC": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false",
    "JAX_PLATFORMS": "cpu",
    "JAX_CPU_ENABLE_ASYNC_DISPATCH": "false",
}

# These make libraries compute as on another processor; all are to use what there is here.
RESTRAINTS = (
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "MKL_ENABLE_INSTRUCTIONS",
    "MKL_DEBUG_CPU_TYPE",
    "MKL_CBWR",
    "NVPL_BLAS_DEBUG_CPU_TYPE",
    "BLIS_ARCH_TYPE",
    "ATEN_CPU_CAPABILITY",
    "DNNL_MAX_CPU_ISA",
    "ONEDNN_MAX_CPU_ISA",
    "NUMBA_CPU_NAME",
    "NUMBA_DISABLE_JIT",
    "NPY_DISABLE_CPU_FEATURES",
    "LIBXSMM_TARGET",
)


def suites() -> dict[str, tuple[str, str]]:
    """Name, and (module, one line about it), of each module in suites/ with a main(arguments)."""
    found = {}
    for path in sorted((Path(__file__).parent / "suites").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        functions = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        if "main" in functions:
            line = (ast.get_docstring(tree) or "").partition("\n")[0]
            found[path.stem.rstrip("_")] = (path.stem, line)
    return found


def common_options(arguments: list[str]) -> list[str]:
    """Take in what every suite can be told, and give what is left."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--time", type=budget.duration)
    parser.add_argument("--kind")
    found, rest = parser.parse_known_args(arguments)
    if found.time is not None:
        budget.start(found.time)
    machines.named = found.kind
    return rest


def main(arguments: list[str]) -> None:
    known = suites()
    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__ + "\n")
        for name, (_, line) in known.items():
            print(f"  {name:14}{line}")
        print("\npython -m benchmarks SUITE --help shows the options of one. Every suite also has")
        print("  --time 90s    about how long it may take; what does not fit is skipped and named")
        print("  --kind NAME   what this kind of machine is called, instead of what it says itself")
        return
    name, *rest = arguments
    if name not in known:
        sys.exit(f"suite {name!r} is unknown; known are {', '.join(known)}")
    os.environ.update(ONE_THREAD)
    for restraint in RESTRAINTS:
        os.environ.pop(restraint, None)
    importlib.import_module(f"benchmarks.suites.{known[name][0]}").main(common_options(rest))


if __name__ == "__main__":
    main(sys.argv[1:])
