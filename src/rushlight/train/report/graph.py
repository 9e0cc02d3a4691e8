"""The drawing of the graph for a page: of an SVG from a file only what draws is kept."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html import escape

from rushlight.pages import visible

__all__ = ["inline_svg"]

_DEEPEST = 60
_SPACE = "{http://www.w3.org/2000/svg}"
_DRAWS = {"svg", "g", "title", "path", "rect", "text", "tspan", "circle", "ellipse", "line",
          "polyline", "polygon"}  # fmt: skip
_SAID = {"class", "viewBox", "width", "height", "d", "x", "y", "rx", "ry", "cx", "cy", "r", "x1",
         "y1", "x2", "y2", "dx", "dy", "points", "transform", "role"}  # fmt: skip
_PLAIN = re.compile(r"[-\w\s.,()#%+]*")


def inline_svg(source: str) -> str | None:
    """Return a drawing as SVG that can do nothing but draw; None if it is none.

    Elements and attributes that are not on a short list are left out, with all that is in them:
    scripts, styles, links, what a name space other than SVG's brings.

    Args:
        source: the text of the file.

    Example:
        >>> page = '<svg xmlns="http://www.w3.org/2000/svg"><script>x()</script>'
        >>> inline_svg(page + '<rect width="9" onclick="x()"/></svg>')
        '<svg xmlns="http://www.w3.org/2000/svg"><rect width="9"></rect></svg>'
    """
    if "<!" in source:  # document types can define entities that grow without end
        return None
    try:
        root = ET.fromstring(source)
    except ET.ParseError:
        return None
    if root.tag != f"{_SPACE}svg":
        return None
    return _kept(root, 0).replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"', 1)


def _kept(element: ET.Element, depth: int) -> str:
    name = str(element.tag).removeprefix(_SPACE)
    if name not in _DRAWS or depth > _DEEPEST:
        return ""
    said = "".join(
        f' {key}="{escape(value)}"'
        for key, value in element.attrib.items()
        if key in _SAID and _PLAIN.fullmatch(value)
    )
    inside = escape(visible(element.text or "")) if name in ("title", "text", "tspan") else ""
    for child in element:
        inside += _kept(child, depth + 1)
        if name == "text":
            inside += escape(visible(child.tail or ""))
    return f"<{name}{said}>{inside}</{name}>"
