"""How the pages of runs look and what they do: light and dark, wide and narrow, printed."""

from __future__ import annotations

import pathlib
from functools import cache

from rushlight.nn.summary.drawing import STYLE
from rushlight.pages import DARK, LIGHT, variables

__all__ = ["LOOKS", "page_script", "page_style"]

# Lines: training is orange and validation teal, as in curves.png; what follows differs from both
# for every kind of colour blindness by lightness, too.
_LINES = ("#b8500f", "#1f6f8b", "#7a3fa8", "#3a7d2c", "#b3286b", "#8a6500", "#2b53b8", "#5b636d")
_DARK_LINES = (
    "#f5985a", "#5cc0dd", "#c79bf2", "#86cf76", "#f58cbb", "#dcb84a", "#93b3ff", "#a3abb5",
)  # fmt: skip
LOOKS = tuple(f"c{i}" for i in range(len(_LINES)))

_LIGHT_MORE = {
    "accent": "#b8500f",
    "warn": "#8f3b00",
    "warn-ground": "#fff4e8",
    "good": "#1c6b3a",
    "good-ground": "#e5f4ea",
    "cell": "31,111,139",
    "wrong": "184,80,15",
    "shadow": "rgba(29,33,38,.08)",
}
_DARK_MORE = {
    "accent": "#f5985a",
    "warn": "#ffb787",
    "warn-ground": "#33231a",
    "good": "#6fce93",
    "good-ground": "#1b3325",
    "cell": "92,192,221",
    "wrong": "245,152,90",
    "shadow": "rgba(0,0,0,.4)",
}
# The drawing of the graph has colours of its own; here they are those of the page.
_GRAPH = {
    False: {
        "ink": "#1d2126", "soft": "#5b636d", "line": "#8a929c", "paper": "#fff", "layer": "#f7f7f5",
        "edge": "#d0d4da", "trained": "#e3f1f6", "trained-edge": "#5b9db5", "end": "#fbeee3",
        "end-edge": "#d9925f", "box": "rgba(91,99,109,.07)",
    },
    True: {
        "ink": "#e6e8eb", "soft": "#a3abb5", "line": "#6d7681", "paper": "#15181c",
        "layer": "#1e2228", "edge": "#414851", "trained": "#17313c", "trained-edge": "#3f8ba6",
        "end": "#35251a", "end-edge": "#a8693c", "box": "rgba(163,171,181,.08)",
    },
}  # fmt: skip


def _theme(scope: str, dark: bool) -> str:
    """Return the colours of one theme for what a selector names."""
    lines = {f"c{i}": colour for i, colour in enumerate(_DARK_LINES if dark else _LINES)}
    more = _DARK_MORE if dark else _LIGHT_MORE
    graph = variables(f"{scope} .rlg.rlg", _GRAPH[dark])
    return variables(scope, {**(DARK if dark else LIGHT), **more, **lines}) + graph


def _read(name: str) -> str:
    return pathlib.Path(__file__).with_name(name).read_text("utf-8")


@cache
def page_style() -> str:
    """Return the style: the system's choice of light and dark, unless the page's switch is used."""
    asked = _theme(":root:not([data-theme=light])", True)
    chosen = _theme(":root[data-theme=dark]", True)
    dark = f"@media screen and (prefers-color-scheme:dark){{{asked}}}@media screen{{{chosen}}}"
    looks = "".join(f".{look}{{--own:var(--{look})}}" for look in LOOKS)
    return STYLE + _theme(":root", False) + dark + looks + _read("page.css")


@cache
def page_script() -> str:
    """Return the script."""
    return _read("page.js")
