"""The contract of an op: two pure functions of the same shape for all ops.

    forward(*arrays, **options)     -> (outputs, saved)
    backward(saved, grads, needs)   -> one gradient per array argument, None where not needed

`outputs` and `grads` are tuples; the gradient of an unused output is None. No Tensor, module, mode
flag or hidden state is inside. Backward is ordinary code over operators and op functions, which
take arrays or Tensors alike: so the second order comes from the same lines. Where the fast formula
needs fused kernels, `graph_backward` states the same one in terms that a Tensor can follow.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

__all__ = ["OPS", "Op", "Saved", "define"]


class Saved:
    """What one call keeps for its backward.

    Args:
        inputs: the array arguments that backward wants, by position; None where it does not.
        outputs: the outputs that it wants, by position.
        constants: what no gradient flows through: masks, indices, shapes, options.
        cache: intermediates that backward may read for speed. Absent (None) when a graph of the
            backward pass is made, as they depend on the inputs.

    Attributes:
        spent: set by the pass when nobody will ask again, so backward may drop what it has read.
    """

    __slots__ = ("cache", "constants", "inputs", "outputs", "spent")

    def __init__(
        self,
        inputs: tuple[Any, ...] = (),
        outputs: tuple[Any, ...] = (),
        constants: Any = None,
        cache: Any = None,
    ) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.constants = constants
        self.cache = cache
        self.spent = False


Forward = Callable[..., tuple[tuple[Any, ...], Saved]]
Backward = Callable[[Saved, tuple[Any, ...], Sequence[bool]], Sequence[Any]]
Casts = Literal["promote", "float", "none"]


def _checked(check: Callable[..., None], run: Forward) -> Forward:
    def forward(*arrays: Any, **options: Any) -> tuple[tuple[Any, ...], Saved]:
        check(*arrays, **options)
        return run(*arrays, **options)

    return forward


class Op:
    """A named pair of forward and backward, callable on arrays or Tensors.

    Args:
        name: the key in `OPS`.
        forward, backward: the two functions of the contract.
        graph_backward: the backward for Tensors where `backward` calls kernels; else the same.
        casts: what the caller does to the dtypes of the arguments before forward: `promote` joins
            them by torch's rules, `float` does so and makes integers the default float, `none`
            leaves them (forward then checks).
        view: the output may share storage with the first argument.
        fresh: every gradient that backward returns is newly allocated and held by nobody else.
        smooth: the second derivative exists and is tested by gradgradcheck.
        takes_relu: forward has an option `relu` that applies relu to its first output on the way.
        check: raises for shapes and dtypes that do not go together; called before forward with the
            same arguments.

    Attributes:
        forward: the function given, after `check`.
        run: the function given, for arguments whose shapes and dtypes have passed `check` before.
    """

    __slots__ = (
        "backward",
        "casts",
        "forward",
        "fresh",
        "graph_backward",
        "name",
        "run",
        "smooth",
        "takes_relu",
        "view",
    )

    def __init__(
        self,
        name: str,
        forward: Forward,
        backward: Backward,
        *,
        graph_backward: Backward | None = None,
        casts: Casts = "none",
        view: bool = False,
        fresh: bool = False,
        smooth: bool = True,
        takes_relu: bool = False,
        check: Callable[..., None] | None = None,
    ) -> None:
        self.name = name
        self.forward = forward if check is None else _checked(check, forward)
        self.run = forward
        self.backward = backward
        self.graph_backward = graph_backward or backward
        self.casts = casts
        self.view = view
        self.fresh = fresh
        self.smooth = smooth
        self.takes_relu = takes_relu

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Compute the output (a tuple if there are several), as Tensors if any argument is one."""
        for arg in args:
            apply = getattr(arg, "__rushlight_apply__", None)
            if apply is not None:
                return apply(self, args, options)
        outputs, _ = self.forward(*args, **options)
        return outputs[0] if len(outputs) == 1 else outputs

    def __repr__(self) -> str:
        return f"Op({self.name})"


OPS: dict[str, Op] = {}


def define(name: str, forward: Forward, backward: Backward, **traits: Any) -> Op:
    """Make an op and enter it in the table `OPS`, which the contract test walks."""
    if name in OPS:
        raise ValueError(f"op {name!r} is defined twice")
    OPS[name] = Op(name, forward, backward, **traits)
    return OPS[name]
