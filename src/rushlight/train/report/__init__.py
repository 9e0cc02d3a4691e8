"""The page of a run, and runs side by side: made of what lies in the folders of runs alone."""

from rushlight.train.report.comparison import Comparison, as_record, as_text, compare_runs
from rushlight.train.report.page import as_page, write_report
from rushlight.train.report.run import Run, load_run
from rushlight.train.report.side_by_side import as_comparison_page

__all__ = [
    "Comparison",
    "Run",
    "as_comparison_page",
    "as_page",
    "as_record",
    "as_text",
    "compare_runs",
    "load_run",
    "write_report",
]
