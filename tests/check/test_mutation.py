"""Random slips in the corpus's correct layers: the checker stays upright and finds most of them.

A slip changes one operator, constant, comparison or sign, turns `+=` into `=`, or drops a line.
Some change nothing that a layer is held to (how weights are drawn, `>=` where both sides are
equal), so that not all can be found.
"""

import ast
import copy
import os
import random

import pytest
from tests.check.test_corpus import CORRECT, HERE

from rushlight.check.layer import check_layer
from rushlight.check.loading.loader import Loader

SLIPS = int(os.environ.get("RUSHLIGHT_SLIPS", "1"))  # for each layer; 30 and more for a soak
OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult}
COMPARISONS = {ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Lt: ast.LtE, ast.LtE: ast.Lt}


def _change(node):
    """Return what stands in the node's place after a slip, or None if there is none for it."""
    node = copy.copy(node)
    if isinstance(node, (ast.BinOp, ast.AugAssign)) and type(node.op) in OPERATORS:
        if isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add):
            return ast.Assign([node.target], node.value)
        node.op = OPERATORS[type(node.op)]()
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
        node.ops = [COMPARISONS[type(node.ops[0])](), *node.ops[1:]]
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        node.op = ast.UAdd()
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        node.value = node.value + 1 if isinstance(node.value, int) else 1.5 * node.value + 0.1
    elif isinstance(node, ast.Assign):
        return ast.Pass()
    else:
        return None
    return node


class _Slip(ast.NodeTransformer):
    def __init__(self, place):
        self.place, self.at = place, -1

    def visit(self, node):
        changed = _change(node)
        self.at += changed is not None
        if changed is not None and self.at == self.place:
            self.at += 10**9  # the only one
            return ast.copy_location(changed, node)
        return self.generic_visit(node)


def slipped(text, name, choice):
    """Return the source with one slip in the class or function of that name."""
    tree = ast.parse(text)
    target = next((n for n in tree.body if getattr(n, "name", "") == name), tree)
    count = sum(_change(node) is not None for node in ast.walk(target))
    _Slip(choice.randrange(max(count, 1))).visit(target)
    return ast.unparse(ast.fix_missing_locations(tree))


def found(path, label):
    """Tell whether the checker says something of the layer; None if the file cannot be loaded."""
    with Loader(path) as loaded:
        loaded.load()
        if label["layer"] not in loaded.namespace:
            return None
        return check_layer(loaded.namespace[label["layer"]], label.get("like")).status != "ok"


@pytest.mark.slow
def test_random_slips_are_found(tmp_path):
    choice = random.Random(0)
    results = []
    for number, label in enumerate(CORRECT):
        text = (HERE / "correct" / label["file"]).read_text("utf-8")
        for _ in range(SLIPS):
            path = tmp_path / f"slip_{number}_{len(results)}.py"
            path.write_text(slipped(text, label["layer"], choice), "utf-8")
            results.append(found(path, label))
    told = [one for one in results if one is not None]
    assert len(told) > 0.9 * len(results)
    assert sum(told) > 0.8 * len(told)
