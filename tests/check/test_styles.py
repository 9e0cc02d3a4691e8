"""Layers in unusual styles: the right ones give nothing, the broken ones get their names."""

import pathlib
import re

import pytest

from rushlight.check.layer import check_layer
from rushlight.check.loading.loader import Loader
from rushlight.check.texts import hint, message

HERE = pathlib.Path(__file__).parent / "styles"


def names(file):
    return re.findall(r"^class ([A-Z]\w*_\w+)", (HERE / file).read_text("utf-8"), re.MULTILINE)


RIGHT = [(file, name) for file in ("right.py", "right_torch.py") for name in names(file)]
BROKEN = names("broken.py")
CAUSES = {
    "Linear_nozero": "missing_method",
    "Linear_noback": "missing_method",
    "Linear_noforward": "missing_method",
    "Linear_getcopies": "array_replaced",
    "Linear_getempty": "parameters_not_collected",
    "Linear_getswapped": "parameters_not_collected",
    "Linear_getonlyW": "parameters_not_collected",
    "Linear_statlist": "array_replaced",
    "Linear_typo": "crash",
    "Linear_noself": "crash",
    "Linear_tuple": "wrong_shape",
    "Linear_string": "wrong_shape",
    "Linear_xWT": "transposed",
    "Linear_acctwice": "factor_two",
    "Linear_noacc": "missing_gradient",
    "Linear_scale": "factor",
    "Linear_input_none": "crash",
    "Linear_assert": "crash",
    "Linear_cs1": "overwritten",
    "Sigmoid_gradfirst": "argument_order",
    "Sigmoid_noup": "upstream_ignored",
    "ELU_exp": "option_ignored",
    "ReLU_in": "input_modified",
    "ReLU_half": "edge_value",
    "ReLU_scalar": "crash",
    "Gelu_missing": "missing_term",
    "SoftPlus_naiveback": "overflow",
    "SoftMax_diag": "missing_term",
    "LogSoftMax_log": "log_of_zero",
    "Flatten_all": "wrong_shape",
}
SAID = {
    "Tanh_out": "the derivative is of another formula",
    "Tanh_in": "is applied to the input",
    "Tanh_tan": "is taken at the output",
    "Sigmoid_in": "is applied to the input",
    "Sigmoid_y2": "is taken at the output",
    "Sigmoid_y": "by the function itself",
    "ELU_exp": "the backward pass does not use alpha",
    "SoftPlus_naiveback": "inf / inf is nan",
    "Flatten_noshape": "must have the shape of input",
    "Linear_tuple": "of type tuple",
    "Linear_getcopies": "hands out copies",
    "Linear_getonlyW": "leaves out arrays",
    "Linear_getswapped": "different orders",
    "Linear_noback": "no method updateGradInput",
    "Linear_typo": "Check the spelling",
    "ReLU_scalar": "np.where",
    "Linear_noself": "Compare the arguments",
    "Sigmoid_gradfirst": "def backward(self, input, gradOutput)",
}


def report(file, name):
    with Loader(HERE / file) as loaded:
        loaded.load()
        assert not loaded.problems
        return check_layer(loaded.namespace[name], name.partition("_")[0])


@pytest.mark.parametrize(("file", "name"), RIGHT)
def test_a_right_layer_gives_nothing(file, name):
    found = report(file, name)
    assert found.findings == ()
    assert found.ok


@pytest.mark.parametrize("name", [name for name in BROKEN if name != "Linear_infer"])
def test_a_broken_layer_is_reported(name):
    found = report("broken.py", name)
    assert found.status == "defect"
    if name in CAUSES:
        assert found.findings[0].cause == CAUSES[name]


@pytest.mark.parametrize("name", SAID)
def test_what_is_said(name):
    finding = report("broken.py", name).findings[0]
    assert SAID[name] in f"{message(finding)}\n{hint(finding)}"
    assert message(finding, "ru") != message(finding)
