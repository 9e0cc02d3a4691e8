"""Reports of the checker: text for a terminal, JSON, a page, a table of a class."""

from rushlight.check.report.page import as_html, as_page
from rushlight.check.report.record import as_json, as_record
from rushlight.check.report.table import as_csv
from rushlight.check.report.terminal import as_text, layer_text, overview
from rushlight.check.report.words import default_language

__all__ = [
    "as_csv",
    "as_html",
    "as_json",
    "as_page",
    "as_record",
    "as_text",
    "default_language",
    "layer_text",
    "overview",
]
