"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from rushlight.arrays import Array
from rushlight.autograd import enable_grad
from rushlight.errors import explain
from rushlight.kernels.products import dot
from rushlight.optim.optimizer import Optimizer, check_options, number
from rushlight.optim.wolfe import Point, strong_wolfe
from rushlight.tape import cell, quietly, wrap

if TYPE_CHECKING:
    from rushlight.tensor import Tensor

__all__ = ["LBFGS"]


class LBFGS(Optimizer):
    r"""Limited-memory BFGS: w <- w - t * H g, with H from the last changes of w and of g.

    One step is up to `max_iter` iterations, each of which calls the closure at least once. All
    parameters are one vector w, with the gradient g, and one iteration is

        y = g - g',  s = w - w'                 what changed since the last, kept if y.s > 1e-10
        H = the inverse Hessian that the last `history_size` pairs (y, s) make of (y.s / y.y) I
        w <- w - t * H g                        t = lr, or found by a line search from there

    where the first t is min(1, 1 / |g|_1) * lr.

    Args:
        params: the tensors to train; there can be only one group.
        lr: float (or a Tensor of one element), step size, the first that a line search tries;
            default 1.
        max_iter: int, most iterations of a step; default 20.
        max_eval: int, most calls of the closure in a step; default max_iter * 5 // 4.
        tolerance_grad: float, a step ends when no element of the gradient is larger; default 1e-7.
        tolerance_change: float, a step ends when the loss, or every parameter, changes by no more;
            default 1e-9.
        history_size: int, how many changes are kept; default 100.
        line_search_fn: 'strong_wolfe' or None; default None.

    Raises:
        ValueError: a negative learning rate; `max_iter` < 0 or `history_size` < 1; a second group.
        RuntimeError: another `line_search_fn`, in the step.

    Example:
        >>> import rushlight as rl
        >>> w = rl.tensor([1.0, -2.0], requires_grad=True)
        >>> optimizer = LBFGS([w], line_search_fn="strong_wolfe")
        >>> def closure():
        ...     optimizer.zero_grad()
        ...     loss = ((w - 3) ** 2).sum()
        ...     loss.backward()
        ...     return loss
        >>> optimizer.step(closure)
        tensor(29., grad_fn=<SumBackward>)
        >>> w
        tensor([3.0000, 3.0000], requires_grad=True)

    Source: Nocedal and Wright 2006, Numerical Optimization (chapter 7);
    https://docs.pytorch.org/docs/stable/generated/torch.optim.LBFGS.html
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_options("LBFGS", lr)
        for name, value, least in (("max_iter", max_iter, 0), ("history_size", history_size, 1)):
            if not (isinstance(value, int) and value >= least):
                expected = f"an integer >= {least}"
                raise ValueError(explain("LBFGS", got=f"{name}={value}", expected=expected))
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_iter * 5 // 4 if max_eval is None else max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)

    def add_param_group(self, param_group: Any) -> None:
        """Add the group; there can be only one."""
        if self.param_groups:
            raise ValueError(explain("LBFGS", got="several parameter groups", expected="one"))
        super().add_param_group(param_group)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Minimize for a while.

        Args:
            closure: clears the gradients, computes the loss and its gradients, returns the loss.

        Returns:
            The first loss of the closure.
        """
        if closure is None:
            raise TypeError(
                explain("LBFGS.step", got="no closure", expected="a function that returns the loss")
            )
        search = self.param_groups[0]["line_search_fn"]
        if search not in (None, "strong_wolfe"):
            got = f"line_search_fn={search!r}"
            raise RuntimeError(explain("LBFGS.step", got=got, expected="None or 'strong_wolfe'"))
        self._stepped = True
        return quietly(self._minimize, _Objective(self.param_groups[0]["params"], closure))

    def _minimize(self, objective: _Objective) -> Any:
        group = self.param_groups[0]
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first = objective.call()
        here = Point(0.0, float(first), objective.gradient())
        state["func_evals"] += 1
        if np.abs(here.gradient).max() <= group["tolerance_grad"]:
            return first
        memory = _Memory(state)
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            direction = memory.direct(here, group, state["n_iter"] == 1)
            t = number(group["lr"])
            if state["n_iter"] == 1:
                t *= min(1.0, 1.0 / float(np.abs(here.gradient).sum()))
            memory.t, memory.before = t, here
            slope = float(dot(here.gradient, direction))
            if slope > -group["tolerance_change"]:
                break
            calls = objective.calls
            here = self._move(objective, here, direction, t, iteration)
            memory.t = here.t
            state["func_evals"] += objective.calls - calls
            if iteration == group["max_iter"] or objective.calls >= group["max_eval"]:
                break
            if self._arrived(memory, here, direction):
                break
        if memory.direction is not None:
            memory.store(state, memory.direction, group["history_size"])
        return first

    def _move(
        self, objective: _Objective, here: Point, direction: Array, t: float, iteration: int
    ) -> Point:
        """Move the parameters and return where they are then."""
        group = self.param_groups[0]
        if group["line_search_fn"] is not None:
            start = here._replace(t=0.0, slope=float(dot(here.gradient, direction)))
            limit = group["max_eval"] - objective.calls
            along = objective.along(direction)
            found = strong_wolfe(along, start, t, direction, limit, group["tolerance_change"])
            objective.shift(found.t, direction)
            return found
        objective.shift(t, direction)
        if iteration == group["max_iter"]:  # nobody will look at the loss there
            return here._replace(t=t)
        return Point(t, float(objective.call()), objective.gradient())

    def _arrived(self, memory: _Memory, here: Point, direction: Array) -> bool:
        group = self.param_groups[0]
        change = group["tolerance_change"]
        return bool(
            np.abs(here.gradient).max() <= group["tolerance_grad"]
            or np.abs(direction * here.t).max() <= change
            or abs(here.loss - memory.before.loss) < change
        )


class _Objective:
    """The loss as a function of all parameters in a row."""

    def __init__(self, params: list[Any], closure: Callable[[], Any]) -> None:
        self.params, self.closure = params, closure
        self.calls = 0

    def call(self) -> Any:
        """Return the loss, as the closure returns it."""
        self.calls += 1
        with enable_grad():
            return self.closure()

    def gradient(self) -> Array:
        """Return the gradients in a row; zeros where there is none."""
        arrays = [
            np.zeros_like(p._array) if p._grad is None else p._grad._array for p in self.params
        ]
        return np.concatenate([array.reshape(-1) for array in arrays])

    def shift(self, t: float, direction: Array) -> None:
        """Move the parameters by t * direction."""
        start = 0
        for p in self.params:
            array = p._array
            array += t * direction[start : start + array.size].reshape(array.shape)
            start += array.size
            cell(p)[0] += 1

    def along(self, direction: Array) -> Callable[[float], Point]:
        """Return the loss as a function of t, which leaves the parameters where they are."""
        begin = [p._array.copy() for p in self.params]

        def at(t: float) -> Point:
            self.shift(t, direction)
            loss, gradient = float(self.call()), self.gradient()
            for p, array in zip(self.params, begin, strict=True):
                p._array[...] = array
                cell(p)[0] += 1
            return Point(t, loss, gradient, float(dot(gradient, direction)))

        return at


class _Memory:
    """What an iteration knows of those before: arrays here, tensors in the optimizer's state."""

    def __init__(self, state: dict[str, Any]) -> None:
        def arrays(name: str) -> list[Array]:
            return [tensor._array for tensor in state.get(name) or []]

        self.ys, self.ss = arrays("old_dirs"), arrays("old_stps")
        self.ro = [number(value) for value in state.get("ro") or []]
        self.scale = number(state.get("H_diag", 1))
        self.t = number(state.get("t", 0.0))
        self.alphas: list[float] = []
        self.direction: Array | None = None
        self.before = Point(0.0, 0.0, np.empty(0))
        if "d" in state:
            self.direction = state["d"]._array
            self.before = Point(0.0, state["prev_loss"], state["prev_flat_grad"]._array)

    def direct(self, here: Point, group: dict[str, Any], first: bool) -> Array:
        """Return the direction to go, -H g."""
        if first or self.direction is None:
            self.ys, self.ss, self.ro, self.scale = [], [], [], 1.0
            self.direction = -here.gradient
            return self.direction
        y, s = here.gradient - self.before.gradient, self.direction * self.t
        ys = float(dot(y, s))
        if ys > 1e-10:
            if len(self.ys) == group["history_size"]:
                del self.ys[0], self.ss[0], self.ro[0]
            self.ys.append(y)
            self.ss.append(s)
            self.ro.append(1.0 / ys)
            self.scale = ys / float(dot(y, y))
        q = -here.gradient
        pairs = list(zip(self.ys, self.ss, self.ro, strict=True))
        self.alphas = []
        for y, s, ro in reversed(pairs):
            alpha = float(dot(s, q)) * ro
            self.alphas.insert(0, alpha)
            q -= alpha * y
        q *= self.scale
        for (y, s, ro), alpha in zip(pairs, self.alphas, strict=True):
            q += (alpha - float(dot(y, q)) * ro) * s
        self.direction = q
        return q

    def store(self, state: dict[str, Any], direction: Array, history_size: int) -> None:
        """Write everything to the optimizer's state, under torch's names."""
        dtype = direction.dtype

        def scalar(value: float) -> Tensor:
            return wrap(np.array(value, dtype))

        state["d"], state["t"] = wrap(direction), self.t
        state["old_dirs"] = [wrap(y) for y in self.ys]
        state["old_stps"] = [wrap(s) for s in self.ss]
        state["ro"] = [scalar(value) for value in self.ro]
        state["H_diag"] = scalar(self.scale) if self.ys else 1
        state["prev_flat_grad"], state["prev_loss"] = wrap(self.before.gradient), self.before.loss
        if state["n_iter"] > 1:
            used = [scalar(value) for value in self.alphas]
            state["al"] = [*used, *[None] * (history_size - len(used))]
