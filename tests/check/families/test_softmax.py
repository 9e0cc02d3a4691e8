"""SoftMax, LogSoftMax and Flatten: each mistake gets its name, right layers get none."""

import pytest
from tests.check.families.students import activation, first

SHIFTED = "np.exp(input - input.max(1, keepdims=True))"
SOFTMAX = f"{SHIFTED} / {SHIFTED}.sum(1, keepdims=True)"
NAIVE = "np.exp(input) / np.exp(input).sum(1, keepdims=True)"
BACK = "self.output * (gradOutput - (gradOutput * self.output).sum(1, keepdims=True))"
LOG = f"input - input.max(1, keepdims=True) - np.log({SHIFTED}.sum(1, keepdims=True))"
LOG_BACK = "gradOutput - np.exp(self.output) * gradOutput.sum(1, keepdims=True)"
FLAT = "input.reshape(len(input), -1)"
FLAT_BACK = "gradOutput.reshape(input.shape)"

CASES = [
    ("ok", "SoftMax", SOFTMAX, BACK),
    ("ok", "LogSoftMax", LOG, LOG_BACK),
    ("ok", "LogSoftmax", LOG, LOG_BACK),
    ("ok", "Flatten", FLAT, FLAT_BACK),
    ("missing_max_subtraction", "SoftMax", NAIVE, BACK),
    ("missing_max_subtraction", "LogSoftMax",
     "input - np.log(np.exp(input).sum(1, keepdims=True))", LOG_BACK),
    ("missing_max_subtraction", "LogSoftMax", f"np.log({NAIVE})", LOG_BACK),
    ("log_of_zero", "LogSoftMax", f"np.log({SOFTMAX})", LOG_BACK),
    ("wrong_axis", "SoftMax", SOFTMAX.replace("(1,", "(0,"), BACK),
    ("wrong_axis", "SoftMax", SOFTMAX, BACK.replace("(1,", "(0,")),
    ("wrong_axis", "SoftMax", SOFTMAX.replace(".max(1, keepdims=True)", ".max()"), BACK),
    ("missing_term", "SoftMax", SOFTMAX, "self.output * (1 - self.output) * gradOutput"),
    ("missing_term", "SoftMax", SOFTMAX, "self.output * gradOutput"),
    ("missing_term", "LogSoftMax", LOG, "gradOutput - np.exp(self.output)"),
    ("missing_term", "LogSoftMax", LOG, "gradOutput * (1 - np.exp(self.output))"),
    ("wrong_shape", "Flatten", "input.reshape(-1)", FLAT_BACK),
    ("wrong_shape", "Flatten", FLAT, "gradOutput"),
    ("transposed", "Flatten", "input.reshape(len(input), -1, order='F')", FLAT_BACK),
]  # fmt: skip


@pytest.mark.parametrize(("cause", "parts"), [(one[0], one[1:]) for one in CASES])
def test_a_mistake_gets_its_name(cause, parts):
    assert first(activation(*parts)) == cause
