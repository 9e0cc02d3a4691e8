"""GlobalMaxPool2d and GlobalAvgPool2d: each mistake gets its name, right layers get none."""

import pytest
from tests.check.families.students import first, student

from rushlight.check.layer import check_layer


def layer(name, output, gradient):
    return student(f"""
        class {name}(Module):
            def updateOutput(self, input):
                self.output = {output}
                return self.output
            def updateGradInput(self, input, gradOutput):
                x, g = input, gradOutput[:, :, None, None]
                n, c, h, w = input.shape
                self.gradInput = {gradient}
                return self.gradInput
        """)


MAX = "input.max(axis=(2, 3))"
EQUAL = "(x == x.max((2, 3), keepdims=True))"
SHARED = f"{EQUAL} / {EQUAL}.sum((2, 3), keepdims=True) * g"
FLAT = "x.reshape(n, c, -1)"
ONE = "(np.eye(h * w)[{}] * gradOutput[..., None]).reshape(x.shape)"
FIRST = ONE.format(f"{FLAT}.argmax(-1)")
LAST = ONE.format(f"h * w - 1 - {FLAT}[..., ::-1].argmax(-1)")
BROKEN_MAX = {
    "ties_to_all": [(MAX, f"{EQUAL} * g"), (MAX, SHARED.replace(" / ", " * "))],
    "ties_to_last": [(MAX, LAST)],
    "edge_value": [(MAX, FIRST)],
    "wrong_axis": [("input.max(axis=(1, 2))", SHARED), ("input.max(axis=2)", SHARED),
                   ("input.max(axis=(0, 2, 3)) + np.zeros(input.shape[:2])", SHARED)],
    "wrong_shape": [("input.max(axis=(2, 3), keepdims=True)", SHARED)],
    "local_derivative": [("input.mean(axis=(2, 3))", SHARED), (MAX, "g / (h * w) + 0 * x")],
    "upstream_ignored": [(MAX, SHARED.replace("* g", "* 1.0"))],
    "window_axes_swapped": [
        (MAX, ONE.format("(at // h * w + at % h)").replace("(np.eye", "(lambda at: np.eye", 1)
         .replace("gradOutput[..., None]).", f"gradOutput[..., None])({FLAT}.argmax(-1)).")),
    ],
    "sign": [(MAX, "-1.0 * " + SHARED)],
}  # fmt: skip
AVG = "input.mean(axis=(2, 3))"
SPREAD = "np.ones(x.shape) * g / (h * w)"
BROKEN_AVG = {
    "times_n": [("input.sum(axis=(2, 3))", SPREAD), (AVG, SPREAD.replace("/ (h * w)", ""))],
    "divided_by_n": [(AVG, SPREAD + " / n"), (AVG, "np.ones(x.shape) * g / x.size")],
    "wrong_axis": [("input.mean(axis=(0, 1))", SPREAD), ("input.mean(axis=(1, 2))", SPREAD)],
    "wrong_shape": [("input.mean(axis=(2, 3), keepdims=True)", SPREAD)],
    "window_axes_swapped": [(AVG, SPREAD.replace("h * w", "h * h")),
                            (AVG, f"({SPREAD}).swapaxes(2, 3)")],
    "local_derivative": [("input.max(axis=(2, 3))", SPREAD)],
    "upstream_ignored": [(AVG, SPREAD.replace("* g", ""))],
}  # fmt: skip


@pytest.mark.parametrize("cause", BROKEN_MAX)
def test_a_mistake_of_the_maximum_gets_its_name(cause):
    made = [first(layer("GlobalMaxPool2d", *one)) for one in BROKEN_MAX[cause]]
    assert made == [cause] * len(made)


@pytest.mark.parametrize("cause", BROKEN_AVG)
def test_a_mistake_of_the_mean_gets_its_name(cause):
    made = [first(layer("GlobalAvgPool2d", *one)) for one in BROKEN_AVG[cause]]
    assert made == [cause] * len(made)


MODULE = """
class GlobalMaxPool2d(nn.Module):
    def forward(self, x):
        return x.amax(dim=(2, 3))
"""


def test_right_layers_give_nothing():
    mean = layer("GlobalAveragePooling2D", "input.reshape(*input.shape[:2], -1).mean(2)", SPREAD)
    for cls in (layer("GlobalMaxPool2d", MAX, SHARED), mean, student(MODULE)):
        report = check_layer(cls)
        assert report.status == "ok" and report.findings == () and report.checks > 10


FROM_0 = """
class GlobalMaxPool2d(Module):
    def updateOutput(self, input):
        self.output = np.full(input.shape[:2], {start})
        for n, c, i, j in np.ndindex(*input.shape):
            self.output[n, c] = max(self.output[n, c], input[n, c, i, j])
        return self.output
    def updateGradInput(self, input, gradOutput):
        hit = input == self.output[:, :, None, None]
        count = np.maximum(hit.sum((2, 3), keepdims=True), 1)
        self.gradInput = hit / count * gradOutput[:, :, None, None]
        return self.gradInput
"""


def test_a_search_begins_below_all_numbers():
    assert first(student(FROM_0.format(start="-np.inf"))) == "ok"
    found = [check_layer(student(FROM_0.format(start=s))).findings[0] for s in ("0.0", "-1.0")]
    assert [(f.cause, f.details["value"]) for f in found] == [
        ("wrong_constant", "0"),
        ("wrong_constant", "-1"),
    ]
