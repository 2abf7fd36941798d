"""The time of `import cyprop` beyond `import numpy`, in fresh processes."""

import argparse
import json
import os
import statistics
import subprocess
import sys

from benchmarks import common, report

PROGRAM = """
import json, time
start = time.perf_counter()
import numpy
middle = time.perf_counter()
import cyprop
stop = time.perf_counter()
print(json.dumps([middle - start, stop - middle]))
"""


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks import", description=__doc__)
    common.add_repeats(parser)
    report.add_output(parser)
    options = parser.parse_args(arguments)
    environment = {
        **os.environ,
        "PYTHONDONTWRITEBYTECODE": "",
    }  # numpy has its bytecode in any case
    readings = []
    for _ in range(options.repeats + 1):  # the first fills the file cache
        command = [sys.executable, "-c", PROGRAM]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        readings.append(json.loads(done.stdout))
    results = []
    columns = zip(
        ("import numpy", "import cyprop beyond it"), zip(*readings[1:], strict=True), strict=True
    )
    for label, seconds in columns:
        low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
        results.append({"label": label, "median": median, "low": low, "high": high})
        spread = f"{report.seconds(low)} … {report.seconds(high)}"
        print(f"{label:26}{report.seconds(median):>10}   {spread}")
    ratio = results[1]["median"] / results[0]["median"]
    print(f"ratio {ratio:.2f}")
    report.save(
        "import", {"results": results, "ratio": ratio, "repeats": options.repeats}, options.output
    )
