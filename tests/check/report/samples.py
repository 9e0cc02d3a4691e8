"""Reports made by hand: what the checker would find in a file with a few mistakes."""

import math

from rushlight.check.findings import FileReport, Finding, LayerReport, Picture, Region

HOSTILE = "<script>alert(1)</script>\x1b[31m\u202e'\"&"


def picture(rows=5, columns=6, wrong=((0, 0),), place=(1, 2)):
    expected = [[math.sin(2.1 * i + 1.3 * j) for j in range(columns)] for i in range(rows)]
    got = [list(row) for row in expected]
    for row, column in wrong:
        got[row][column] = -0.5 * expected[row][column] + 0.3
    return Picture(expected, got, place)


BORDER = Finding(
    "defect",
    "input_gradient",
    "gradInput",
    "border_not_folded",
    layer="Conv2d",
    case="Conv2d(2, 3, (3, 2), padding=1, padding_mode='reflect'), input (2, 3, 5, 6)",
    index=(1, 2, 0, 1),
    expected=0.963558,
    got=-0.181779,
    max_error=1.18934,
    region=Region("border", (), 18, 180),
    details={"option": "padding_mode", "value": "reflect"},
    picture=picture(wrong=[(0, 1), (0, 4), (4, 2), (2, 5), (3, 0)]),
)
OVERWRITTEN = Finding(
    "defect",
    "accumulation",
    "gradb",
    "overwritten",
    layer="Linear",
    case="Linear(4, 3), input (5, 4)",
    index=(2,),
    expected=2.5,
    got=-1.25,
    max_error=3.75,
    region=Region("all", (), 3, 3),
    picture=Picture([[0.5, -1.0, 2.5]], [[0.25, -0.5, -1.25]]),
)
OVERFLOW = Finding(
    "defect",
    "stability",
    "output",
    "overflow",
    layer="SoftPlus",
    case="SoftPlus(), input (3, 4) of +-1000",
    index=(0, 3),
    expected=1000.0,
    got=math.inf,
    max_error=math.inf,
    region=Region("columns", (3,), 3, 12),
    picture=Picture(
        [[0.0, 0.5, 1.0, 1000.0], [0.0, 0.5, 1.0, 1000.0], [0.1, 0.0, 0.2, 1000.0]],
        [[0.0, 0.5, 1.0, None], [0.0, 0.5, 1.0, None], [0.1, 0.0, 0.2, None]],
    ),
)
NOTE = Finding(
    "note",
    "dtype",
    "output",
    "dtype_changed",
    layer="ReLU",
    case="ReLU(), input (3, 4)",
    details={"right": "float32", "dtype": "float64"},
)

RIGHT = LayerReport("Tanh", "torch_like.Tanh", "ok", checks=40)
NOTED = LayerReport("ReLU", "torch_like.ReLU", "ok", (NOTE,), checks=40)
CONV = LayerReport("Conv2d", "torch_like.Conv2d", "defect", (BORDER,), checks=120, cell=2, line=5)
LINEAR = LayerReport("Linear", "torch_like.Linear", "defect", (OVERWRITTEN, NOTE), line=7)
SOFTPLUS = LayerReport("SoftPlus", "torch_like.SoftPlus", "defect", (OVERFLOW,), checks=30)
SLOW = LayerReport("MaxPool2d", "torch_like.MaxPool2d", "error", reason="timeout")
STUB = LayerReport("Attention", "", "skipped", reason="unknown_layer")

PROBLEM = {
    "kind": "syntax",
    "cell": 3,
    "line": 2,
    "text": "def broken(:",
    "error": "invalid syntax",
}
MIXED = FileReport("homework.ipynb", (RIGHT, NOTED, CONV, LINEAR, SOFTPLUS, SLOW, STUB), (PROBLEM,))
GOOD = FileReport("good.py", (RIGHT, NOTED))
EMPTY = FileReport("empty.py")
NASTY = FileReport(
    f"{HOSTILE}.py",
    (
        LayerReport(
            HOSTILE,
            HOSTILE,
            "defect",
            (
                Finding(
                    "defect",
                    "output",
                    HOSTILE,
                    "crash",
                    layer=HOSTILE,
                    case=HOSTILE,
                    details={"error": HOSTILE, "method": HOSTILE},
                ),
            ),
        ),
        LayerReport("Dead", "", "error", reason="exit", details={"error": HOSTILE}),
    ),
    (
        {
            "kind": "definition",
            "name": HOSTILE,
            "cell": None,
            "line": 1,
            "text": HOSTILE,
            "error": HOSTILE,
        },
    ),
)
