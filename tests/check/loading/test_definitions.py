"""The filter: what defines something runs, what trains does not."""

import ast

import pytest

from rushlight.check.loading.definitions import Filter, bound_names

START = """
import numpy as np, math, sys, os, torch
from typing import TypeVar
from collections import namedtuple
EPS = 1e-5
class Linear: pass
def my_forward(self): pass
"""

KEPT = [
    "X = 3",
    "X, Y = 1, -2",
    "X: float = EPS * 2",
    "EPS += 1",
    "DTYPE = np.float64",
    "SHAPES = [(1, 2), (3, 4)]",
    "TABLE = {'relu': Linear, **{}}",
    "square = lambda x: x * train(x)",
    "Alias = Linear",
    "Alias = Sigm = Linear",
    "S = np.sqrt(2 / np.pi)",
    "S = math.sqrt(2)",
    "INF = float('inf')",
    "NEG = -np.inf if EPS else np.nan",
    "GRID = [2**i for i in range(5) if i != 3]",
    "Pair = namedtuple('Pair', 'a b')",
    "T = TypeVar('T')",
    "rng = np.random.default_rng(0)",
    "device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')",
    "TEXT = f'{EPS:.3f}'",
    "A = np.arange(6)[1:3].shape",
    "Linear.forward = my_forward",
    "Linear.slope = 0.01",
    "setattr(Linear, 'forward', my_forward)",
    "sys.path.append('..')",
    "import numpy",
    "from a import *",
    "def f(x=train()): pass",
    "async def f(): pass",
    "class A(Linear): x = train()",
    "pass",
    "try:\n    import cupy as xp\nexcept ImportError:\n    import numpy as xp",
    "if sys.version_info >= (3, 8):\n    import a\nelse:\n    import b",
    "if TYPE_CHECKING:\n    import a",
    "if True:\n    def f(): pass",
]
DROPPED = [
    "model = Linear()",
    "Y = model + 1",
    "history = train(1)",
    "X = unknown",
    "train()",
    "print('hello')",
    "'a docstring'",
    "for i in range(3): pass",
    "while True: pass",
    "with open('x') as f: pass",
    "x[0] = 1",
    "layer.W = 3",
    "np.float = float",
    "setattr(np, 'x', 1)",
    "model.fit(1).transform(2)",
    "assert np.allclose(1, 1)",
    "data = np.load('x.npy')",
    "x = open('x')",
    "x = input()",
    "x = [train(i) for i in range(3)]",
    "if __name__ == '__main__':\n    X = 1",
    "if train():\n    X = 1",
    "if EPS:\n    train()",
    "undefined += 1",
    "x: int",
    "del EPS",
    "try:\n    train()\nexcept Exception:\n    X = 1",
    "x = (y := 3)",
    "await f()",
]


def chosen(text):
    keep = Filter(lambda name: name == "TYPE_CHECKING")
    for node in ast.parse(START).body:
        assert keep.keep(node) is not None, ast.unparse(node)
    return keep.keep(ast.parse(text).body[0])


@pytest.mark.parametrize("text", KEPT)
def test_kept(text):
    assert ast.unparse(chosen(text)) == ast.unparse(ast.parse(text))


@pytest.mark.parametrize("text", DROPPED)
def test_dropped(text):
    assert chosen(text) is None


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("if EPS:\n    X = 1\n    train()", "if EPS:\n    X = 1"),
        ("if EPS:\n    train()\nelse:\n    X = 1", "if EPS:\n    pass\nelse:\n    X = 1"),
        (
            "try:\n    import a\n    train()\nexcept ImportError:\n    print(1)\nfinally:\n    f()",
            "try:\n    import a\nexcept ImportError:\n    pass",
        ),
    ],
)
def test_what_trains_is_cut_out_of_blocks(text, kept):
    assert ast.unparse(chosen(text)) == kept


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("import a.b, c as d", ["a", "d"]),
        ("from a import b, c as d", ["b", "d"]),
        ("(a, *b), c[0] = d = x", ["a", "b", "d"]),
        ("with f() as (a, b):\n    c = [i for i in x]", ["a", "b", "c"]),
        ("try:\n    a = 1\nexcept E:\n    b = 2\nelse:\n    c = 3", ["a", "b", "c"]),
        ("def f():\n    a = 1", ["f"]),
        ("from a import *", []),
    ],
)
def test_bound_names(text, names):
    assert list(bound_names(ast.parse(text).body[0])) == names
