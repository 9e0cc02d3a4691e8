"""What the explicit API is: modules that take and return arrays, their rows, and criteria."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from rushlight.classic.arguments import refuse_other, same
from rushlight.errors import explain

__all__ = ["Criterion", "Module", "Sequential", "flat"]


def flat(arrays: Any) -> Iterator[Any]:
    """Iterate over the arrays in (lists of lists of) arrays."""
    for part in arrays:
        if isinstance(part, (list, tuple)):
            yield from flat(part)
        else:
            yield part


def _undefined(self: Any, method: str) -> NoReturn:
    fix = f"write `def {method}:` in the class, not inside another method"
    raise NotImplementedError(
        explain(type(self).__name__, got=f"no {method}", expected="one", fix=fix)
    )


class Module:
    """A layer whose forward and backward are written out, over arrays.

    Subclasses define `updateOutput`, `updateGradInput` and, where there are parameters,
    `accGradParameters`, `getParameters` and `getGradParameters`.

    Attributes:
        output: array, the result of the last forward; None before.
        gradInput: array, the gradient by the input of the last backward; None before.
        training: bool, True until `evaluate()`.

    Example:
        >>> import numpy as np
        >>> class Double(Module):
        ...     def updateOutput(self, input):
        ...         self.output = 2 * input
        ...         return self.output
        ...     def updateGradInput(self, input, gradOutput):
        ...         self.gradInput = 2 * gradOutput
        ...         return self.gradInput
        >>> layer, x = Double(), np.array([1.0, 2.0])
        >>> layer.forward(x), layer.backward(x, np.ones(2))
        (array([2., 4.]), array([2., 2.]))
    """

    output: Any = None
    gradInput: Any = None
    training: bool = True

    def __init__(self) -> None:
        self.output = None
        self.gradInput = None
        self.training = True

    def forward(self, input: Any) -> Any:
        """Return the output for an input."""
        return self.updateOutput(input)

    def backward(self, input: Any, gradOutput: Any) -> Any:
        """Add to the parameters' gradients and return the gradient by the input.

        Args:
            input: what the last forward was given.
            gradOutput: the gradient by its output.
        """
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def updateOutput(self, input: Any) -> Any:
        """Compute `output`, keep it and return it."""
        _undefined(self, "updateOutput(self, input)")

    def updateGradInput(self, input: Any, gradOutput: Any) -> Any:
        """Compute `gradInput`, keep it and return it."""
        _undefined(self, "updateGradInput(self, input, gradOutput)")

    def accGradParameters(self, input: Any, gradOutput: Any) -> None:
        """Add the gradients by the parameters to what `getGradParameters` returns."""

    def zeroGradParameters(self) -> None:
        """Fill what `getGradParameters` returns with zeros."""
        for gradient in flat(self.getGradParameters()):
            gradient[...] = 0

    def getParameters(self) -> list[Any]:
        """Return the parameters, arrays that an optimizer changes in place."""
        return []

    def getGradParameters(self) -> list[Any]:
        """Return the gradients by the parameters, in the same order."""
        return []

    def train(self) -> None:
        """Go into training mode."""
        self.training = True

    def evaluate(self) -> None:
        """Go into evaluation mode."""
        self.training = False

    def __repr__(self) -> str:
        return type(self).__name__


class Sequential(Module):
    """Modules in a row; backward hands each the input that it had in forward.

    `accGradParameters` leaves out the gradient by the input of the first module, which training
    does not need.

    Args:
        *modules: the modules, from the first to the last; more can be added.

    Attributes:
        modules: list of the modules.

    Example:
        >>> import numpy as np
        >>> from rushlight import classic
        >>> net = classic.Sequential()
        >>> net.add(classic.Linear(4, 3))
        >>> net.add(classic.ReLU())
        >>> net
        Linear 4 -> 3
        ReLU
        >>> net.forward(np.zeros((5, 4))).shape
        (5, 3)
        >>> [array.shape for array in net.getParameters()]
        [(3, 4), (3,)]
    """

    def __init__(self, *modules: Any) -> None:
        super().__init__()
        self.modules: list[Any] = []
        self._inputs: list[Any] | None = None
        for module in modules:
            self.add(module)

    def add(self, module: Any) -> None:
        """Add a module at the end."""
        for method in ("forward", "backward"):
            if not callable(getattr(module, method, None)):
                got = f"{type(module).__name__}, which has no {method}"
                fix = "classic.wrap(...) makes one of an nn.Module"
                raise TypeError(
                    explain("Sequential.add", got=got, expected="a classic module", fix=fix)
                )
        self.modules.append(module)
        self._inputs = None

    def __getitem__(self, index: int | slice) -> Any:
        """Return a module, or a Sequential of some of them."""
        found = self.modules[index]
        return type(self)(*found) if isinstance(index, slice) else found

    def __len__(self) -> int:
        return len(self.modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.modules)

    def updateOutput(self, input: Any) -> Any:
        """Run the modules one after the other."""
        self._inputs = None
        inputs = []
        for module in self.modules:
            inputs.append(input)
            input = module.forward(input)
            if input is None:
                self._returned_none(module, "forward")
        self._inputs = inputs
        self.output = input
        return input

    def backward(self, input: Any, gradOutput: Any) -> Any:
        """Run the modules' backward from the last to the first."""
        for module, given in reversed(self._steps(input)):
            gradOutput = self._back(module, "backward", given, gradOutput)
        self.gradInput = gradOutput
        return gradOutput

    def updateGradInput(self, input: Any, gradOutput: Any) -> Any:
        """Return the gradient by the input; the parameters' gradients stay what they are."""
        for module, given in reversed(self._steps(input)):
            gradOutput = self._back(module, "updateGradInput", given, gradOutput)
        self.gradInput = gradOutput
        return gradOutput

    def accGradParameters(self, input: Any, gradOutput: Any) -> None:
        """Add to the parameters' gradients."""
        steps = self._steps(input)
        for module, given in reversed(steps[1:]):
            gradOutput = self._back(module, "backward", given, gradOutput)
        for module, given in steps[:1]:
            module.accGradParameters(given, gradOutput)

    def _steps(self, input: Any) -> list[tuple[Any, Any]]:
        """Return the modules with the inputs that they had; the first is handed the one given."""
        if self._inputs is None or len(self._inputs) != len(self.modules):
            raise RuntimeError(
                explain(
                    "Sequential.backward",
                    got="no forward of these modules before it",
                    expected="forward(input), then backward(input, gradOutput)",
                )
            )
        if self._inputs and not same(input, self._inputs[0]):
            refuse_other("Sequential.backward", input, self._inputs[0])
        return list(zip(self.modules, [input, *self._inputs[1:]], strict=False))

    def _back(self, module: Any, method: str, given: Any, gradOutput: Any) -> Any:
        found = getattr(module, method)(given, gradOutput)
        if found is None:
            self._returned_none(module, method)
        return found

    def _returned_none(self, module: Any, method: str) -> NoReturn:
        where = f"Sequential, module {self.modules.index(module)} ({type(module).__name__})"
        fix = "end the method with `return`, outside of loops and of nested functions"
        raise TypeError(explain(where, got=f"None from {method}", expected="an array", fix=fix))

    def zeroGradParameters(self) -> None:
        """Zero the gradients of all modules."""
        for module in self.modules:
            module.zeroGradParameters()

    def getParameters(self) -> list[Any]:
        """Return the parameters of all modules in one list."""
        return list(flat(module.getParameters() for module in self.modules))

    def getGradParameters(self) -> list[Any]:
        """Return the gradients of all modules in one list."""
        return list(flat(module.getGradParameters() for module in self.modules))

    def train(self) -> None:
        """Put all modules into training mode."""
        self.training = True
        for module in self.modules:
            module.train()

    def evaluate(self) -> None:
        """Put all modules into evaluation mode."""
        self.training = False
        for module in self.modules:
            module.evaluate()

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_inputs": None}

    def __repr__(self) -> str:
        return "\n".join(map(repr, self.modules))


class Criterion:
    """A loss whose forward and backward are written out, over arrays.

    Subclasses define `updateOutput` and `updateGradInput`.

    Attributes:
        output: float, the result of the last forward; None before.
        gradInput: array, the gradient by the input of the last backward; None before.

    Example:
        >>> import numpy as np
        >>> class Sum(Criterion):
        ...     def updateOutput(self, input, target):
        ...         self.output = float((target * input).sum())
        ...         return self.output
        ...     def updateGradInput(self, input, target):
        ...         self.gradInput = target
        ...         return self.gradInput
        >>> criterion, x, t = Sum(), np.array([1.0, 2.0]), np.array([3.0, 4.0])
        >>> criterion.forward(x, t), criterion.backward(x, t)
        (11.0, array([3., 4.]))
    """

    output: Any = None
    gradInput: Any = None

    def __init__(self) -> None:
        self.output = None
        self.gradInput = None

    def forward(self, input: Any, target: Any) -> Any:
        """Return the loss."""
        return self.updateOutput(input, target)

    def backward(self, input: Any, target: Any) -> Any:
        """Return the gradient of the loss by the input."""
        return self.updateGradInput(input, target)

    def updateOutput(self, input: Any, target: Any) -> Any:
        """Compute `output`, keep it and return it."""
        _undefined(self, "updateOutput(self, input, target)")

    def updateGradInput(self, input: Any, target: Any) -> Any:
        """Compute `gradInput`, keep it and return it."""
        _undefined(self, "updateGradInput(self, input, target)")

    def __repr__(self) -> str:
        return type(self).__name__
