"""The page docs/onnx.md: `python -m tests.onnx --write` makes it, `--check` compares."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.onnx.export_page import export_page
from tests.onnx.guide import GUIDE
from tests.onnx.import_page import import_page

PAGE = Path(__file__).parents[2] / "docs" / "onnx.md"

HEAD = """# ONNX

Made by `python -m tests.onnx --write`; CI fails when it is not current. Do not edit.

"""


def main() -> int:
    """Run; return the exit code: 1 if the page is not current."""
    parser = argparse.ArgumentParser(prog="python -m tests.onnx", description=__doc__)
    parser.add_argument("--write", action="store_true", help="renew docs/onnx.md")
    parser.add_argument("--check", action="store_true", help="fail if docs/onnx.md is not current")
    args = parser.parse_args()
    made = HEAD + GUIDE + export_page() + "\n" + import_page()
    if args.write:
        PAGE.write_text(made, encoding="utf-8")
    if args.check and PAGE.read_text(encoding="utf-8") != made:
        print("docs/onnx.md is not current: python -m tests.onnx --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
