"""What students do wrong or in unusual ways: a clear message, or the right result."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import classic, nn
from rushlight.classic import practical_dl, torch_like
from rushlight.errors import DtypeError, ShapeError

RNG = np.random.default_rng(2)
RATES = {"learning_rate": 0.1, "momentum": 0.9, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}


def normal(*shape: int) -> Any:
    return RNG.standard_normal(shape)


# ---- memory: what a call has kept goes with the next call and with the layer


def _rows() -> tuple[Any, Any]:
    net = classic.Sequential(classic.Conv2d(1, 2, 3), classic.BatchNormalization(2))
    for module in (classic.MaxPool2d(2), classic.Flatten(), classic.Dropout(), classic.SoftMax()):
        net.add(module)
    return net, normal(2, 1, 6, 6)


def test_graphs_go_without_the_garbage_collector() -> None:
    net, x = _rows()
    criterion, t = classic.ClassNLLCriterionUnstable(), np.eye(8)[:2]
    gc.collect()
    gc.disable()
    try:
        criterion.forward(net.forward(x), t)
        first = [weakref.ref(m._call.result) for m in (*net.modules, criterion)]
        net.forward(x)
        criterion.forward(net.output, t)
        assert [ref() for ref in first] == [None] * len(first)
        net.backward(x, criterion.backward(net.output, t))
        rest = [weakref.ref(m._call.result) for m in (*net.modules, criterion)]
        rest += [weakref.ref(m) for m in (net, criterion, *net.modules)]  # type: ignore[misc]
        del net, criterion
        assert [ref() for ref in rest] == [None] * len(rest)
    finally:
        gc.enable()


# ---- gradients and inputs that are none


def test_a_gradient_that_was_not_returned() -> None:
    layer, x = classic.Linear(3, 2), normal(4, 3)
    layer.forward(x)
    with pytest.raises(TypeError, match=r"Linear.backward: got gradOutput None.*`return`"):
        layer.backward(x, None)
    assert not layer.gradW.any()


@pytest.mark.parametrize(
    "gradient", [np.ones((4, 2), complex), np.full((4, 2), None), np.full((4, 2), "a")]
)
def test_gradients_are_numbers(gradient: Any) -> None:
    layer, x = classic.Linear(3, 2), normal(4, 3)
    layer.forward(x)
    with pytest.raises(DtypeError, match=r"got gradOutput of .*expected an array of numbers"):
        layer.backward(x, gradient)


def test_an_input_that_was_not_returned() -> None:
    with pytest.raises(TypeError, match=r"ReLU: got None, expected a NumPy array.*`return`"):
        classic.ReLU().forward(None)


class _Named(nn.Module):
    def forward(self, x: Any) -> Any:
        return {"twice": 2 * x, "thrice": 3 * x}


@pytest.mark.parametrize("gradient, got", [(np.ones(2), "ndarray"), ({"two": np.ones(2)}, "two")])
def test_gradients_of_a_dict_go_by_its_names(gradient: Any, got: str) -> None:
    layer, x = classic.wrap(_Named()), normal(2)
    layer.forward(x)
    assert layer.backward(x, {"thrice": np.ones(2)}).tolist() == [3.0, 3.0]
    with pytest.raises(TypeError, match=rf"gradOutput .*{got}.*expected a dict .* twice, thrice"):
        layer.backward(x, gradient)


def test_lists_of_numbers() -> None:
    layer = classic.wrap(nn.Embedding(5, 3))
    assert layer.forward([[1, 2], [4, 4]]).shape == (2, 2, 3)
    assert classic.wrap(nn.Linear(2, 3)).forward([[1.0, 2.0]]).shape == (1, 3)


# ---- layers made or used in the wrong place


def test_sequential_takes_modules_not_classes_nor_itself() -> None:
    net = classic.Sequential()
    with pytest.raises(TypeError, match=r"Sequential.add: got a class.*ReLU.*Name\(...\)"):
        net.add(classic.ReLU)
    with pytest.raises(TypeError, match=r"Sequential.add: got itself"):
        net.add(net)


def test_a_layer_in_two_places() -> None:
    relu, x = classic.ReLU(), normal(4, 3)
    net = classic.Sequential(relu, classic.Linear(3, 3), relu)
    net.forward(x)
    with pytest.raises(ValueError, match="each place in a network needs a layer of its own"):
        net.backward(x, x)


class _Own(classic.ReLU):
    def updateOutput(self, input: Any) -> Any:
        self.output = np.maximum(input, 0)
        return self.output


def test_half_a_subclass() -> None:
    layer, x = _Own(), normal(4, 3)
    layer.forward(x)
    with pytest.raises(RuntimeError, match=r"_Own.backward: .*calls super\(\).updateOutput"):
        layer.backward(x, x)


def test_arguments_of_the_other_dialect() -> None:
    with pytest.raises(ValueError, match=r"got alpha=16, expected 0 <= alpha <= 1.*torch_like"):
        practical_dl.BatchNormalization(16)
    with pytest.raises(TypeError, match=r"got num_features=0.9, expected an int.*practical_dl"):
        torch_like.BatchNormalization(0.9)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="Conv2d: got padding='full'"):
        torch_like.Conv2d(1, 2, 3, padding="full")
    with pytest.raises(ValueError, match="Conv2d: got kernel_size=-3, expected an odd int above 0"):
        practical_dl.Conv2d(1, 2, -3)


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_keeps_its_channels(training: bool) -> None:
    layer = practical_dl.BatchNormalization(0.9)
    layer.forward(normal(4, 3))
    layer.training = training
    with pytest.raises(ShapeError, match=r"got input \(4, 5\), expected 3 channels, as its moving"):
        layer.forward(normal(4, 5))
    assert layer.moving_mean.shape == (3,)


@pytest.mark.parametrize("dialect", [practical_dl, torch_like])
def test_numpy_integers_are_integers(dialect: Any) -> None:
    one, two, three = map(np.int64, (1, 2, 3))
    x = dialect.Conv2d(one, two, three).forward(normal(1, 1, 6, 6))
    for pool in (dialect.MaxPool2d(two), dialect.AvgPool2d(two)):
        assert pool.forward(x).shape == (1, 2, x.shape[2] // 2, x.shape[2] // 2)


def test_pools_want_images() -> None:
    with pytest.raises(ShapeError, match=r"got input \(4, 6\), expected \(N, C, H, W\) with H and"):
        practical_dl.MaxPool2d(2).forward(normal(4, 6))


def test_mask_of_one_image() -> None:
    layer, x = torch_like.MaxPool2d(2), normal(3, 4, 4)
    one = layer.forward(x)
    mask = layer.max_mask
    assert (layer.forward(x[None])[0] == one).all() and (layer.max_mask[0] == mask).all()
    assert mask.shape == x.shape and (np.sort(x[mask]) == np.sort(one, axis=None)).all()


def test_averages_can_be_forgotten() -> None:
    layer, x = practical_dl.BatchNormalization(0.9), normal(4, 3)
    layer.forward(normal(4, 3))
    layer.moving_mean = layer.moving_variance = None
    layer.forward(x)
    np.testing.assert_allclose(layer.moving_mean, x.mean(0))
    layer.moving_mean = None
    with pytest.raises(ShapeError, match=r"moving_mean: got \(\), expected \(C,\)"):
        layer.moving_mean = 0.0
    with pytest.raises(DtypeError, match=r"BatchNormalization.moving_mean"):
        torch_like.BatchNormalization(3).moving_mean = None


# ---- a student's layer in a graph


class _Writing:
    """y = 2 max(x, 0), with all results written into the arguments."""

    def forward(self, input: Any) -> Any:
        self.mask = input > 0
        input *= 2 * self.mask
        return input

    def backward(self, input: Any, gradOutput: Any) -> Any:
        gradOutput *= 2 * self.mask
        return gradOutput


def test_layers_that_write_into_their_arguments() -> None:
    x = rl.tensor([-1.0, 3.0], requires_grad=True)
    y = x.exp()
    (classic.as_module(_Writing())(y) + y).sum().backward()
    np.testing.assert_allclose(y.detach(), np.exp([-1.0, 3.0]), 1e-6)
    np.testing.assert_allclose(x.grad, 3 * np.exp([-1.0, 3.0]), 1e-6)


def test_as_module_takes_layers_not_classes() -> None:
    with pytest.raises(TypeError, match="as_module: got the class _Writing, not a layer made of"):
        classic.as_module(_Writing)


# ---- optimizers


@pytest.mark.parametrize("step", [classic.sgd_momentum, classic.adam_optimizer])
def test_optimizers_check_all_before_they_change_any(step: Any) -> None:
    state: dict[str, Any] = {}
    step([np.ones(2), np.ones(3)], [np.ones(2), np.ones(3)], RATES, state)
    first = np.ones(2)
    for others, error, text in (
        ([first, np.ones(4)], ShapeError, r"got a state \(3,\) for variable 1, expected \(4,\)"),
        ([first, np.broadcast_to(1.0, 3)], ValueError, "got variable 1, which is read-only"),
    ):
        with pytest.raises(error, match=text):
            step(others, [np.ones_like(w) for w in others], RATES, state)
        assert (first == 1).all() and state.get("t", 1) == 1


def test_betas_below_one() -> None:
    with pytest.raises(ValueError, match=r"adam_optimizer: got betas=\(0.9, 1.0\)"):
        classic.adam([np.ones(1)], [np.ones(1)], {**RATES, "beta2": 1}, {})
