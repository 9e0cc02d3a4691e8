"""The page of a run, and runs side by side: made of what lies in the folders of runs alone."""

from rushlight.train.report.page import as_page, write_report
from rushlight.train.report.run import Run, load_run

__all__ = ["Run", "as_page", "load_run", "write_report"]
