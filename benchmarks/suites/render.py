"""Pictures, and the tables of the documents, from result files; nothing is timed."""

import argparse
from pathlib import Path

from benchmarks import page, pictures, report

ROOT = Path(__file__).parents[2]
FRONT = ROOT / "docs/one-row.png"


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks render", description=__doc__)
    parser.add_argument(
        "--results", type=Path, default=report.SHOWN, metavar="DIR",
        help="where the result files are; default benchmarks/results/zen5",
    )  # fmt: skip
    report.add_output(parser)
    parser.add_argument(
        "--write", action="store_true",
        help=f"renew the tables of the documents and the picture docs/{FRONT.name}",
    )  # fmt: skip
    options = parser.parse_args(arguments)
    documents = report.read_all(options.results)
    for document in documents.values():
        pictures.draw(document, options.output)
    tables = page.tables(documents, report.by_kind(options.results.parent))
    if options.write:
        pictures.draw_front(documents["predict"], FRONT)
        page.write(tables)
    else:
        pictures.draw_front(documents["predict"], options.output / FRONT.name)
        for name, table in tables.items():
            print(f"\n{name}\n\n{table}")
