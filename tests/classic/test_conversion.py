"""Layers with the explicit API as nn.Modules: in a graph, in a Trainer, copied and converted."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import rushlight as rl
from rushlight import classic, nn
from rushlight.check import gradcheck
from rushlight.classic import practical_dl
from rushlight.data import TensorDataset
from rushlight.errors import DtypeError
from rushlight.train import Trainer


class Dense:
    """A student's Linear: NumPy only, float64, and no class of the library above it."""

    def __init__(self, n_in: int, n_out: int) -> None:
        rng = np.random.default_rng(n_in)
        self.W = rng.uniform(-1, 1, (n_out, n_in)) / n_in**0.5
        self.b = np.zeros(n_out)
        self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)
        self.training = True

    def forward(self, input: Any) -> Any:
        self.output = input @ self.W.T + self.b
        return self.output

    def backward(self, input: Any, gradOutput: Any) -> Any:
        self.gradW += gradOutput.T @ input
        self.gradb += gradOutput.sum(0)
        self.gradInput = gradOutput @ self.W
        return self.gradInput

    def zeroGradParameters(self) -> None:
        self.gradW.fill(0)
        self.gradb.fill(0)

    def getParameters(self) -> list[Any]:
        return [self.W, self.b]

    def getGradParameters(self) -> list[Any]:
        return [self.gradW, self.gradb]


class Replacing(Dense):
    """Gives new gradient arrays in each pass and keeps one buffer for its outputs."""

    buffer: Any = None

    def forward(self, input: Any) -> Any:
        if self.buffer is None:
            self.buffer = np.empty((len(input), len(self.b)))
        np.matmul(input, self.W.T, out=self.buffer)
        self.buffer += self.b
        return self.buffer

    def backward(self, input: Any, gradOutput: Any) -> Any:
        self.gradW, self.gradb = gradOutput.T @ input, gradOutput.sum(0)
        return gradOutput @ self.W

    def zeroGradParameters(self) -> None:
        pass


class Noise(Dense):
    """Random in training."""

    def forward(self, input: Any) -> Any:
        return super().forward(input) + (np.random.default_rng().random() if self.training else 0)


class Pair(classic.Module):
    """A student's container of own layers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = [Dense(3, 4), Dense(4, 2)]
        self.last = classic.Linear(2, 2)

    def updateOutput(self, input: Any) -> Any:
        self.inner = self.layers[1].forward(self.layers[0].forward(input))
        self.output = self.last.forward(self.inner)
        return self.output

    def backward(self, input: Any, gradOutput: Any) -> Any:
        gradOutput = self.last.backward(self.inner, gradOutput)
        gradOutput = self.layers[1].backward(self.layers[0].output, gradOutput)
        self.gradInput = self.layers[0].backward(input, gradOutput)
        return self.gradInput

    def getParameters(self) -> list[Any]:
        return [each.getParameters() for each in (*self.layers, self.last)]

    def getGradParameters(self) -> list[Any]:
        return [each.getGradParameters() for each in (*self.layers, self.last)]


class SquaredError:
    """A student's criterion."""

    def forward(self, input: Any, target: Any) -> Any:
        return ((input - target) ** 2).sum() / len(input)

    def backward(self, input: Any, target: Any) -> Any:
        return 2 * (input - target) / len(input)


def double(*shape: int) -> Any:
    return rl.randn(*shape, dtype="float64")


@pytest.fixture(autouse=True)
def _seed() -> None:
    rl.manual_seed(0)


# ---- the way back of what has a module


def test_layers_of_the_package_give_their_modules() -> None:
    inner = nn.Linear(2, 3)
    assert classic.as_module(classic.wrap(inner)) is inner
    layer = classic.Linear(2, 3)
    module = classic.as_module(layer)
    assert module is layer.module
    module(rl.ones(1, 2)).sum().backward()
    assert (layer.gradW == 1).all()
    loss = classic.as_module(classic.MSECriterion())
    assert loss(rl.ones(2, 2), rl.zeros(2, 2)).item() == 2.0


def test_sequential_gives_a_sequential() -> None:
    net = classic.Sequential(classic.Linear(3, 4), Dense(4, 2), classic.Sequential(classic.ReLU()))
    module = classic.as_module(net)
    names = ["0.weight", "0.bias", "1.W", "1.b"]
    assert isinstance(module, nn.Sequential) and list(module.state_dict()) == names
    x = rl.randn(5, 3)
    np.testing.assert_allclose(module(x).detach().numpy(), net.forward(x.numpy()), 1e-6)
    module.eval()
    assert not net[0].training and not net[1].training


def test_subclasses_that_compute_otherwise_run_as_they_are() -> None:
    class Doubled(classic.Linear):
        def updateOutput(self, input: Any) -> Any:
            self.output = 2 * super().updateOutput(input)
            return self.output

        def updateGradInput(self, input: Any, gradOutput: Any) -> Any:
            return super().updateGradInput(input, 2 * gradOutput)

        def accGradParameters(self, input: Any, gradOutput: Any) -> None:
            super().accGradParameters(input, 2 * gradOutput)

    layer = Doubled(3, 2)
    layer.W, layer.b = layer.W.astype(float), layer.b.astype(float)
    module = classic.as_module(layer)
    assert sorted(module.state_dict()) == ["bias", "weight"]
    assert gradcheck(module, (double(4, 3).requires_grad_(),))
    x = double(4, 3)
    module(x).sum().backward()
    np.testing.assert_allclose(module.weight.grad.numpy(), np.tile(2 * x.numpy().sum(0), (2, 1)))


# ---- a student's own


@pytest.mark.parametrize("kind", [Dense, Replacing])
def test_gradients_flow_into_grad(kind: Any) -> None:
    module, twin = classic.as_module(kind(3, 2)), nn.Linear(3, 2, dtype="float64")
    twin.load_state_dict({"weight": module.W.detach(), "bias": module.b.detach()})
    x = double(4, 3).requires_grad_()
    y = x.detach().clone().requires_grad_()
    for _ in range(2):  # twice in one graph, and accumulated over two backward passes
        for net, given in ((module, x), (twin, y)):
            first, second = net(given), net(given * 2)
            (first * second).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), y.grad.numpy(), 1e-10)
    np.testing.assert_allclose(module.W.grad.numpy(), twin.weight.grad.numpy(), 1e-10)
    np.testing.assert_allclose(module.b.grad.numpy(), twin.bias.grad.numpy(), 1e-10)


def test_gradcheck_through_it() -> None:
    module = classic.as_module(Dense(3, 2))
    inputs = (double(4, 3).requires_grad_(), module.W, module.b)
    assert gradcheck(lambda x, W, b: module(x).tanh(), inputs)
    criterion = classic.as_module(SquaredError())
    target = double(4, 3)
    assert gradcheck(lambda x: criterion(x, target) * 3, (double(4, 3).requires_grad_(),))


def test_trains_in_a_trainer_beside_autograd_layers() -> None:
    dense = Dense(8, 8)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), classic.as_module(dense), nn.ReLU(),
                          nn.Linear(8, 1))  # fmt: skip
    x = rl.randn(128, 2)
    data = TensorDataset(x, (x[:, :1] * x[:, 1:]))
    before = dense.W.copy()
    optimizer = rl.optim.Adam(model.parameters(), lr=0.01)
    loss = classic.as_module(SquaredError())
    trainer = Trainer(model, loss, optimizer)
    start = loss(model(x), data[:][1]).item()
    trainer.fit(data, epochs=15, batch_size=32)
    end = loss(model(x), data[:][1]).item()
    assert end < 0.3 * start and (before != dense.W).all()
    assert model[2].W._array is dense.W  # still one array: the layer is trained
    assert (dense.forward(np.ones((1, 8))) == model[2](rl.ones(1, 8, dtype="float64")).numpy(
        force=True)).all()  # fmt: skip


def test_validated_checkpointed_and_resumed(tmp_path: Any) -> None:
    def made() -> Any:
        rl.manual_seed(0)
        rows = practical_dl.Sequential(practical_dl.BatchNormalization(0.9))
        rows.add(practical_dl.ChannelwiseScaling(8))
        return nn.Sequential(nn.Linear(2, 8), classic.as_module(rows), nn.ReLU(), nn.Linear(8, 1))

    x = rl.randn(64, 2)
    data, model = TensorDataset(x, x[:, :1] * x[:, 1:]), made()
    Trainer(model, "mse", "adam", out=tmp_path / "run").fit(data, validation=data, epochs=2)
    saved = model.state_dict()
    assert {"1.0.moving_mean", "1.0.moving_variance"} <= saved.keys()
    rl.save(saved, tmp_path / "model.safetensors")
    again = made()
    again.load_state_dict(rl.load(tmp_path / "model.safetensors"))
    assert (again.eval()(x) == model.eval()(x)).all()
    moving = saved["1.0.moving_mean"].clone()
    again.train()(x)
    assert (model.state_dict()["1.0.moving_mean"] == moving).all()  # no array in common


def test_output_has_the_dtype_of_the_input() -> None:
    module = classic.as_module(Dense(3, 2))  # of float64
    x = rl.randn(4, 3).requires_grad_()
    y = module(x)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == rl.float32 and module.W.grad.dtype == rl.float64
    module.float()
    assert module(x).dtype == rl.float32 and module.layer.W.dtype == np.float32
    assert module.W._array is module.layer.W


def test_whichever_side_gets_new_arrays() -> None:
    dense = Dense(3, 2)
    module = classic.as_module(dense)
    state = {"W": rl.ones(2, 3), "b": rl.zeros(2)}
    W = dense.W
    module.load_state_dict(state)
    assert dense.W is W and (W == 1).all()  # written in place
    dense.W = np.full((2, 3), 2.0)
    assert module(rl.ones(1, 3, dtype="float64")).tolist() == [[6.0, 6.0]]
    assert (module.W.data == 2).all()
    module.W.data = rl.zeros(2, 3, dtype="float64")
    assert module(rl.ones(1, 3, dtype="float64")).tolist() == [[0.0, 0.0]] and not dense.W.any()


def test_names_in_containers() -> None:
    module = classic.as_module(Pair())
    names = ["layers_0_W", "layers_0_b", "layers_1_W", "layers_1_b", "last_weight", "last_bias"]
    assert list(module.state_dict()) == names
    module.double()
    assert module.layer.layers[1].W is module.layers_1_W._array
    assert module.layer.last.W.dtype == np.float64
    inputs = (double(4, 3).requires_grad_(), *module.parameters())
    assert gradcheck(lambda x, *_: module(x), inputs)


def test_modes_reach_the_layer() -> None:
    model = nn.Sequential(classic.as_module(Dense(3, 2)), classic.as_module(Pair()))
    model.eval()
    assert not model[0].layer.training and not model[1].layer.training
    model.train()
    assert model[0].layer.training and model[1].layer.training
    dense = Dense(1, 1)
    dense.training = False
    assert not classic.as_module(dense).training


@pytest.mark.parametrize("again", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies(again: Any) -> None:
    module = classic.as_module(Dense(3, 2))
    other, x = again(module), double(4, 3)
    assert (other(x) == module(x)).all() and other.W._array is other.layer.W
    other.layer.W += 1
    assert (other(x) != module(x)).all()
    assert "Dense" in repr(classic.as_module(Dense(1, 1))) and "Explicit(" in repr(module)


def test_a_later_forward_is_noticed_if_this_one_cannot_be_repeated() -> None:
    module = classic.as_module(Noise(3, 2))
    x = double(4, 3).requires_grad_()
    y = module(x)
    module(x)
    with pytest.raises(RuntimeError, match=r"Noise.backward: got a later forward, and this one"):
        y.sum().backward()


def test_errors() -> None:
    class Silent(Dense):
        def forward(self, input: Any) -> Any:
            super().forward(input)

    class Mute(Dense):
        def backward(self, input: Any, gradOutput: Any) -> Any:
            super().backward(input, gradOutput)

    class Lost(Dense):
        def getGradParameters(self) -> list[Any]:
            return [self.gradW]

    class Whole(Dense):
        def getParameters(self) -> list[Any]:
            return [np.ones(2, int)]

    x = double(4, 3).requires_grad_()
    for kind, text in (
        (Silent, "Silent.forward: got None returned"),
        (Mute, "Mute.backward: got None returned"),
        (Lost, "Lost.getGradParameters: got 1 gradients, expected 2"),
    ):
        with pytest.raises((TypeError, RuntimeError), match=text):
            classic.as_module(kind(3, 2))(x).sum().backward()
    with pytest.raises(DtypeError, match="as_module of Whole, parameter0: got int64"):
        classic.as_module(Whole(3, 2))
    with pytest.raises(TypeError, match="as_module: got int, which has no forward"):
        classic.as_module(3)
    with pytest.raises(TypeError, match="Dense: got an input of type ndarray, expected a Tensor"):
        classic.as_module(Dense(3, 2))(np.ones((4, 3)))
