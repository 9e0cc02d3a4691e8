"""`rushlight report` and `rushlight compare`: what runs left in their folders, as pages."""

from __future__ import annotations

import json
import pathlib
import sys
from collections.abc import Sequence

from rushlight.check.report.terminal import width_of
from rushlight.io import write_text
from rushlight.train.report import (
    as_comparison_page,
    as_record,
    as_text,
    compare_runs,
    load_run,
    write_report,
)
from rushlight.train.report.comparison import nothing_there

__all__ = ["compare", "report"]


def report(folder: pathlib.Path) -> None:
    """Make a run's page anew and print its path.

    Args:
        folder: the folder of the run.

    Raises:
        ValueError: nothing of a run lies there.
        OSError: there is no such folder, or the page cannot be written.
    """
    run = load_run(folder)
    if run.empty:  # a mistyped path must not leave a page where it leads
        raise ValueError(nothing_there(run))
    print(write_report(folder))


def compare(
    folders: Sequence[pathlib.Path], html: pathlib.Path | None = None, as_json: bool = False
) -> None:
    """Print runs side by side, and write their page where it is asked for.

    Args:
        folders: the folders of the runs.
        html: the file of the page (default None: none).
        as_json: print JSON instead of a table.

    Raises:
        ValueError: fewer than two runs, or nothing of a run lies in a folder.
        OSError: there is no such folder, or the page cannot be written.
    """
    found = compare_runs(folders)
    if html is not None:
        write_text(html, as_comparison_page(found))
    if as_json:
        print(json.dumps(as_record(found), allow_nan=False))
        return
    print(as_text(found, width_of(sys.stdout)))
    if html is not None:
        print(f"page: {html}")
