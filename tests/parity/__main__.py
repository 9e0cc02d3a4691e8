"""The command line of the parity page."""

from __future__ import annotations

import argparse
import sys

from tests.parity.measure import COLUMNS, database, measure


def main() -> int:
    """Run; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.parity", description=__doc__)
    parser.add_argument("--only", metavar="NAME,NAME", help="these modules alone")
    parser.add_argument("--lines", type=int, default=20, help="failures to print of each module")
    args = parser.parse_args()
    only = set(args.only.split(",")) if args.only else None
    whole = total = 0
    for info in database():
        if only and info.module_cls.__name__ not in only:
            continue
        row = measure(info)
        total += 1
        whole += not row.failures
        errors = ", ".join(
            f"{name} {value:.0e}"
            for name, value in zip(COLUMNS, row.errors, strict=True)
            if value is not None
        )
        refused = "" if row.refused is None else f"; refused {row.refused}"
        state = "whole" if not row.failures else f"{len(row.failures)} FAILURES"
        print(f"{row.name}: {state}; {row.samples} samples; {errors}{refused}")
        for line in row.failures[: args.lines]:
            print("   ", line[:400])
    print(f"{whole} of {total} modules whole")
    return 0 if whole == total else 1


if __name__ == "__main__":
    sys.exit(main())
