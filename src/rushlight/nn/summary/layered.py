"""Where the nodes of a drawing go: in layers from top to bottom, edges as straight as they can be.

Sugiyama's way: nodes get ranks by the longest path to them; an edge over several ranks gets a bend
in each; the order within ranks is swept until few edges cross; then neighbours of neighbouring
ranks are put into lines, and the lines as near to each other as they may stand.

Source: Sugiyama, Tagawa, Toda, Methods for visual understanding of hierarchical system structures,
IEEE Transactions on Systems, Man, and Cybernetics 11, 1981.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

__all__ = ["Item", "Route", "lay_out"]

GAP = 26.0  # between neighbours in a rank
SWEEPS = 12


@dataclass(eq=False)
class Item:
    """A node, or a bend of an edge: how far it reaches from its line, and where it was put."""

    left: float
    right: float
    bend: bool = False
    rank: int = 0
    x: float = 0.0
    above: list[Item] = field(default_factory=list, repr=False)
    below: list[Item] = field(default_factory=list, repr=False)


@dataclass
class Route:
    """An edge: from an item over its bends to another; edges that carry one tensor share bends."""

    items: list[Item]


def lay_out(
    items: Sequence[Item],
    edges: Iterable[tuple[int, int, int]],
    pinned: set[int],
    width_of: dict[tuple[int, int], float],
) -> list[Route]:
    """Give each item its rank and x; return the edges' routes.

    Args:
        items: the nodes; every edge goes from an earlier to a later one.
        edges: (source, target, tensor).
        pinned: nodes without edges into them that stay in the first rank.
        width_of: (source, tensor) -> the room that the first bend needs on its right for a label.
    """
    edges = list(edges)
    _rank(items, edges, pinned)
    bends: dict[tuple[int, int, int], Item] = {}
    routes = []
    for source, target, tensor in edges:
        route = [items[source]]
        for rank in range(items[source].rank + 1, items[target].rank):
            key = (source, tensor, rank)
            if key not in bends:
                room = width_of.get((source, tensor), 0.0) if len(route) == 1 else 0.0
                bends[key] = Item(4.0, 4.0 + room, bend=True, rank=rank)
            route.append(bends[key])
        route.append(items[target])
        for upper, lower in pairwise(route):
            if lower not in upper.below:
                upper.below.append(lower)
                lower.above.append(upper)
        routes.append(Route(route))
    ranks = _ranks([*items, *bends.values()])
    _order(ranks)
    _place(ranks)
    return routes


def _rank(items: Sequence[Item], edges: list[tuple[int, int, int]], pinned: set[int]) -> None:
    for source, target, _ in sorted(edges, key=lambda edge: edge[1]):
        items[target].rank = max(items[target].rank, items[source].rank + 1)
    fed = {target for _, target, _ in edges}
    for i, item in enumerate(items):  # what nothing leads to stands right before what it leads to
        nexts = [items[target].rank for source, target, _ in edges if source == i]
        if i not in fed and i not in pinned and nexts:
            item.rank = min(nexts) - 1


def _ranks(items: Sequence[Item]) -> list[list[Item]]:
    ranks: list[list[Item]] = [[] for _ in range(max(item.rank for item in items) + 1)]
    for item in items:  # bends come last: to the right of the nodes
        ranks[item.rank].append(item)
    return ranks


# ---- the order within ranks


def _order(ranks: list[list[Item]]) -> None:
    """Sort each rank by the mean position of neighbours, up and down; keep the best order."""
    best, fewest = [list(rank) for rank in ranks], _crossings(ranks)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        for rank in ranks[1:] if down else ranks[-2::-1]:
            _sort(rank, ranks[rank[0].rank + (-1 if down else 1)], down)
        found = _crossings(ranks)
        if found < fewest:
            best, fewest = [list(rank) for rank in ranks], found
    ranks[:] = best


def _sort(rank: list[Item], beside: list[Item], down: bool) -> None:
    at = {item: i for i, item in enumerate(beside)}
    own = {item: float(i) for i, item in enumerate(rank)}
    for item in rank:
        near = item.above if down else item.below
        if near:
            own[item] = sum(at[other] for other in near) / len(near)
    rank.sort(key=lambda item: (own[item], item.bend))


def _crossings(ranks: list[list[Item]]) -> int:
    """Count pairs of edges between neighbouring ranks that cross."""
    count = 0
    for upper, lower in pairwise(ranks):
        at = {item: i for i, item in enumerate(lower)}
        ends = [at[b] for a in upper for b in sorted(a.below, key=lambda item: at[item])]
        count += sum(ends[i] > end for k, end in enumerate(ends) for i in range(k))
    return count


# ---- the positions: neighbours that can stand in one line do


def _place(ranks: list[list[Item]]) -> None:
    threads = _threads(ranks)
    thread_of = {item: thread for thread in threads for item in thread}
    pairs = [pair for rank in ranks for pair in pairwise(rank)]
    before: dict[int, list[tuple[Item, Item]]] = {}
    behind: dict[int, list[tuple[Item, Item]]] = {}
    for a, b in pairs:
        before.setdefault(id(thread_of[b]), []).append((a, b))
        behind.setdefault(id(thread_of[a]), []).append((a, b))
    order = _from_left(threads, thread_of, before)
    for thread in order:
        at = [a.x + _apart(a, b) for a, b in before.get(id(thread), ())]
        _move(thread, max(at, default=0.0))
    for _ in range(3):  # to what their ends lead to, as far as there is room
        for thread in reversed(order):
            low = [a.x + _apart(a, b) for a, b in before.get(id(thread), ())]
            high = [b.x - _apart(a, b) for a, b in behind.get(id(thread), ())]
            near = [x.x for x in (*thread[0].above, *thread[-1].below)]
            if near:
                wish = max(sum(near) / len(near), max(low, default=float("-inf")))
                _move(thread, min(wish, min(high, default=float("inf"))))


def _apart(a: Item, b: Item) -> float:
    return a.right + GAP + b.left


def _move(thread: list[Item], x: float) -> None:
    for item in thread:
        item.x = x


def _threads(ranks: list[list[Item]]) -> list[list[Item]]:
    """Return the lines: items one below the other, no link of which crosses another.

    The bends of an edge come first, then nodes in a row, then a node and a bend.
    """
    down: dict[Item, Item] = {}
    up: dict[Item, Item] = {}
    for upper, lower in pairwise(ranks):
        at = {item: i for rank in (upper, lower) for i, item in enumerate(rank)}
        links = [(a, b) for a in upper for b in a.below]
        taken: list[tuple[int, int]] = []
        for a, b in sorted(links, key=lambda link: _looseness(*link)):
            i, k = at[a], at[b]
            free = a not in down and b not in up
            if free and all((i - m) * (k - n) > 0 for m, n in taken):
                down[a], up[b] = b, a
                taken.append((i, k))
    threads = []
    for rank in ranks:
        for item in rank:
            if item not in up:
                thread = [item]
                while thread[-1] in down:
                    thread.append(down[thread[-1]])
                threads.append(thread)
    return threads


def _looseness(a: Item, b: Item) -> int:
    return 0 if a.bend and b.bend else 1 if not (a.bend or b.bend) else 2


def _from_left(
    threads: list[list[Item]],
    thread_of: dict[Item, list[Item]],
    before: dict[int, list[tuple[Item, Item]]],
) -> list[list[Item]]:
    """Return the lines so that each comes after those on its left (they do not cross)."""
    order: list[list[Item]] = []
    done: set[int] = set()
    for thread in threads:
        open_ = [thread]
        while open_:
            top = open_[-1]
            lefts = [thread_of[a] for a, _ in before.get(id(top), ())]
            todo = [left for left in lefts if id(left) not in done]
            if todo and id(top) not in done:
                open_.append(todo[0])
                continue
            open_.pop()
            if id(top) not in done:
                done.add(id(top))
                order.append(top)
    return order
