"""The drawing of a model's graph: a self-contained SVG that suits light and dark pages."""

from __future__ import annotations

import html

from rushlight.nn.summary.graph import Graph, Node
from rushlight.nn.summary.layered import Item, Route, lay_out

__all__ = ["STYLE", "draw"]

HEIGHT, STEP = 40.0, 78.0  # of a node, and from one rank to the next
MARGIN = 24.0
ROOM = 20.0  # of a box around the nodes of a block: its name stands on the left

STYLE = """
.rlg{--ink:#1f2328;--soft:#656d76;--line:#8c959f;--paper:#fff;--layer:#f6f8fa;--edge:#d0d7de;
--trained:#ddf4ff;--trained-edge:#54aeff;--end:#dafbe1;--end-edge:#4ac26b;--box:rgba(99,110,123,.07);
font-family:system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;background:var(--paper)}
@media (prefers-color-scheme:dark){.rlg{--ink:#e6edf3;--soft:#9198a1;--line:#6e7681;--paper:#0d1117;
--layer:#161b22;--edge:#3d444d;--trained:#0c2d4d;--trained-edge:#316dca;--end:#0f2d1c;
--end-edge:#347d39;--box:rgba(145,152,161,.09)}}
.rlg text{fill:var(--ink);font-size:13px;text-anchor:middle}
.rlg .name{font-weight:600}
.rlg .path,.rlg .group{fill:var(--soft);font-size:11px}
.rlg .shape{fill:var(--soft);font-size:11px;text-anchor:start;paint-order:stroke;
stroke:var(--paper);stroke-width:3px;stroke-linejoin:round}
.rlg rect{fill:var(--layer);stroke:var(--edge)}
.rlg .trained rect{fill:var(--trained);stroke:var(--trained-edge)}
.rlg .end rect{fill:var(--end);stroke:var(--end-edge)}
.rlg .constant rect{stroke-dasharray:4 3}
.rlg .box{fill:var(--box);stroke:none}
.rlg .wire{fill:none;stroke:var(--line);stroke-width:1.4px}
.rlg .tip{fill:var(--line)}
""".strip().replace("\n", "")


def _width(text: str, size: float) -> float:
    """Return about how wide a text is: nobody measures fonts here."""
    narrow = sum(c in "ijltfrI.,:;|()[]'! " for c in text)
    return size * (0.33 * narrow + 0.61 * (len(text) - narrow))


class _Box:
    """A node with its size, its item in the layout and its place."""

    def __init__(self, node: Node, name: str) -> None:
        self.node = node
        ordinal = f"call {node.call}" if node.call else ""
        self.below = " · ".join(text for text in (name, ordinal) if text)
        wide = max(_width(node.title, 13.5) + 28.0, _width(self.below, 11.5) + 24.0)
        self.width = max(wide, 64.0)
        self.height = HEIGHT if self.below else 28.0
        deep = len(node.groups)
        self.item = Item(self.width / 2 + ROOM * deep, self.width / 2 + 8.0 * deep)

    @property
    def y(self) -> float:
        return self.item.rank * STEP


def draw(graph: Graph) -> str:
    """Return the SVG of a graph."""
    boxes, routes = _laid(graph, {})
    boxed = _boxed(graph, boxes, routes)
    names = {i: _short(n.path, graph, n.groups, boxed) for i, n in enumerate(graph.nodes)}
    boxes, routes = _laid(graph, names)
    blocks, titles = _blocks(graph, boxes, routes)
    wires, shapes = _wires(graph, boxes, routes)
    drawn = [*blocks, *wires, *titles, *[_node(box) for box in boxes], *shapes]
    return _page(drawn, boxes, routes, graph)


def _laid(graph: Graph, names: dict[int, str]) -> tuple[list[_Box], list[Route]]:
    """Return the nodes, each with its place, and the ways of the edges."""
    boxes = [_Box(node, names.get(i, node.path)) for i, node in enumerate(graph.nodes)]
    inputs = [i for i, node in enumerate(graph.nodes) if node.kind == "input"]
    pinned = set(inputs) if len(inputs) == 1 else set()
    edges = [(e.source, e.target, e.tensor) for e in graph.edges]
    return boxes, lay_out([box.item for box in boxes], edges, pinned, _rooms(graph))


def _rooms(graph: Graph) -> dict[tuple[int, int], float]:
    return {(e.source, e.tensor): _width(e.shape, 11.0) + 8.0 for e in graph.edges}


def _page(drawn: list[str], boxes: list[_Box], routes: list[Route], graph: Graph) -> str:
    """Return the SVG around what was drawn, as large as it needs to be."""
    items = [item for route in routes for item in route.items] + [box.item for box in boxes]
    rooms = _rooms(graph)
    labels = [
        (route.items[0].x + route.items[1].x) / 2 + rooms[edge.source, edge.tensor]
        for route, edge in zip(routes, graph.edges, strict=True)
        if not route.items[1].bend
    ]
    left = min(item.x - item.left for item in items) - MARGIN
    right = max([item.x + item.right for item in items] + labels) + MARGIN
    top, bottom = -HEIGHT / 2 - MARGIN, max(box.y for box in boxes) + HEIGHT / 2 + MARGIN
    width, height = right - left, bottom - top
    layers = sum(node.kind == "layer" for node in graph.nodes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="rlg" role="img" '
        f'width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="{left:.1f} {top:.1f} {width:.1f} {height:.1f}">'
        f"<title>Graph of a model: {layers} layers</title><style>{STYLE}</style>"
        f"{''.join(drawn)}</svg>"
    )


def _node(box: _Box) -> str:
    node, x, y = box.node, box.item.x, box.y
    title, path = node.title, box.below
    kind = {"input": "end", "output": "end", "constant": "constant"}.get(node.kind, "")
    kinds = " ".join(filter(None, (node.kind, kind, "trained" if node.trained else "")))
    round_ = box.height / 2 if node.kind in ("op", "constant", "input", "output") else 6.0
    up = 3.5 if path else -4.5
    texts = f'<text class="name" x="{x:.1f}" y="{y - up:.1f}">{html.escape(title)}</text>'
    if path:
        texts += f'<text class="path" x="{x:.1f}" y="{y + 12:.1f}">{html.escape(path)}</text>'
    tip = f"{title}({node.detail})" if node.kind == "layer" else title
    tip = f"{node.path}: {tip}" if node.path else tip
    return (
        f'<g class="{kinds}"><title>{html.escape(tip)}</title>'
        f'<rect x="{x - box.width / 2:.1f}" y="{y - box.height / 2:.1f}" '
        f'width="{box.width:.1f}" height="{box.height:.1f}" rx="{round_:.1f}"/>{texts}</g>'
    )


# ---- edges


def _wires(graph: Graph, boxes: list[_Box], routes: list[Route]) -> tuple[list[str], list[str]]:
    """Return the lines and, once for each line on its way, the shapes beside them."""
    wires, shapes = [], {}
    for edge, route in zip(graph.edges, routes, strict=True):
        source, target = boxes[edge.source], boxes[edge.target]
        points = [(source.item.x, source.y + source.height / 2)]
        for bend in route.items[1:-1]:  # straight past the nodes of the rank
            middle = bend.rank * STEP
            points += [(bend.x, middle - HEIGHT / 2), (bend.x, middle + HEIGHT / 2)]
        points.append((target.item.x, target.y - target.height / 2 - 1))
        wires.append(
            f'<path class="wire" d="{_curve(points)}">'
            f"<title>{html.escape(edge.shape)}</title></path>{_tip(*points[-1])}"
        )
        first, start = route.items[1], route.items[0]
        x, y, left = first.x, first.rank * STEP, False
        if not first.bend:
            (x, y), left = _beside(start, first, points[0], points[1]), _crowded(start, first)
        anchor = ' style="text-anchor:end"' if left else ""
        shapes[edge.source, edge.tensor, round(x), round(y)] = (
            f'<text class="shape"{anchor} x="{x + (-6 if left else 6):.1f}" y="{y + 4:.1f}">'
            f"{html.escape(edge.shape)}</text>"
        )
    return wires, list(shapes.values())


def _beside(
    start: Item, end: Item, a: tuple[float, float], b: tuple[float, float]
) -> tuple[float, float]:
    """Return where a shape stands: halfway, or at the end of a curve that is its alone."""
    lone = len(start.below) == 1 and len(end.above) > 1
    share = 0.5 if abs(start.x - end.x) < 0.5 else 0.2 if lone else 0.72
    return (start.x if share == 0.2 else end.x), a[1] + share * (b[1] - a[1])


def _crowded(start: Item, end: Item) -> bool:
    """Tell whether another line leaves or comes on the right of this one, and none on its left."""
    others = [b.x - end.x for b in start.below if b is not end]
    others += [a.x - start.x for a in end.above if a is not start]
    if abs(start.x - end.x) >= 0.5:  # outside of its curve
        return (end.x < start.x) == (len(end.above) == 1)
    return bool(others) and min(others) > 0


def _tip(x: float, y: float) -> str:
    """Return the head of an arrow: no <marker>, whose id another drawing on the page may hide."""
    return f'<path class="tip" d="M{x - 4:.1f} {y - 8:.1f}h8l-4 8z"/>'


def _curve(points: list[tuple[float, float]]) -> str:
    """Return a path that leaves and reaches each point straight downwards."""
    (x, y), *rest = points
    parts = [f"M{x:.1f} {y:.1f}"]
    for a, b in rest:
        if abs(a - x) < 0.5:
            parts.append(f"L{a:.1f} {b:.1f}")
        else:
            middle = (y + b) / 2
            parts.append(f"C{x:.1f} {middle:.1f} {a:.1f} {middle:.1f} {a:.1f} {b:.1f}")
        x, y = a, b
    return "".join(parts)


# ---- boxes behind the layers of a block


class _Frame:
    """Where the box around the nodes of a call would go."""

    def __init__(self, key: int, graph: Graph, boxes: list[_Box], routes: list[Route]) -> None:
        own = [box for box in boxes if key in box.node.groups]
        self.inner = max(
            (len(box.node.groups) - box.node.groups.index(key) for box in own), default=0
        )
        bends = [
            item.x
            for edge, route in zip(graph.edges, routes, strict=True)
            if key in graph.nodes[edge.source].groups and key in graph.nodes[edge.target].groups
            for item in route.items[1:-1]
        ]
        self.fits = len(own) > 1
        if self.fits:
            reach = 5.0 * self.inner + 3
            self.left = min([b.item.x - b.width / 2 for b in own] + [x - 8 for x in bends])
            self.left -= ROOM * self.inner
            self.right = max([b.item.x + b.width / 2 for b in own] + [x + 8 for x in bends])
            self.right += 8.0 * self.inner
            self.top = min(box.y - box.height / 2 for box in own) - reach
            self.bottom = max(box.y + box.height / 2 for box in own) + reach
            self.fits = not any(self.holds(box) for box in boxes if box not in own)

    def holds(self, box: _Box) -> bool:
        beside = box.item.x + box.width / 2 < self.left or box.item.x - box.width / 2 > self.right
        return not beside and self.top < box.y < self.bottom


def _boxed(graph: Graph, boxes: list[_Box], routes: list[Route]) -> set[int]:
    """Return the calls that get a box: those of several nodes, with none from elsewhere in it."""
    return {key for key in graph.groups if _Frame(key, graph, boxes, routes).fits}


def _short(path: str, graph: Graph, groups: tuple[int, ...], boxed: set[int]) -> str:
    """Return a layer's name in the innermost box around it."""
    around = next((graph.groups[key] for key in reversed(groups) if key in boxed), "")
    prefix = around.partition(" ")[0] + "."
    return path.removeprefix(prefix)


def _blocks(graph: Graph, boxes: list[_Box], routes: list[Route]) -> tuple[list[str], list[str]]:
    """Return the boxes around calls and, apart from them, their names."""
    found, names = [], []
    for key, name in graph.groups.items():
        frame = _Frame(key, graph, boxes, routes)
        if not frame.fits:
            continue
        width, height = frame.right - frame.left, frame.bottom - frame.top
        found.append(
            f'<rect class="box" x="{frame.left:.1f}" y="{frame.top:.1f}" width="{width:.1f}" '
            f'height="{height:.1f}" rx="8"><title>{html.escape(name)}</title></rect>'
        )
        x, y = frame.left + 13.0, (frame.top + frame.bottom) / 2
        short = name if _width(name, 11.0) < height else name.partition(" ")[2]
        names.append(
            f'<text class="group" transform="translate({x:.1f} {y:.1f}) rotate(-90)">'
            f"{html.escape(short)}</text>"
        )
    return found, names
