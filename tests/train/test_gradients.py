"""The Trainer's own guard and CheckGradients, both of which name the layer and the op."""

import numpy as np
import pytest
from tests.train.nets import line, regressor, weights

import rushlight as rl
from rushlight import nn
from rushlight.train import Callback, CheckGradients, NonFiniteError

X, Y = line(20)


class Root(nn.Module):
    def forward(self, x):
        return (x - x[:1]).abs().sqrt()  # 0 for the first row, where the slope is infinite


class Trap(nn.Module):
    """Divides by 0 from the third call on, and only in training or evaluation mode."""

    def __init__(self, training):
        super().__init__()
        self.when, self.calls = training, 0

    def forward(self, x):
        self.calls += self.training is self.when
        return x / 0 if self.calls > 2 and self.training is self.when else x


def net(middle):
    rl.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), middle, nn.Linear(4, 1))


def test_a_gradient_that_is_not_finite_ends_training_before_the_step():
    model = net(Root())
    trainer = regressor(model=model, callbacks=[CheckGradients()])
    before = weights(trainer)
    text = (
        r"epoch 1, batch 1: got NaN in the gradient of '0.weight' \(4, 3\) .*; first in layer '1' "
        r"\(Root\), the gradient of op sqrt: infinity in 4 of 80 numbers, .*expected finite "
        r"gradients; likely the slope is infinite at 0"
    )
    with pytest.raises(NonFiniteError, match=text):
        trainer.fit(X, Y, epochs=2, batch_size=20)
    np.testing.assert_array_equal(weights(trainer), before)


def test_steps_in_between_are_not_looked_at():
    class Spoil(Callback):
        def on_gradients(self, *, trainer, epoch, batch):
            if batch == 3:
                trainer.model[0].weight.grad[0, 0] = float("inf")

    with pytest.raises(
        NonFiniteError, match=r"batch 3: got infinity in the gradient of '0.weight'"
    ):
        trainer = regressor(model=net(nn.ReLU()), callbacks=[Spoil(), CheckGradients()])
        trainer.fit(X, Y, epochs=1, batch_size=5)
    with pytest.raises(NonFiniteError, match=r"batch 4: got a loss of nan"):
        trainer = regressor(model=net(nn.ReLU()), callbacks=[Spoil(), CheckGradients(every=5)])
        trainer.fit(X, Y, epochs=1, batch_size=5)
    with pytest.raises(ValueError, match="CheckGradients every: got 0"):
        CheckGradients(every=0)


@pytest.mark.parametrize("training", [True, False])
def test_a_loss_that_is_not_finite_is_traced_to_its_op(training):
    trap = Trap(training)
    where = "epoch 1, batch 3" if training else "epoch 1, validation, batch 3"
    text = (
        rf"{where}: got a loss of (nan|inf) \(the model's output is not finite while its weights "
        r"are; first in layer '1' \(Trap\), op div: .* argument 2 = 0\), expected a finite loss; "
        r"likely a division by 0"
    )
    trainer = regressor(model=net(trap))
    if not training:
        trap.calls = -1  # the first batch is tried out before training
    with pytest.raises(NonFiniteError, match=text):
        trainer.fit(X, Y, validation=(X, Y), epochs=1, batch_size=5)


def test_batches_that_are_well_are_run_once():
    calls = []
    model = net(nn.ReLU())
    model.register_forward_hook(lambda *_: calls.append(1))
    regressor(model=model, callbacks=[CheckGradients()]).fit(X, Y, epochs=2, batch_size=5)
    assert len(calls) == 8


def test_an_error_of_the_second_run_is_not_in_the_way():
    class Once(nn.Module):
        def __init__(self):
            super().__init__()
            self.done = []

        def forward(self, x):
            if self.done:
                raise RuntimeError("only once")
            self.done.append(1)
            return x / 0

    with pytest.raises(NonFiniteError, match="look for an overflow"):
        regressor(model=net(Once())).fit(X, Y, epochs=1)
