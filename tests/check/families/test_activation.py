"""Activations: each mistake gets its name, right layers get none."""

import pytest
from tests.check.families.students import activation, first

from rushlight import nn
from rushlight.check.layer import check_layer

RELU = "np.maximum(input, 0)"
LEAKY = "np.where(input > 0, input, self.slope * input)"
LEAKS = "gradOutput * np.where(input > 0, 1, self.slope)"
ELU = "np.where(input > 0, input, self.alpha * np.expm1(np.minimum(input, 0)))"
ELUS = "gradOutput * np.where(input > 0, 1, self.output + self.alpha)"
SIGMOID = "1 / (1 + np.exp(-input))"
SIGMOIDS = "gradOutput * self.output * (1 - self.output)"
CUBIC = "np.sqrt(2 / np.pi) * (input + 0.044715 * input**3)"

RIGHT = [
    ("ReLU", RELU, "gradOutput * (input > 0)"),
    ("ReLU", "input * (input > 0)", "np.where(input > 0, gradOutput, 0.0)"),
    ("Sigmoid", SIGMOID, SIGMOIDS),
    ("Sigmoid", "0.5 + 0.5 * np.tanh(0.5 * input)", SIGMOIDS),
    ("Tanh", "np.tanh(input)", "gradOutput * (1 - self.output**2)"),
    ("SoftPlus", "np.logaddexp(0, input)", "gradOutput / (1 + np.exp(-input))"),
    ("LeakyReLU", LEAKY, LEAKS, "slope=0.03"),
    ("LeakyReLU", LEAKY, LEAKS, "slope=0.01"),
    ("ELU", ELU, ELUS, "alpha=1.0"),
    ("ELU", "np.where(input > 0, input, self.alpha * (np.exp(input) - 1))", ELUS, "alpha=1.0"),
]

WRONG = [
    ("edge_value", "ReLU", RELU, "gradOutput * (input >= 0)"),
    ("local_derivative", "ReLU", RELU, "np.where(input > 0, input, 0.0)"),
    ("local_derivative", "ReLU", RELU, "gradOutput"),
    ("upstream_ignored", "ReLU", RELU, "(input > 0).astype(float)"),
    ("overflow", "Sigmoid", "np.exp(input) / (1 + np.exp(input))", SIGMOIDS),
    ("local_derivative", "Sigmoid", SIGMOID, "gradOutput * input * (1 - input)"),
    ("local_derivative", "Tanh", "np.tanh(input)", "gradOutput * (1 - self.output)"),
    ("local_derivative", "Tanh", "np.tanh(input)", "gradOutput * (1 - input**2)"),
    ("overflow", "SoftPlus", "np.log(1 + np.exp(input))", "gradOutput / (1 + np.exp(-input))"),
    ("overflow", "SoftPlus", "np.logaddexp(0, input)",
     "gradOutput * np.exp(input) / (1 + np.exp(input))"),
    ("option_ignored", "LeakyReLU", "np.where(input > 0, input, 0.03 * input)", LEAKS,
     "slope=0.03"),
    ("option_ignored", "LeakyReLU", LEAKY, "gradOutput * np.where(input > 0, 1, 0.01)",
     "slope=0.01"),
    ("local_derivative", "ELU", ELU, "gradOutput * np.where(input > 0, 1, self.output + 1)",
     "alpha=1.0"),
    ("tanh_gelu", "GELU", f"0.5 * input * (1 + np.tanh({CUBIC}))", "gradOutput"),
    ("tanh_gelu", "Gelu", "input / (1 + np.exp(-1.702 * input))", "gradOutput"),
    ("sign", "Tanh", "np.tanh(input)", "gradOutput * (self.output**2 - 1)"),
]  # fmt: skip


@pytest.mark.parametrize("parts", RIGHT)
def test_a_right_layer_gives_nothing(parts):
    assert first(activation(*parts)) == "ok"


@pytest.mark.parametrize(("cause", "parts"), [(one[0], one[1:]) for one in WRONG])
def test_a_mistake_gets_its_name(cause, parts):
    assert first(activation(*parts)) == cause


def test_the_ignored_option_and_a_default_of_ones_own_are_named():
    ignored = activation("LeakyReLU", LEAKY.replace("self.slope", "0.03"), LEAKS, "slope=0.03")
    assert check_layer(ignored).findings[0].details["option"] == "slope"
    other = check_layer(activation("LeakyReLU", LEAKY, LEAKS, "slope=0.2"))
    assert other.findings[0].cause == "wrong_constant"
    assert other.findings[0].details["value"] == "0.2"


def test_autograd_chooses_the_slope_at_the_kink():
    class ReLU(nn.Module):
        def forward(self, input):
            return input.clamp(min=0)  # a slope of 1 at 0, as in torch

    assert check_layer(ReLU).findings == ()
