"""How pages look: light and dark, wide and narrow, printed."""

from __future__ import annotations

import pathlib
from functools import cache

from rushlight.check.report.heatmap import colour_rules
from rushlight.pages import DARK, LIGHT, variables

__all__ = ["fragment_style", "page_style"]

_LIGHT = {
    **LIGHT,
    "ok": "#1c6b3a",
    "defect": "#a3271b",
    "error": "#7a3e9d",
    "skipped": "#5b636d",
    "note": "#0b5e73",
    "mark": "#000",
    "halo": "#fff",
}
_DARK = {
    **DARK,
    "ok": "#6fce93",
    "defect": "#ff9a8d",
    "error": "#d3a4f0",
    "skipped": "#a3abb5",
    "note": "#7fd0e6",
    "mark": "#fff",
    "halo": "#000",
}
_PAGE = """
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground)}
main.rushlight{max-width:60rem;margin:0 auto;padding:1.5rem 1rem 3rem}
@media print{.rushlight .rl-finding{break-inside:avoid}}
"""
_FRAGMENT = """
.rushlight{padding:.5rem .75rem;border-radius:6px;max-width:60rem}
.rushlight .rl-file{margin:0}
"""
# Where JupyterLab, VS Code and Colab say that their page is dark.
_DARK_NOTEBOOKS = (
    'body[data-jp-theme-light="false"]',
    "body.vscode-dark",
    'html[theme="dark"]',
)


@cache
def _rules() -> str:
    return pathlib.Path(__file__).with_name("report.css").read_text("utf-8")


def _theme(scope: str, dark: bool) -> str:
    """Return the colours of one theme for what a selector names."""
    rules = "".join(f"{scope} {rule}" for rule in colour_rules(dark))
    return variables(scope, _DARK if dark else _LIGHT) + rules


@cache
def page_style() -> str:
    """Return the style of a page, which follows the system's choice of light and dark."""
    dark = f"@media screen and (prefers-color-scheme:dark){{{_theme(':root', True)}}}"
    return _theme(":root", False) + dark + _rules() + _PAGE


@cache
def fragment_style() -> str:
    """Return the style of a part of a notebook, which follows the notebook's light and dark."""
    dark = (_theme(f"{notebook} .rushlight", True) for notebook in _DARK_NOTEBOOKS)
    return _theme(".rushlight", False) + "".join(dark) + _rules() + _FRAGMENT
