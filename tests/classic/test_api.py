"""The contract of the explicit API: order of calls, identity of arrays, errors, copies, modes."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import classic, nn
from rushlight.classic import practical_dl
from rushlight.errors import DtypeError, ShapeError

RNG = np.random.default_rng(1)


def normal(*shape: int) -> Any:
    return RNG.standard_normal(shape)


class Twice(classic.Module):
    """A student's layer: y = w x, with w = 2 at first."""

    def __init__(self) -> None:
        super().__init__()
        self.w, self.gradw = np.array([2.0]), np.zeros(1)
        self.calls: list[str] = []

    def updateOutput(self, input: Any) -> Any:
        self.calls.append("output")
        self.output = self.w * input
        return self.output

    def updateGradInput(self, input: Any, gradOutput: Any) -> Any:
        self.calls.append("input")
        self.gradInput = self.w * gradOutput
        return self.gradInput

    def accGradParameters(self, input: Any, gradOutput: Any) -> None:
        self.calls.append("parameters")
        self.gradw += (input * gradOutput).sum()

    def getParameters(self) -> list[Any]:
        return [self.w]

    def getGradParameters(self) -> list[Any]:
        return [self.gradw]


# ---- arrays and their identity


def test_gradients_accumulate_in_the_same_arrays() -> None:
    layer, x, g = classic.Linear(3, 2), normal(4, 3), normal(4, 2)
    gradW, gradb = layer.gradW, layer.gradb
    layer.forward(x)
    for times in (1, 2, 3):
        layer.backward(x, g)
        np.testing.assert_allclose(gradW, times * g.T @ x, 1e-5)
    assert layer.gradW is gradW and layer.getGradParameters()[1] is gradb
    assert layer.module.weight.grad._array is gradW
    layer.zeroGradParameters()
    assert layer.gradW is gradW and not gradW.any() and not gradb.any()
    layer.gradW = np.ones((2, 3))
    layer.gradW += 1
    assert layer.gradW is gradW and (gradW == 2).all()
    layer.module.zero_grad()  # forgets .grad, so the array is zeros again
    assert layer.gradW is gradW and not gradW.any()


def test_autograd_through_the_module_adds_to_the_same_arrays() -> None:
    layer, x = classic.Linear(3, 2), rl.randn(4, 3)
    layer.module(x).sum().backward()
    gradW = layer.gradW
    np.testing.assert_allclose(gradW, np.tile(x.numpy().sum(0), (2, 1)), 1e-6)
    layer.module(x).sum().backward()
    assert layer.gradW is gradW
    np.testing.assert_allclose(gradW, 2 * np.tile(x.numpy().sum(0), (2, 1)), 1e-6)


def test_assigned_parameters_take_effect_everywhere() -> None:
    layer = classic.Linear(3, 2)
    W, gradW = np.ones((2, 3), np.float32), layer.gradW
    layer.W = W
    assert layer.W is W and layer.getParameters()[0] is W and layer.gradW is gradW
    W[:] = 0  # adopted, not copied
    layer.b = [1.0, 2.0]
    assert (layer.forward(normal(5, 3)) == [1.0, 2.0]).all()
    layer.W = normal(2, 3)  # in another dtype, so its gradient is, too
    assert layer.gradW.dtype == np.float64 and layer.module.weight.grad is not None


@pytest.mark.parametrize(
    "value, error, text",
    [
        (np.ones((2, 3), int), DtypeError, "Linear.W: got an array of int64, expected a floating"),
        (np.ones((3, 2)), ShapeError, r"Linear.W: got \(3, 2\), expected \(2, 3\)"),
        ([["a"]], DtypeError, "expected a floating dtype"),
    ],
)
def test_assigned_parameters_must_fit(value: Any, error: Any, text: str) -> None:
    layer = classic.Linear(3, 2)
    with pytest.raises(error, match=text):
        layer.W = value
    with pytest.raises(error, match=text.replace("Linear.W", "Linear.gradW")):
        layer.gradW = value


def test_absent_bias() -> None:
    layer = classic.Linear(3, 2, bias=False)
    assert layer.b is None and layer.gradb is None and len(layer.getParameters()) == 1
    with pytest.raises(ValueError, match="made without it"):
        layer.gradb = np.zeros(2)


def test_frozen_parameters_are_left_out() -> None:
    layer = classic.wrap(nn.Linear(3, 2))
    layer.module.weight.requires_grad_(False)
    assert [p.shape for p in layer.getParameters()] == [(2,)]
    x, g = np.ones((1, 3), "f4"), np.ones((1, 2), "f4")
    layer.forward(x)
    layer.backward(x, g)
    assert (layer.getGradParameters()[0] == 1).all() and layer.module.weight.grad is None


# ---- dtypes


@pytest.mark.parametrize("kind", [classic.Linear, lambda i, o: classic.wrap(nn.Linear(i, o))])
@pytest.mark.parametrize("of_x, of_w, of_y", [("f8", "f4", "f8"), ("f4", "f8", "f8")])
def test_dtypes_are_joined_as_numpy_joins_them(kind: Any, of_x: str, of_w: str, of_y: str) -> None:
    layer = kind(3, 2)
    layer.module.to("float64" if of_w == "f8" else "float32")
    x, g = normal(4, 3).astype(of_x), normal(4, 2)
    W = layer.getParameters()[0]
    assert layer.forward(x).dtype == of_y
    np.testing.assert_allclose(layer.output, x @ W.T + layer.getParameters()[1], 1e-12)
    assert layer.backward(x, g).dtype == of_x
    assert layer.getGradParameters()[0].dtype == of_w and layer.getParameters()[0] is W


def test_dtypes_are_joined_with_running_statistics() -> None:
    layer = classic.wrap(nn.BatchNorm1d(2))
    mean, x = layer.module.running_mean, normal(5, 2)
    assert layer.forward(x).dtype == np.float64
    assert layer.module.running_mean is mean and mean.dtype == rl.float32
    np.testing.assert_allclose(mean.numpy(), 0.1 * x.mean(0), 1e-6)
    assert int(layer.module.num_batches_tracked) == 1


def test_integers_become_floats_where_a_layer_computes() -> None:
    layer, x = classic.Linear(2, 2), np.array([[1, 2]])
    assert layer.forward(x).dtype == np.float64
    assert layer.backward(x, np.ones((1, 2))).dtype == np.float64
    assert classic.ReLU().forward([[1, -1]]).tolist() == [[1.0, 0.0]]
    assert classic.ReLU().forward(np.float32(-1)).shape == ()
    with pytest.raises(DtypeError, match="ReLU: got complex128"):
        classic.ReLU().forward(np.ones(2, complex))
    with pytest.raises(TypeError, match=r"ReLU: got Parameter.*a NumPy array"):
        classic.ReLU().forward(nn.Parameter(rl.ones(2)))


# ---- order of calls


def test_backward_before_forward() -> None:
    text = r"Linear.backward: got no forward before it, expected forward"
    with pytest.raises(RuntimeError, match=text):
        classic.Linear(3, 2).backward(normal(4, 3), normal(4, 2))
    with pytest.raises(RuntimeError, match=r"MSECriterion.backward: got no forward"):
        classic.MSECriterion().backward(normal(2), normal(2))
    with pytest.raises(RuntimeError, match=r"Sequential.backward: got no forward"):
        classic.Sequential(classic.ReLU()).backward(normal(2), normal(2))


@pytest.mark.parametrize("method", ["backward", "updateGradInput", "accGradParameters"])
def test_backward_wants_the_input_of_the_last_forward(method: str) -> None:
    layer, x, g = classic.Linear(3, 2), normal(4, 3), normal(4, 2)
    layer.forward(x)
    getattr(layer, method)(x.copy(), g)  # equal is as good as the same
    text = r"got another input, \(4, 3\), expected that of the last forward, \(4, 3\); call forward"
    with pytest.raises(ValueError, match=text):
        getattr(layer, method)(x + 1, g)
    with pytest.raises(ValueError, match=r"got another input, \(1, 3\)"):
        getattr(layer, method)(x[:1], g)
    x[0, 0] += 1
    with pytest.raises(ValueError, match="modified in place since forward"):
        getattr(layer, method)(x, g)


def test_sequential_wants_the_input_of_the_last_forward() -> None:
    net, x = classic.Sequential(Twice(), classic.ReLU()), normal(3)
    net.forward(x)
    net.backward(x.copy(), x)
    for method in (net.backward, net.updateGradInput, net.accGradParameters):
        with pytest.raises(ValueError, match=r"Sequential.backward: got another input, \(3,\)"):
            method(x + 1, x)


def test_gradients_can_be_written_to() -> None:
    for layer in (classic.GlobalAvgPool2d(), classic.wrap(nn.AdaptiveAvgPool2d(1))):
        x = normal(2, 3, 4, 4)
        found = layer.backward(x, np.ones_like(layer.forward(x)))
        found[0, 0, 0, 0] = 9
        assert (found == 9).sum() == 1


def test_nan_is_the_same_input() -> None:
    layer, x = classic.Tanh(), np.array([np.nan, 1.0])
    layer.forward(x)
    layer.backward(x.copy(), x)
    with pytest.raises(ValueError, match="another input"):
        layer.backward(np.array([1.0, np.nan]), x)


def test_criteria_compare_the_target_too() -> None:
    criterion, x, t = classic.MSECriterion(), normal(3, 2), normal(3, 2)
    criterion.forward(x, t)
    criterion.backward(x.copy(), t.copy())
    with pytest.raises(ValueError, match=r"MSECriterion.backward: got another input"):
        criterion.backward(x, t + 1)


def test_shape_of_the_gradient() -> None:
    layer, x = classic.Linear(3, 2), normal(4, 3)
    layer.forward(x)
    with pytest.raises(ShapeError, match=r"gradOutput \(4, 3\), expected \(4, 2\)"):
        layer.backward(x, x)


def test_results_share_no_memory_with_what_is_given() -> None:
    for layer in (classic.Flatten(), classic.ReLU(), classic.wrap(nn.Identity())):
        x = normal(2, 6)
        g = np.ones_like(layer.forward(x))
        for found in (layer.backward(x, g), layer.updateGradInput(x, g)):
            assert not np.may_share_memory(found, g)
    layer = classic.wrap(nn.Bilinear(2, 2, 1))
    both = normal(1, 2), normal(1, 2)
    layer.forward(both)
    first, second = layer.backward(both, np.ones((1, 1)))
    assert not np.may_share_memory(first, second)


def test_forward_records_under_no_grad_and_leaves_the_mode() -> None:
    layer, x = classic.ReLU(), np.array([-1.0, 1.0])
    with rl.no_grad():
        layer.forward(x)
        assert not rl.is_grad_enabled()
    assert layer.backward(x, np.ones(2)).tolist() == [0.0, 1.0]


# ---- modes


def test_modes() -> None:
    net = classic.Sequential(classic.Dropout(0.5), classic.Sequential(classic.Dropout(0.5)))
    inner = net[1][0]
    assert net.training and inner.training
    net.evaluate()
    assert not net.training and not inner.training and not inner.module.training
    x = normal(50)
    assert (net.forward(x) == x).all()
    net.train()
    assert inner.training and (net.forward(x) != x).any()
    inner.training = False
    assert not inner.module.training


# ---- Sequential


def test_sequential_equals_its_modules_one_by_one() -> None:
    net = practical_dl.Sequential()
    for module in (classic.Linear(4, 3), Twice(), classic.Tanh(), classic.Linear(3, 2)):
        net.add(module)
    x, g = normal(5, 4), normal(5, 2)
    value, inputs = x, []
    for module in net.modules:
        inputs.append(value)
        value = module.forward(value)
    grad = g
    for module, given in zip(reversed(net.modules), reversed(inputs), strict=True):
        grad = module.backward(given, grad)
    expected = [a.copy() for a in classic.module.flat(net.getGradParameters())]
    net.zeroGradParameters()
    assert (net.forward(x) == value).all() and net.output is net[3].output
    assert (net.backward(x, g) == grad).all() and (net.gradInput == grad).all()
    found = list(classic.module.flat(net.getGradParameters()))
    assert all((a == b).all() for a, b in zip(found, expected, strict=True))
    net.zeroGradParameters()
    assert (net.updateGradInput(x, g) == grad).all() and not any(a.any() for a in found)
    first, calls = net[0].gradInput.copy(), []
    net[0].updateGradInput = lambda *a: calls.append(a)
    net.accGradParameters(x, g)  # without the gradient by the first module's input
    assert all((a == b).all() for a, b in zip(found, expected, strict=True)) and not calls
    assert (net[0].gradInput == first).all()


def test_parameters_nested_and_flat() -> None:
    parts = (classic.Linear(2, 2), classic.ReLU())
    inner = [classic.Linear(2, 1)]
    nested = practical_dl.Sequential(*parts, practical_dl.Sequential(*inner))
    flat = classic.Sequential(*parts, classic.Sequential(*inner))
    W, b = parts[0].W, parts[0].b
    shapes = [[[a.shape for a in part] for part in nested.getParameters()[:2]]]
    assert shapes == [[[(2, 2), (2,)], []]]
    assert nested.getParameters()[2][0][0] is inner[0].W
    assert [id(a) for a in flat.getParameters()] == [id(W), id(b), id(inner[0].W), id(inner[0].b)]
    assert flat.getGradParameters()[0] is nested.getGradParameters()[0][0] is parts[0].gradW


def test_sequential_is_a_sequence() -> None:
    net = classic.Sequential(classic.Linear(3, 2), classic.ReLU(), classic.Tanh())
    assert len(net) == 3 and net[-1] is net.modules[2] and list(net) == net.modules
    assert isinstance(net[:2], classic.Sequential) and net[:2].modules == net.modules[:2]
    assert repr(net) == "Linear 3 -> 2\nReLU\nTanh"
    with pytest.raises(TypeError, match=r"Sequential.add: got ReLU, which has no backward.*wrap"):
        net.add(nn.ReLU())
    empty, x = classic.Sequential(), normal(2)
    assert empty.forward(x) is x and empty.backward(x, x) is x and empty.getParameters() == []


def test_sequential_names_the_module_that_returns_none() -> None:
    class Silent(Twice):
        def updateOutput(self, input: Any) -> Any:
            super().updateOutput(input)

    class Mute(Twice):
        def updateGradInput(self, input: Any, gradOutput: Any) -> Any:
            self.gradInput = None

    x = normal(2)
    with pytest.raises(TypeError, match=r"Sequential, module 1 \(Silent\): got None from forward"):
        classic.Sequential(classic.ReLU(), Silent()).forward(x)
    net = classic.Sequential(classic.ReLU(), Mute())
    net.forward(x)
    with pytest.raises(TypeError, match=r"module 1 \(Mute\): got None from backward"):
        net.backward(x, x)


# ---- subclasses


def test_a_students_own_layer() -> None:
    layer, x = Twice(), normal(3)
    layer.forward(x)
    assert (layer.backward(x, np.ones(3)) == 2).all()
    assert layer.calls == ["output", "input", "parameters"] and layer.gradw == x.sum()
    layer.zeroGradParameters()
    assert layer.gradw == 0 and repr(layer) == "Twice" and layer.training
    layer.evaluate()
    assert not layer.training


@pytest.mark.parametrize("kind", [classic.Module, classic.Criterion])
def test_what_a_subclass_must_define(kind: Any) -> None:
    class Mine(kind):
        pass

    arguments = [normal(1)] * (1 if kind is classic.Module else 2)
    with pytest.raises(NotImplementedError, match=r"Mine: got no updateOutput\(self, input"):
        Mine().forward(*arguments)
    with pytest.raises(NotImplementedError, match=r"Mine: got no updateGradInput\(self, input"):
        Mine().backward(normal(1), normal(1))


def test_methods_that_a_subclass_redefines_are_heard() -> None:
    class Signs(classic.Linear):
        def accGradParameters(self, input: Any, gradOutput: Any) -> None:
            super().accGradParameters(input, np.sign(gradOutput))

    class Clipped(classic.ReLU):
        def updateGradInput(self, input: Any, gradOutput: Any) -> Any:
            self.gradInput = np.clip(super().updateGradInput(input, gradOutput), -0.1, 0.1)
            return self.gradInput

    class Scaled(classic.MSECriterion):
        def updateGradInput(self, input: Any, target: Any) -> Any:
            return 10 * super().updateGradInput(input, target)

    net, x, g = classic.Sequential(Signs(3, 2), Clipped()), np.abs(normal(4, 3)), normal(4, 2)
    net[0].W, net[0].b = np.ones((2, 3)), np.ones(2)
    net.forward(x)
    net.backward(x, g)
    np.testing.assert_allclose(net[0].gradW, np.sign(g).T @ x)
    np.testing.assert_allclose(net[0].gradInput, np.clip(g, -0.1, 0.1) @ net[0].W)
    criterion = Scaled()
    criterion.forward(x, x + 1)
    np.testing.assert_allclose(criterion.backward(x, x + 1), np.full(x.shape, -20 / 4))


# ---- wrap


def test_wrap_of_several_inputs_and_outputs() -> None:
    layer, rnn = classic.wrap(nn.LSTM(3, 2)), nn.LSTM(3, 2)
    rnn.load_state_dict(layer.module.state_dict())
    x, h, c = (normal(*s).astype("f4") for s in ((4, 5, 3), (1, 5, 2), (1, 5, 2)))
    y, (hn, cn) = layer.forward((x, (h, c)))
    tensors = [rl.tensor(a, requires_grad=True) for a in (x, h, c)]
    out, (h1, c1) = rnn(tensors[0], tuple(tensors[1:]))
    (out.sum() + 2 * c1.sum()).backward()
    assert (y == out.detach().numpy()).all() and (hn == h1.detach().numpy()).all()
    gradOutput = (np.ones_like(y), (None, np.full_like(cn, 2)))
    dx, (dh, dc) = layer.backward((x, (h, c)), gradOutput)
    for found, tensor in zip((dx, dh, dc), tensors, strict=True):
        np.testing.assert_allclose(found, tensor.grad.numpy(), 1e-6, 1e-7)
    with pytest.raises(TypeError, match="a tuple of 2, one for each output"):
        layer.backward((x, (h, c)), np.ones_like(y))


def test_wrap_of_an_embedding() -> None:
    layer, i = classic.wrap(nn.Embedding(5, 2)), np.array([1, 3, 1])
    g = np.arange(6, dtype="f4").reshape(3, 2)
    assert (layer.forward(i) == layer.getParameters()[0][i]).all()
    assert layer.backward(i, g) is None
    assert layer.getGradParameters()[0].tolist() == [[0, 0], [4, 6], [0, 0], [2, 3], [0, 0]]


def test_wrap_of_a_whole_model_and_of_a_lazy_one() -> None:
    model = nn.Sequential(nn.LazyLinear(3), nn.LazyBatchNorm1d(), nn.ReLU(), nn.LazyLinear(1))
    layer, x = classic.wrap(model), normal(6, 4)
    assert layer.getParameters() == [] and layer.forward(x).dtype == np.float64
    assert [p.shape for p in layer.getParameters()] == [(3, 4), (3,), (3,), (3,), (1, 3), (1,)]
    assert int(model[1].num_batches_tracked) == 1 and model.training
    assert layer.backward(x, np.ones((6, 1))).shape == x.shape
    assert layer.getGradParameters()[-1] == 6 and repr(layer) == repr(model)


def test_wrap_of_criteria() -> None:
    x, labels = normal(4, 3), np.array([0, 2, 1, 1])
    criterion = classic.wrap(nn.CrossEntropyLoss())
    loss = criterion.forward(x, labels)
    assert isinstance(loss, float)
    p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    assert loss == pytest.approx(-np.log(p[np.arange(4), labels]).mean())
    np.testing.assert_allclose(criterion.backward(x, labels), (p - np.eye(3)[labels]) / 4, 1e-9)
    pair = classic.wrap(nn.CosineEmbeddingLoss())
    given = x, normal(4, 3)
    assert isinstance(pair.forward(given, np.ones(4)), float)
    assert [g.shape for g in pair.backward(given, np.ones(4))] == [(4, 3), (4, 3)]
    triplet = classic.wrap(nn.TripletMarginLoss())
    three = normal(4, 3), normal(4, 3), normal(4, 3)
    assert triplet.forward(three) > 0 and len(triplet.backward(three)) == 3
    with pytest.raises(ShapeError, match=r"a loss \(4, 3\), expected one number.*criterion=False"):
        classic.wrap(nn.MSELoss(reduction="none")).forward(x, x)
    with pytest.raises(TypeError, match=r"wrap: got ReLU, expected an nn.Module"):
        classic.wrap(classic.ReLU())


def test_a_criterion_with_parameters() -> None:
    criterion = classic.wrap(nn.LinearCrossEntropyLoss(3, 2))
    x, labels = normal(4, 3).astype("f4"), np.array([0, 1, 1, 0])
    criterion.forward(x, labels)
    criterion.updateGradInput(x, labels)
    assert not any(g.any() for g in criterion.getGradParameters())
    criterion.backward(x, labels)
    assert all(g.any() for g in criterion.getGradParameters())


# ---- copies and pickles


@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies(again: Any) -> None:
    net = classic.Sequential(
        classic.Conv2d(1, 2, 3), classic.ReLU(), classic.BatchNormalization(2), classic.Flatten(),
        classic.wrap(nn.Linear(18, 2)), classic.Dropout(0.0),
    )  # fmt: skip
    x, g = normal(2, 1, 5, 5), normal(2, 2)
    net.forward(x)
    net.backward(x, g)
    other = again(net)
    assert repr(other) == repr(net)
    arrays = net.getParameters() + net.getGradParameters()
    copies = other.getParameters() + other.getGradParameters()
    for a, b in zip(arrays, copies, strict=True):
        assert (a == b).all() and not np.may_share_memory(a, b) and a.any() == b.any()
    assert other[0].module.weight.grad._array is other[0].gradW
    with pytest.raises(RuntimeError, match="no forward"):
        other[0].backward(x, g)
    assert (other.forward(x) == net.forward(x)).all()
    assert (other.backward(x, g) == net.backward(x, g)).all()
    np.testing.assert_array_equal(other[2].moving_mean, net[2].moving_mean)
    criterion = again(classic.MSECriterion())
    assert criterion.forward(g, g + 1) == pytest.approx(2)


@pytest.mark.parametrize(
    "layer, text",
    [
        (classic.Linear(3, 2), "Linear 3 -> 2"),
        (classic.Conv2d(1, 8, (3, 5)), "Conv2d 1 -> 8, kernel (3, 5)"),
        (classic.MaxPool2d(2), "MaxPool2d, kernel 2"),
        (practical_dl.AvgPool2d(2), "AvgPool2d, kernel 2"),
        (classic.ChannelwiseScaling(4), "ChannelwiseScaling 4"),
        (classic.Dropout(0.3), "Dropout, p = 0.3"),
        (classic.BatchNormalization(4), "BatchNormalization"),
        (classic.ClassNLLCriterion(), "ClassNLLCriterion"),
        (classic.wrap(nn.Linear(1, 2)), "Linear(in_features=1, out_features=2, bias=True)"),
        (classic.wrap(nn.MSELoss()), "MSELoss()"),
    ],
)
def test_repr(layer: Any, text: str) -> None:
    assert repr(layer) == text
