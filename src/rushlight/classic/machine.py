"""The one machine of the explicit API: an nn.Module run on arrays, its graph kept for backward.

No layer of this package has arithmetic of its own. Forward makes leaves of the arrays and records
the module's ops; backward walks this one graph for the gradients that are asked for, and keeps it,
so that the calls may come in any order and again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rushlight.arrays import FLOATS, Array, get_default_dtype
from rushlight.classic.arguments import Call, owned, promoted, refuse_other, same
from rushlight.errors import explain
from rushlight.nn import Module as NNModule
from rushlight.nn.parameter import Parameter, is_lazy
from rushlight.nn.registry import edits
from rushlight.tape import accumulate, run_backward, state, wrap

__all__ = ["Machine"]


class Machine:
    """What layers and criteria around an nn.Module have in common.

    Attributes:
        module: the nn.Module; its parameters and their gradients are the layer's arrays.
    """

    _floating = False  # whether integers are made floating: they then get a gradient
    module: NNModule

    def __init__(self, module: NNModule) -> None:
        self.module = module
        self.output: Any = None
        self.gradInput: Any = None
        self._call: Call | None = None
        self._grads: dict[str, Array] = {}
        self._known: tuple[int, dict[str, Parameter], list[Any]] = (-1, {}, [])

    # ---- the module's members

    def _members(self) -> tuple[dict[str, Parameter], list[Any]]:
        """Return the parameters by path and the floating buffers."""
        if self._known[0] != edits.last:
            at = edits.last
            named = dict(self.module.named_parameters())
            buffers = [b for b in self.module.buffers() if not is_lazy(b)]
            if any(map(is_lazy, named.values())):
                at, named = -1, {name: p for name, p in named.items() if not is_lazy(p)}
            self._known = at, named, [b for b in buffers if b._array.dtype in FLOATS]
        return self._known[1:]

    def _trained(self) -> list[tuple[str, Parameter]]:
        return [(name, p) for name, p in self._members()[0].items() if p._requires_grad]

    def _gradient(self, name: str, parameter: Parameter) -> Array:
        """Return the gradient array of a parameter, which `.grad` shares; zeros at first."""
        own, given = self._grads.get(name), parameter._grad
        value = parameter._array
        if own is None or own.shape != value.shape or own.dtype != value.dtype:
            own = self._grads[name] = np.zeros(value.shape, value.dtype)
        elif given is not None and given._array is own:
            return own
        own[...] = 0 if given is None else given._array
        parameter._grad = wrap(own)
        return own

    def getParameters(self) -> list[Any]:
        """Return the parameters' arrays, which an optimizer changes in place."""
        return [p._array for _, p in self._trained()]

    def getGradParameters(self) -> list[Any]:
        """Return the gradients' arrays, in the same order: always the same objects."""
        return [self._gradient(name, p) for name, p in self._trained()]

    def zeroGradParameters(self) -> None:
        """Fill the gradients with zeros."""
        for gradient in self.getGradParameters():
            gradient[...] = 0

    @property
    def training(self) -> bool:
        """The mode of the module: True for training."""
        return self.module.training

    @training.setter
    def training(self, value: bool) -> None:
        self.module.train(bool(value))

    def train(self) -> None:
        """Go into training mode."""
        self.module.train()

    def evaluate(self) -> None:
        """Go into evaluation mode."""
        self.module.eval()

    # ---- forward and backward

    def _forward(self, given: tuple[Any, ...], inputs: int) -> Any:
        """Return what the module makes of arrays, of which the first `inputs` get gradients."""
        self._call = self.output = None  # the old arrays go before the new ones come
        join = self._float_dtype if self._floating else None
        call = Call(type(self).__name__, given, inputs, join)
        recording = state.recording
        try:
            state.recording = True
            call.result = self._run(call)
        finally:
            state.recording = recording
        self._call = call
        return call.result

    def _run(self, call: Call) -> Any:
        parameters, buffers = self._members()
        dtypes = {x._array.dtype for x in call.floats}
        dtypes.update([x._array.dtype for x in parameters.values()])
        dtypes.update([x._array.dtype for x in buffers])
        if len(dtypes) < 2 and self._known[0] >= 0:
            return self.module(*call.made)
        return promoted(self.module, call, dtypes)

    def _float_dtype(self) -> Any:
        """Return what integers are joined with."""
        dtypes = [p._array.dtype for p in self._members()[0].values()]
        return np.result_type(*dtypes) if dtypes else get_default_dtype()

    def _backward(
        self,
        call: Call,
        pairs: Sequence[tuple[Any, Array]],
        by_input: bool,
        by_parameters: bool,
    ) -> Any:
        """Return the gradients by the input, in its structure; add those by the parameters.

        Args:
            call: the last forward.
            pairs: the outputs that have a graph, with their gradients.
            by_input, by_parameters: which are wanted.
        """
        if by_input:
            self.gradInput = None
        leaves = call.leaves if by_input else []
        parameters = self._trained() if by_parameters else []
        wanted = leaves + [p for _, p in parameters]
        found: list[Any] = [None] * len(wanted)
        if wanted and pairs:
            roots, seeds = zip(*pairs, strict=True)
            found = run_backward(roots, seeds, wanted=wanted, retain_graph=True)
        for (name, parameter), gradient in zip(parameters, found[len(leaves) :], strict=True):
            self._gradient(name, parameter)
            if gradient is not None:
                accumulate(parameter, gradient, False, False)
        if not by_input:
            return None
        return call.in_structure(owned(found[: len(leaves)], leaves, [g for _, g in pairs]))

    def _last(self, given: tuple[Any, ...]) -> Call:
        """Return the last call, if it was of this input and that is what it was."""
        call, where = self._call, f"{type(self).__name__}.backward"
        if call is None:
            expected = "forward, then backward with the same input"
            raise RuntimeError(explain(where, got="no forward before it", expected=expected))
        if not same(given, call.given):
            refuse_other(where, given, call.given)
        if call.modified():
            raise ValueError(
                explain(
                    where,
                    got="an input that was modified in place since forward",
                    expected="the input as forward saw it",
                    fix="write results into new arrays",
                )
            )
        return call

    # ---- copies and pickles: without the graph

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_call": None, "_known": (-1, {}, [])}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name, parameter in self._members()[0].items():
            if name in self._grads:
                parameter._grad = wrap(self._grads[name])
