"""A second opinion of torch on what is expected."""

import numpy as np
import pytest
from tests.check.families.students import student
from tests.check.test_styles import HERE, report

from rushlight.check.file import check_file
from rushlight.check.layer import check_layer
from rushlight.check.loading.loader import Loader
from rushlight.check.opinion import opinion
from rushlight.check.texts import message

ASKED = {
    "Linear_xWT": ("gradW", "Linear"),
    "Linear_cs1": ("gradW", "Linear"),  # after two passes
    "Linear_scale": ("output", "Linear"),
    "Tanh_out": ("gradInput", "Tanh"),
    "LeakyReLU_back": ("gradInput", "LeakyReLU"),
    "SoftPlus_naiveback": ("gradInput", "SoftPlus"),
    "SoftMax_diag": ("gradInput", "SoftMax"),
    "LogSoftMax_log": ("output", "LogSoftMax"),
    "ReLU_half": ("gradInput", "ReLU"),
}


@pytest.mark.parametrize("name", ASKED)
def test_torch_agrees_with_what_is_expected(name):
    pytest.importorskip("torch")
    tensor, like = ASKED[name]
    cls = broken(name)
    found = check_layer(cls, like, second_opinion=True).findings[0]
    assert (found.tensor, found.details["torch"]) == (tensor, "agrees")
    assert "(torch agrees with the expected values)." in message(found)
    assert "torch подтверждает ожидаемое" in message(found, "ru")
    assert "torch" not in check_layer(cls, like).findings[0].details


def broken(name):
    with Loader(HERE / "broken.py") as loaded:
        loaded.load()
        return loaded.namespace[name]


CONV = """
    class Conv2d(Module):
        def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True,
                     padding_mode="zeros"):
            self.layer = __import__("rushlight").classic.torch_like.Conv2d(
                in_channels, out_channels, kernel_size, stride, padding, bias, padding_mode)
            self.W, self.b = self.layer.W, self.layer.b
            self.gradW, self.gradb = self.layer.gradW, self.layer.gradb
        def updateOutput(self, input):
            return self.layer.forward(input)
        def updateGradInput(self, input, gradOutput):
            return self.layer.backward(input, -gradOutput)
        def backward(self, input, gradOutput):
            return self.updateGradInput(input, gradOutput)
        def zeroGradParameters(self):
            self.layer.zeroGradParameters()
    """


def test_a_convolution():
    pytest.importorskip("torch")
    found = check_layer(student(CONV), second_opinion=True).findings
    assert {f.details.get("torch") for f in found if f.max_error is not None} == {"agrees"}


def test_torch_differs_where_something_else_is_expected(monkeypatch):
    pytest.importorskip("torch")
    from rushlight.check import battery, diagnose, families, source, subject

    one = subject.Subject(broken("Tanh_out"), families.family_of("Tanh"), "torch_like")
    evidence = next(battery.examine(one))
    assert opinion(evidence) == {"torch": "agrees"}
    evidence.want = np.array(evidence.want) + 1.0
    assert opinion(evidence) == {"torch": "differs"}
    search = diagnose.Search(one.family, source.Source(one.obj), opinion)
    assert "torch differs from the expected values" in message(diagnose.finding(evidence, search))


def test_a_file(tmp_path):
    pytest.importorskip("torch")
    path = tmp_path / "layers.py"
    path.write_text((HERE / "broken.py").read_text("utf-8").replace("Tanh_out", "Tanh"), "utf-8")
    (layer,) = check_file(path, layers=["Tanh"], second_opinion=True).layers
    assert layer.findings[0].details["torch"] == "agrees"


def test_without_torch(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None)
    with pytest.raises(ImportError, match="no torch"):
        check_layer(object, "Tanh", second_opinion=True)


def test_nothing_is_said_where_torch_has_no_such_layer():
    pytest.importorskip("torch")
    assert "torch" not in report("broken.py", "Flatten_all").findings[0].details
