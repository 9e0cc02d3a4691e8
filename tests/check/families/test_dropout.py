"""Dropout: each mistake gets its name, right layers get none, and randomness alarms nobody."""

import numpy as np
import pytest
from tests.check.families.students import findings, first, student

from rushlight.check.layer import check_layer

DROPOUT = """
class Dropout(Module):
    def __init__(self, p=0.5):
        super().__init__()
        self.p = p
        self.mask = None
    def updateOutput(self, input):
        if self.training:
            self.mask = np.random.binomial(1, 1 - self.p, input.shape)
            self.output = input * self.mask / (1 - self.p)
        else:
            self.output = input
        return self.output
    def updateGradInput(self, input, gradOutput):
        if self.training:
            self.gradInput = gradOutput * self.mask / (1 - self.p)
        else:
            self.gradInput = gradOutput
        return self.gradInput
"""
MODULE = """
class Dropout(nn.Module):
    def __init__(self, p=0.5):
        super().__init__()
        self.p = p
    def forward(self, x):
        if not self.training:
            return x
        return x * (torch.rand(x.shape) > self.p).double() / (1 - self.p)
"""
DRAW = "np.random.binomial(1, 1 - self.p, input.shape)"
FORWARD, BACKWARD = "input * self.mask / (1 - self.p)", "gradOutput * self.mask / (1 - self.p)"
PLAIN, PLAINS = (
    "        else:\n            self.output = input\n",
    "        else:\n            self.gradInput = gradOutput\n",
)

RIGHT = [
    (),
    ((DRAW, "np.random.rand(*input.shape) > self.p"),),
    ((DRAW, "(np.random.uniform(size=input.shape) >= self.p).astype(np.float32)"),),
    ((DRAW, "np.random.default_rng().random(input.shape) > self.p"),),
    ((DRAW, "np.random.choice([0., 1.], size=input.shape, p=[self.p, 1 - self.p])"),),
    (
        (DRAW, f"{DRAW} / (1 - self.p)"),
        (FORWARD, "input * self.mask"),
        (BACKWARD, "gradOutput * self.mask"),
    ),
    (("p=0.5", "drop_prob=0.5"), ("self.p = p", "self.p = drop_prob")),
    (("self.output = input\n", "self.output = input.copy()\n"),),
    (
        (
            "            self.output = input\n",
            "            self.mask = np.ones_like(input)\n            self.output = input\n",
        ),
    ),
    (("p=0.5", "rate"), ("self.p = p", "self.p = rate")),
    (
        ("super().__init__()", "super().__init__()\n        self.rng = np.random.RandomState(0)"),
        ("np.random.binomial", "self.rng.binomial"),
    ),
]

WRONG = [
    ("mask_shape", (DRAW, "np.random.binomial(1, 1 - self.p)")),
    ("mask_shape", (DRAW, "(np.random.rand() > self.p) * np.ones_like(input)")),
    (
        "not_identity_in_evaluation",
        ("if self.training:\n            self.mask", "if True:\n            self.mask"),
    ),
    (
        "not_identity_in_evaluation",
        ("self.output = input\n", "self.output = input * (1 - self.p)\n"),
    ),
    (
        "not_identity_in_evaluation",
        ("self.output = input\n", "self.output = input / (1 - self.p)\n"),
    ),
    (
        "not_identity_in_evaluation",
        ("if self.training:\n            self.gradInput", "if True:\n            self.gradInput"),
    ),
    (
        "not_identity_in_evaluation",
        ("self.gradInput = gradOutput\n", "self.gradInput = gradOutput * self.mask\n"),
    ),
    ("not_identity_in_evaluation", ("if self.training:", "if not self.training:")),
    (
        "mask_not_shared",
        (BACKWARD, f"gradOutput * {DRAW} / (1 - self.p)".replace("input.", "gradOutput.")),
    ),
    ("mask_not_shared", (BACKWARD, "gradOutput")),
    ("mask_not_shared", (BACKWARD, "gradOutput / (1 - self.p)")),
    ("mask_not_shared", (BACKWARD, "gradOutput * (1 - self.mask) / (1 - self.p)")),
    (
        "mask_not_fresh",
        (
            "self.mask = np",
            "if self.mask is None or self.mask.shape != input.shape: self.mask = np",
        ),
    ),
    ("mask_not_fresh", ("self.mask = np", "np.random.seed(0); self.mask = np")),
    ("rate_swapped", (DRAW, "np.random.binomial(1, self.p, input.shape)")),
    ("rate_swapped", (DRAW, "np.random.rand(*input.shape) < self.p")),
    (
        "rate_swapped",
        (DRAW, "np.random.binomial(1, self.p, input.shape)"),
        ("(1 - self.p)\n", "self.p\n"),
    ),
    ("not_rescaled", (FORWARD, "input * self.mask")),
    ("not_rescaled", (FORWARD, "input * self.mask"), (BACKWARD, "gradOutput * self.mask")),
    ("not_rescaled", (BACKWARD, "gradOutput * self.mask")),
    ("not_rescaled", (FORWARD, "input * self.mask / self.p")),
    ("not_rescaled", (FORWARD, "input * self.mask * (1 - self.p)")),
    (
        "not_rescaled",
        (FORWARD, "input * self.mask"),
        ("self.output = input\n", "self.output = input * (1 - self.p)\n"),
        (BACKWARD, "gradOutput * self.mask"),
    ),
    ("mask_shape", (DRAW, "np.random.binomial(1, 1 - self.p, input.shape[1:])")),
    (
        "mask_shape",
        (DRAW, "np.random.binomial(1, 1 - self.p, (len(input),) + (1,) * (input.ndim - 1))"),
    ),
    (
        "mask_shape",
        (DRAW, "np.random.binomial(1, 1 - self.p, input.shape[:2] + (1,) * (input.ndim - 2))"),
    ),
    ("option_ignored", ("self.p = p", "self.p = 0.5")),
    ("wrong_constant", ("p=0.5", "p=0.2")),
    ("upstream_ignored", (BACKWARD, "self.mask / (1 - self.p)")),
    ("local_derivative", (BACKWARD, "gradOutput * self.output")),
    ("sign", (BACKWARD, "-" + BACKWARD)),
    (
        "input_modified",
        ("self.output = input * self.mask", "input *= self.mask; self.output = input"),
    ),
    ("returns_none", ("        return self.output\n", "")),
    ("returns_none", ("self.gradInput = gradOutput", "gradInput = gradOutput")),
    ("crash", ("return self.output", "return self.outputs")),
]


def made(changes):
    source = DROPOUT
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    return student(source)


@pytest.mark.parametrize("changes", RIGHT)
def test_a_right_layer_gives_nothing(changes):
    assert first(made(changes)) == "ok"


def test_a_module_in_torchs_style():
    assert first(student(MODULE)) == "ok"
    assert first(student(MODULE.replace(" / (1 - self.p)", ""))) == "not_rescaled"
    assert first(student(MODULE.replace("> self.p", "< self.p"))) == "rate_swapped"


@pytest.mark.parametrize(("cause", "changes"), [(one[0], one[1:]) for one in WRONG])
def test_a_mistake_gets_its_name(cause, changes):
    assert findings(made(changes))[:1] == [cause]


def test_the_stream_of_random_numbers_goes_on_as_if_nothing_had_been():
    np.random.seed(5)  # noqa: NPY002
    wanted = np.random.rand(3)  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    check_layer(made(()))
    assert (np.random.rand(3) == wanted).all()  # noqa: NPY002


@pytest.mark.slow
def test_unseeded_layers_never_alarm():
    cls = made(RIGHT[3])
    assert all(check_layer(cls).findings == () for _ in range(300))
