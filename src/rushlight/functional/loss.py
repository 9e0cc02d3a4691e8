"""Losses under torch's names and arguments.

The deprecated `size_average` and `reduce` are not accepted; what followed them is by keyword. All
take `reduction`: 'mean' (the default), 'sum', or 'none' for one loss per term.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rushlight.arrays import promote
from rushlight.errors import explain
from rushlight.ops import class_losses, losses
from rushlight.ops.contract import Op
from rushlight.tape import TensorBase, apply, state

if TYPE_CHECKING:
    from rushlight.tensor.tensor import Tensor

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "cross_entropy",
    "huber_loss",
    "l1_loss",
    "mse_loss",
    "nll_loss",
    "smooth_l1_loss",
]


def check_tensors(where: str, **given: Any) -> None:
    """Refuse what is no tensor, by its name."""
    for name, value in given.items():
        if not isinstance(value, TensorBase):
            raise TypeError(
                explain(
                    where,
                    got=f"{name} of type {type(value).__name__}",
                    expected="a Tensor",
                    fix="make one with rushlight.tensor(...)",
                )
            )


def constant(where: str, name: str, value: Any) -> Any:
    """Return the array of a tensor through which the loss has no gradient."""
    if value is None and name != "target":
        return None
    if not isinstance(value, TensorBase):
        check_tensors(where, **{name: value})
    if value._requires_grad and state.recording:
        raise RuntimeError(
            f"{where} is not differentiable with respect to {name}, got one that requires grad; "
            f"pass {name}.detach()"
        )
    return value._array


def tensors(*values: Any) -> tuple[Any, ...]:
    """Return those that are there, for backward to check that they were not modified."""
    return tuple([value for value in values if value is not None])


def reduced(terms: Tensor, reduction: str) -> Tensor:
    """Reduce the terms of a loss."""
    losses.reduction_factor(reduction, 1)
    if reduction == "none":
        return terms
    return terms.mean() if reduction == "mean" else terms.sum()


def _one_dtype(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Bring two floating tensors to one dtype."""
    a, b = input._array, target._array
    if a.dtype == b.dtype or a.dtype.kind != "f" or b.dtype.kind != "f":
        return input, target
    dtype = promote(a, b)
    return input.to(dtype), target.to(dtype)


# ---- regression


def _weighted(
    where: str,
    op: Op,
    input: Tensor,
    target: Tensor,
    weight: Tensor,
    reduction: str,
    options: dict[str, Any],
) -> Tensor:
    """Weigh the terms of a loss; the mean divides by the sum of the weights (huber: the count)."""
    check_tensors(where, weight=weight)
    if weight.shape != input.shape:
        raise ValueError(
            explain(
                where,
                got=f"weight {weight.shape}",
                expected=f"{input.shape}, the shape of the input",
            )
        )
    terms = apply(op, (input, target), {"reduction": "none", **options}) * weight
    if reduction == "mean" and op is not losses.huber_loss:
        return terms.sum() / weight.sum()
    return reduced(terms, reduction)


def mse_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None
) -> Tensor:
    """Return the mean of (input - target)^2.

    Args:
        input, target: of the same shape; unlike torch, unequal shapes are an error.
        reduction: 'mean', 'sum' or 'none'.
        weight: of each term, of the input's shape; the mean divides by its sum.

    Raises:
        ShapeError: if the shapes differ.
        DtypeError: if neither is floating.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.functional.mse_loss(rl.tensor([1.0, 2.0]), rl.tensor([1.0, 4.0]))
        tensor(2.)
    """
    check_tensors("mse_loss", input=input, target=target)
    if weight is not None:
        return _weighted("mse_loss", losses.mse_loss, input, target, weight, reduction, {})
    return apply(losses.mse_loss, (input, target), {"reduction": reduction})


def l1_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", weight: Tensor | None = None
) -> Tensor:
    """Return the mean of |input - target|; arguments and errors as in `mse_loss`."""
    check_tensors("l1_loss", input=input, target=target)
    if weight is not None:
        return _weighted("l1_loss", losses.l1_loss, input, target, weight, reduction, {})
    return apply(losses.l1_loss, (input, target), {"reduction": reduction})


def smooth_l1_loss(
    input: Tensor, target: Tensor, *, reduction: str = "mean", beta: float = 1.0
) -> Tensor:
    """Return the mean of d^2 / (2 beta) where |d| < beta and |d| - beta / 2 beyond.

    Args:
        input, target, reduction: as in `mse_loss`; d is their difference.
        beta: where the parabola ends; with 0 it is `l1_loss`.

    Raises:
        RuntimeError: if beta < 0.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.functional.smooth_l1_loss(rl.tensor([0.5, 3.0]), rl.zeros(2), reduction="none")
        tensor([0.1250, 2.5000])
    """
    check_tensors("smooth_l1_loss", input=input, target=target)
    if beta == 0:
        return apply(losses.l1_loss, (input, target), {"reduction": reduction})
    return apply(losses.smooth_l1_loss, (input, target), {"reduction": reduction, "beta": beta})


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Return the mean of d^2 / 2 where |d| < delta and delta (|d| - delta / 2) beyond.

    Args:
        input, target, reduction: as in `mse_loss`; d is their difference.
        delta: where the parabola ends, > 0.
        weight: of each term, of the input's shape; the mean divides by the number of terms.

    Raises:
        RuntimeError: if delta <= 0.
    """
    check_tensors("huber_loss", input=input, target=target)
    options: dict[str, Any] = {"delta": delta}
    if weight is not None:
        op = losses.huber_loss
        return _weighted("huber_loss", op, input, target, weight, reduction, options)
    options["reduction"] = reduction
    return apply(losses.huber_loss, (input, target), options)


# ---- probabilities of a yes


def binary_cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean"
) -> Tensor:
    """Return the mean of -(t ln p + (1 - t) ln(1 - p)), each logarithm at least -100.

    Args:
        input: the probabilities p, in [0, 1].
        target: t in [0, 1], of the same shape and dtype.
        weight: of each term; broadcast to the input.
        reduction: 'mean' (divides by the number of terms), 'sum' or 'none'.

    Raises:
        RuntimeError: if an element of either is outside [0, 1].
        ShapeError, DtypeError: if shapes or dtypes differ.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.functional.binary_cross_entropy(rl.tensor([0.5]), rl.tensor([1.0]))
        tensor(0.6931)
    """
    check_tensors("binary_cross_entropy", input=input, target=target)
    options = {
        "weight": constant("binary_cross_entropy", "weight", weight),
        "reduction": reduction,
    }
    return apply(losses.binary_cross_entropy, (input, target), options, tensors(weight))


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Return `binary_cross_entropy` of sigmoid(input), without its overflow or rounding.

    Args:
        input: logits, unbounded.
        target: probabilities, floating, of the same shape.
        weight: of each term; broadcast to the input.
        reduction: 'mean' (divides by the number of terms), 'sum' or 'none'.
        pos_weight: factor of the term with t; broadcast to the input, so (C) for C labels.

    Raises:
        ShapeError, DtypeError: if the shapes differ or the target is not floating.

    Example:
        >>> import rushlight as rl
        >>> x, t = rl.tensor([-100.0, 0.0]), rl.tensor([1.0, 1.0])
        >>> rl.nn.functional.binary_cross_entropy_with_logits(x, t, reduction="none")
        tensor([100.0000,   0.6931])
    """
    where = "binary_cross_entropy_with_logits"
    check_tensors(where, input=input, target=target)
    options = {
        "weight": constant(where, "weight", weight),
        "pos_weight": constant(where, "pos_weight", pos_weight),
        "reduction": reduction,
    }
    pair = _one_dtype(input, target)
    op = losses.binary_cross_entropy_with_logits
    return apply(op, pair, options, tensors(weight, pos_weight))


# ---- classes


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Tensor:
    """Return the mean of -input[target], the negative log-likelihood.

    Args:
        input: log-probabilities (C), (N, C) or (N, C, *).
        target: class indices, int64, (), (N) or (N, *).
        weight: (C), of each class; the mean divides by the weights of the targets.
        ignore_index: a target that does not count; it need not be a class.
        reduction: 'mean', 'sum' or 'none'.

    Raises:
        IndexError: if a target is not a class; names the first one.
        ShapeError, DtypeError: if shapes do not fit or the target is not int64.

    Example:
        >>> import rushlight as rl
        >>> rl.nn.functional.nll_loss(rl.tensor([[-0.5, -2.0]]), rl.tensor([1]))
        tensor(2.)
    """
    check_tensors("nll_loss", input=input)
    options = {
        "target": constant("nll_loss", "target", target),
        "weight": constant("nll_loss", "weight", weight),
        "ignore_index": ignore_index,
        "reduction": reduction,
    }
    return apply(class_losses.nll_loss, (input,), options)


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    *,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Return the mean of -sum_c t_c log softmax(input)_c.

    Args:
        input: logits (C), (N, C) or (N, C, *).
        target: class indices, int64, (), (N) or (N, *); or probabilities of the input's shape,
            through which gradients flow.
        weight: (C), of each class; with class indices the mean divides by the weights of the
            targets, with probabilities by the number of rows.
        ignore_index: a class index that does not count.
        reduction: 'mean', 'sum' or 'none'.
        label_smoothing: the share of the target, 0 to 1, that is spread evenly over all classes.

    Raises:
        IndexError: if a target is not a class; names the first one.
        ShapeError, DtypeError: if the target is neither of the two kinds.

    Example:
        >>> import rushlight as rl
        >>> logits = rl.tensor([[2.0, 0.0], [0.0, 0.0]])
        >>> rl.nn.functional.cross_entropy(logits, rl.tensor([0, 1]), reduction="none")
        tensor([0.1269, 0.6931])
    """
    check_tensors("cross_entropy", input=input, target=target)
    if target._array.dtype.kind == "f" and target._array.ndim == input._array.ndim:
        if ignore_index >= 0:
            raise RuntimeError(
                explain(
                    "cross_entropy",
                    got=f"ignore_index={ignore_index} with probabilities as target",
                    expected="class indices",
                    fix="give the rows that do not count the weight 0 by hand",
                )
            )
        options = {
            "weight": constant("cross_entropy", "weight", weight),
            "reduction": reduction,
            "label_smoothing": label_smoothing,
        }
        pair = _one_dtype(input, target)
        op = class_losses.cross_entropy_probabilities
        return apply(op, pair, options, tensors(weight))
    options = {
        "target": target._array,
        "weight": constant("cross_entropy", "weight", weight),
        "ignore_index": ignore_index,
        "reduction": reduction,
        "label_smoothing": label_smoothing,
    }
    return apply(class_losses.cross_entropy, (input,), options, tensors(weight))
