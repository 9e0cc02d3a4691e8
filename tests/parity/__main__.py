"""The command line of the parity page."""

from __future__ import annotations

import argparse
import sys

from tests.parity.measure import COLUMNS, Row, database, measure, measure_others


def main() -> int:
    """Run; return the exit code: 1 if a module is not whole or the page not current."""
    parser = argparse.ArgumentParser(prog="python -m tests.parity", description=__doc__)
    parser.add_argument("--only", metavar="NAME,NAME", help="these modules alone, no page")
    parser.add_argument("--lines", type=int, default=20, help="failures to print of each module")
    parser.add_argument("--write", action="store_true", help="renew docs/parity.md")
    parser.add_argument(
        "--check", action="store_true", help="fail if docs/parity.md is not current"
    )
    args = parser.parse_args()
    only = set(args.only.split(",")) if args.only else None
    rows = [measure(m) for m in database() if not only or m.module_cls.__name__ in only]
    others = [row for row in measure_others() if not only or row.name in only]
    for row in rows + others:
        _print(row, args.lines)
    whole = sum(not row.failures for row in rows)
    print(f"{whole} of {len(rows)} modules whole")
    failed = any(row.failures for row in rows + others)
    if not only:
        failed = _page(rows, others, args.write, args.check) or failed
    return int(failed)


def _page(rows: list[Row], others: list[Row], write: bool, check: bool) -> bool:
    """Write the page or compare with it; tell whether it is not current."""
    from tests.optim.parity import rows as optimizers
    from tests.parity.page import PAGE, differences, page

    made = page(rows, others, optimizers())
    if write:
        PAGE.write_text(made, encoding="utf-8")
    found = differences(PAGE.read_text(encoding="utf-8"), made) if check else []
    if found:
        print(*found, f"{PAGE.name} is not current: python -m tests.parity --write", sep="\n")
    return bool(found)


def _print(row: Row, lines: int) -> None:
    errors = ", ".join(
        f"{name} {value:.0e}"
        for name, value in zip(COLUMNS, row.errors, strict=True)
        if value is not None
    )
    refused = "" if row.refused is None else f"; refused {row.refused}"
    state = "whole" if not row.failures else f"{len(row.failures)} FAILURES"
    print(f"{row.name}: {state}; {row.samples} samples; {errors}{refused}")
    for line in row.failures[:lines]:
        print("   ", line[:400])


if __name__ == "__main__":
    sys.exit(main())
