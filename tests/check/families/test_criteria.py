"""Criteria: each mistake gets its name, right ones get none."""

import pytest
from tests.check.families.students import findings, first, student

BASE = """
class Criterion(object):
    def __init__(self):
        self.output = None
        self.gradInput = None
    def forward(self, input, target):
        return self.updateOutput(input, target)
    def backward(self, input, target):
        return self.updateGradInput(input, target)
class {name}(Criterion):
    EPS = 1e-15
    def updateOutput(self, input, target):
        N = input.shape[0]
        self.output = {value}
        return self.output
    def updateGradInput(self, input, target):
        N = input.shape[0]
        self.gradInput = {gradient}
        return self.gradInput
"""
MODULE = """
class MSECriterion(nn.Module):
    def forward(self, input, target):
        return ((input - target) ** 2).sum() / len(input)
"""
MSE, MSES = "np.sum((input - target) ** 2) / N", "2 * (input - target) / N"
NLL, NLLS = "-np.sum(target * input) / N", "-target / N"
CLIP = "np.clip(input, self.EPS, 1 - self.EPS)"
SAFE, SAFES = f"-np.sum(target * np.log({CLIP})) / N", f"-target / {CLIP} / N"
UNSTABLE = "ClassNLLCriterionUnstable"

RIGHT = [
    ("MSECriterion", MSE, MSES),
    (
        "MSECriterion",
        "np.power(input - target, 2).sum() / float(N)",
        "(input - target) * (2. / len(input))",
    ),
    ("MSECriterion", "float(np.square(input - target).sum(axis=1).mean())", MSES),
    ("MSELoss", "np.mean((input - target) ** 2)", "2 * (input - target) / input.size"),
    ("MSECriterion", "np.sum((input - target).astype(np.float32) ** 2) / N", MSES),
    ("ClassNLLCriterion", NLL, NLLS),
    ("ClassNLLCriterion", "-(input[np.arange(N), target.argmax(1)]).mean()", "-1.0 * target / N"),
    (UNSTABLE, SAFE, SAFES),
    (UNSTABLE, SAFE.replace(CLIP, "np.maximum(1e-15, np.minimum(input, 1 - 1e-15))"), SAFES),
]

WRONG = [
    ("times_n", "MSECriterion", "np.sum((input - target) ** 2)", MSES),
    ("times_n", "MSECriterion", MSE, "2 * (input - target)"),
    ("divided_by_n", "MSECriterion", "np.mean((input - target) ** 2)", MSES),
    ("divided_by_n", "MSECriterion", MSE, "2 * (input - target) / input.size"),
    ("factor_two", "MSECriterion", MSE, "(input - target) / N"),
    ("factor_two", "MSECriterion", f"0.5 * {MSE}", "(input - target) / N"),
    ("sign", "MSECriterion", MSE, "2 * (target - input) / N"),
    ("local_derivative", "MSECriterion", "np.sum(np.abs(input - target)) / N", MSES),
    ("local_derivative", "MSECriterion", f"np.sqrt({MSE})", MSES),
    ("wrong_shape", "MSECriterion", "np.sum((input - target) ** 2, axis=1)", MSES),
    ("wrong_axis", "MSECriterion", MSE.replace("/ N", "/ input.shape[1]"), MSES),
    ("returns_none", "MSECriterion", "None", MSES),
    ("times_n", "ClassNLLCriterion", "-np.sum(target * input)", NLLS),
    ("times_n", "ClassNLLCriterion", NLL, "-target"),
    ("divided_by_n", "ClassNLLCriterion", "-np.mean(target * input)", NLLS),
    ("sign", "ClassNLLCriterion", "np.sum(target * input) / N", NLLS),
    ("sign", "ClassNLLCriterion", NLL, "target / N"),
    ("target_gradient", "ClassNLLCriterion", NLL, "-input / N"),
    ("local_derivative", "ClassNLLCriterion", NLL, "(input - target) / N"),
    ("local_derivative", "ClassNLLCriterion", NLL, "-target / input / N"),
    ("local_derivative", "ClassNLLCriterion", "-np.sum(target * np.log(-input)) / N", NLLS),
    ("not_clipped", UNSTABLE, "-np.sum(target * np.log(input)) / N", "-target / input / N"),
    ("not_clipped", UNSTABLE, SAFE, "-target / input / N"),
    ("wrong_constant", UNSTABLE, SAFE.replace("self.EPS", "1e-8"), SAFES),
    ("target_gradient", UNSTABLE, SAFE, f"-np.log({CLIP}) / N"),
    ("local_derivative", UNSTABLE, SAFE, "-target / N"),
    ("times_n", UNSTABLE, SAFE, f"-target / {CLIP}"),
    ("sign", UNSTABLE, SAFE, f"target / {CLIP} / N"),
    (
        "input_modified",
        UNSTABLE,
        SAFE.replace(CLIP, "np.clip(input, self.EPS, 1 - self.EPS, out=input)"),
        SAFES,
    ),
    ("input_modified", "MSECriterion", MSE, "(2 * (input - target) / N, target.fill(0))[0]"),
    (
        "stale_buffer",
        "MSECriterion",
        MSE,
        "self.__dict__.setdefault('first', 2 * (input - target) / N)",
    ),
    ("missing_gradient", "MSECriterion", MSE, "np.zeros_like(input)"),
]


def made(name, value, gradient):
    return student(BASE.format(name=name, value=value, gradient=gradient))


@pytest.mark.parametrize("parts", RIGHT)
def test_a_right_criterion_gives_nothing(parts):
    assert first(made(*parts)) == "ok"


@pytest.mark.parametrize(("cause", "parts"), [(one[0], one[1:]) for one in WRONG])
def test_a_mistake_gets_its_name(cause, parts):
    assert findings(made(*parts))[:1] == [cause]


def test_modules_in_torchs_style():
    assert first(student(MODULE)) == "ok"
    assert first(student(MODULE.replace(" / len(input)", ""))) == "times_n"


def test_certain_probabilities_are_tried():
    wrong = SAFE.replace(CLIP, "np.where(input > 0.9, 1 - 1e-15, np.maximum(input, 1e-15))")
    assert findings(made(UNSTABLE, wrong, SAFES)) != []
