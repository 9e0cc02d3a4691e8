"""Layers and criteria around an nn.Module, and `wrap`, which makes them of any."""

from __future__ import annotations

from typing import Any

import numpy as np

from rushlight.classic.arguments import arrays_of, pairs_of
from rushlight.classic.machine import Machine
from rushlight.classic.module import Criterion, Module
from rushlight.errors import ShapeError, explain
from rushlight.nn import Module as NNModule
from rushlight.nn.loss import Loss

__all__ = ["Layer", "LossLayer", "wrap"]


class Layer(Machine, Module):
    """An nn.Module with the explicit API.

    A subclass that defines `updateGradInput` or `accGradParameters` anew is heard: `backward` then
    calls both; otherwise it walks the graph once for all gradients.
    """

    _one_pass = True

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        own = (cls.updateGradInput, cls.accGradParameters)
        cls._one_pass = own == (Layer.updateGradInput, Layer.accGradParameters)

    def updateOutput(self, input: Any) -> Any:
        """Run the module and return its output as an array."""
        given = _arguments(input)
        self.output = arrays_of(self._forward(given, len(given)))
        return self.output

    def backward(self, input: Any, gradOutput: Any) -> Any:
        """Add to the parameters' gradients and return the gradient by the input.

        Args:
            input: what the last forward was given.
            gradOutput: the gradient by its output.

        Raises:
            ValueError: if the input is not that of the last forward.
            RuntimeError: if there was none.
        """
        if not self._one_pass:
            return super().backward(input, gradOutput)
        return self._graded(input, gradOutput, True)

    def updateGradInput(self, input: Any, gradOutput: Any) -> Any:
        """Return the gradient by the input; the parameters' gradients stay what they are."""
        return self._graded(input, gradOutput, False)

    def accGradParameters(self, input: Any, gradOutput: Any) -> None:
        """Add to the parameters' gradients."""
        call = self._last(_arguments(input))
        self._backward(call, pairs_of(call, gradOutput), False, True)

    def _graded(self, input: Any, gradOutput: Any, by_parameters: bool) -> Any:
        call = self._last(_arguments(input))
        found = self._backward(call, pairs_of(call, gradOutput), True, by_parameters)
        self.gradInput = found if isinstance(input, tuple) else found[0]
        return self.gradInput


class LossLayer(Machine, Criterion):
    """A loss module with the API of a criterion: gradients are those by the input."""

    def forward(self, input: Any, target: Any = ()) -> Any:
        """Return the loss, a float."""
        return self.updateOutput(input, target)

    def updateOutput(self, input: Any, target: Any = ()) -> Any:
        """Compute the loss, keep it and return it."""
        inputs = _arguments(input)
        result = self._forward((*inputs, *_arguments(target)), len(inputs))
        if result._array.size != 1:
            raise ShapeError(
                explain(
                    type(self).__name__,
                    got=f"a loss {result._array.shape}",
                    expected="one number",
                    fix="leave reduction='none' out, or wrap(module, criterion=False)",
                )
            )
        self.output = float(result._array.item())
        return self.output

    def updateGradInput(self, input: Any, target: Any = ()) -> Any:
        """Return the gradient of the loss by the input, in the structure of that."""
        return self._graded(input, target, False)

    def backward(self, input: Any, target: Any = ()) -> Any:
        """Return the gradient by the input, and add to those by parameters if there are any."""
        if type(self).updateGradInput is not LossLayer.updateGradInput:
            return self.updateGradInput(input, target)
        return self._graded(input, target, True)

    def _graded(self, input: Any, target: Any, by_parameters: bool) -> Any:
        call = self._last((*_arguments(input), *_arguments(target)))
        result = call.result
        one = np.ones(result._array.shape, result._array.dtype)
        pairs = [(result, one)] if result._requires_grad else []
        found = self._backward(call, pairs, True, by_parameters)
        self.gradInput = found if isinstance(input, tuple) else found[0]
        return self.gradInput


def _arguments(input: Any) -> tuple[Any, ...]:
    return input if isinstance(input, tuple) else (input,)


class Wrapped(Layer):
    """What `wrap` returns for a module."""

    def __repr__(self) -> str:
        return repr(self.module)


class WrappedLoss(LossLayer):
    """What `wrap` returns for a loss."""

    def __repr__(self) -> str:
        return repr(self.module)


def wrap(module: Any, criterion: bool | None = None) -> Any:
    """Give an nn.Module the explicit API, on the same ops: results are equal to the last bit.

    Args:
        module: the module; it is not copied, so training the layer trains it.
        criterion: bool, whether it is called with input and target and gives one number; default:
            whether it is one of the losses of `rushlight.nn`.

    Returns:
        A layer; its `getParameters` has the arrays of `module.parameters()`. Several inputs or
        outputs are tuples, and so are their gradients. Integers are passed on and get no gradient
        (None). Of a criterion, `forward(input, target)` gives a float and `backward` the gradient
        by the input; one without target takes the input alone.

    Raises:
        TypeError: for something else than an nn.Module.

    Example:
        >>> import numpy as np
        >>> import rushlight as rl
        >>> layer = wrap(rl.nn.GRU(3, 2))
        >>> x, h = np.ones((5, 1, 3)), np.zeros((1, 1, 2))
        >>> y, last = layer.forward((x, h))
        >>> dx, dh = layer.backward((x, h), (np.ones_like(y), None))
        >>> dx.shape, len(layer.getGradParameters())
        ((5, 1, 3), 4)
    """
    if not isinstance(module, NNModule):
        fix = "a layer with the explicit API needs no wrapping"
        raise TypeError(
            explain("wrap", got=type(module).__name__, expected="an nn.Module", fix=fix)
        )
    if criterion is None:
        criterion = isinstance(module, Loss)
    return WrappedLoss(module) if criterion else Wrapped(module)
