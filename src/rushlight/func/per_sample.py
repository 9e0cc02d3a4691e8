"""Gradients of each sample of a batch, by one pass backward.

The gradient of a parameter is a sum over the samples of what each of them gives. The tape has both
factors of these parts beside each other: what an op saved of its input, and the gradient by its
output, which the pass brings. So it runs backward to the outputs of the ops that use parameters,
without summing anything for the parameters, and `RULES` say how each op makes its parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any, TypeAlias

import numpy as np

from rushlight.arrays import Array
from rushlight.autograd import enable_grad
from rushlight.errors import explain
from rushlight.kernels.products import matmul
from rushlight.nn import Module
from rushlight.nn.hooks import CallHooks
from rushlight.nn.registry import edits
from rushlight.ops.conv import conv_weight
from rushlight.ops.index import put
from rushlight.tape import Node, TensorBase, run_backward, wrap
from rushlight.tensor import Tensor

__all__ = ["per_sample_grad"]

# (node, gradient of its output, position of the parameter) -> (N, *parameter)
Rule: TypeAlias = Callable[[Node, Array, int], Array]

_HERE = __name__.partition(".")[0]
_CONTAINERS = ("Sequential", "ModuleList", "ModuleDict", "ParameterList", "ParameterDict")
# files of rushlight.nn whose layers treat samples apart, and layers of others that do
_APART = (
    *("activation", "piecewise", "pooling", "lppool", "dropout", "padding", "flatten", "fold"),
    *("upsampling", "shuffle", "linear", "conv", "conv_transpose", "groupnorm", "instancenorm"),
)
_ALSO_APART = ("Embedding", "LayerNorm", "RMSNorm", "LocalResponseNorm")


def per_sample_grad(
    model: Module, loss_fn: Callable[..., Tensor]
) -> Callable[..., dict[str, Tensor]]:
    """Return the function that computes the gradient of each sample's loss by the parameters.

    The same as a loop over samples, in one pass forward and one backward. The model is made of
    layers that treat samples apart: linear, convolutional, embedding, activation, pooling, dropout,
    padding and reshaping layers, normalization of each sample. A module of the user's that holds
    such layers may do with the first dim nothing that mixes samples.

    Args:
        model: takes tensors whose first dim counts the samples.
        loss_fn: `loss_fn(model(input), *targets)` gives the N losses, of shape (N) or (N, *): what
            the losses of `nn` give with reduction="none".

    Returns:
        A function (input, *targets) -> {path: (N, *shape)} of the parameters that require grad;
        `input` is a tensor, or a tuple of the model's arguments. No `.grad` is touched.

    Raises:
        NotImplementedError: when called, for a layer that mixes samples, or one without a rule; it
            is named.
        RuntimeError: for a loss that is not one of each sample.

    Example:
        >>> import rushlight as rl
        >>> model = rl.nn.Linear(2, 1)
        >>> loss = rl.nn.MSELoss(reduction="none")
        >>> grads = rl.func.per_sample_grad(model, loss)(rl.ones(8, 2), rl.zeros(8, 1))
        >>> grads["weight"].shape, grads["bias"].shape
        ((8, 1, 2), (8, 1))

    Source: Goodfellow, "Efficient per-example gradient computations", arXiv:1510.01799 (2015);
    Rochette, Manoel, Tramel, "Efficient per-example gradient computations in convolutional neural
    networks", arXiv:1912.06015 (2019).
    """

    def gradients(input: Any, *targets: Any) -> dict[str, Tensor]:
        _check_layers(model)
        args = input if isinstance(input, tuple) else (input,)
        n = _samples(args)
        with enable_grad(), _one_by_one(model):
            losses = loss_fn(model(*args), *targets)
        shape = losses.shape if isinstance(losses, TensorBase) else type(losses).__name__
        if shape[:1] != (n,):
            raise RuntimeError(
                explain(
                    "per_sample_grad",
                    got=f"a loss of shape {shape} for {n} samples",
                    expected=f"({n},) or ({n}, *)",
                    fix='give the loss reduction="none"',
                )
            )
        named = {name: p for name, p in model.named_parameters() if p.requires_grad}
        found = _found(losses, {id(p): name for name, p in named.items()}, n)
        return {
            name: wrap(found.get(name, np.zeros((n, *p._array.shape), p._array.dtype)))
            for name, p in named.items()
        }

    return gradients


def _samples(args: tuple[Any, ...]) -> int:
    """Return how many samples the first tensor holds."""
    found = [x._array.shape for x in args if isinstance(x, TensorBase)]
    if not found or not found[0]:
        got = f"inputs of shapes {found}"
        raise TypeError(explain("per_sample_grad", got=got, expected="a Tensor (N, *) first"))
    return found[0][0]


# ---- layers


def _check_layers(model: Module) -> None:
    """Refuse layers that mix samples, and those of which that is not known."""
    for path, module in model.named_modules():
        kind = type(module)
        package, _, file = kind.__module__.rpartition(".")
        if package.partition(".")[0] != _HERE:
            known = bool(module._modules)  # the user's own: what it holds is looked at
        else:
            known = kind.__name__ in (*_CONTAINERS, *_ALSO_APART) or file in _APART
        if not known:
            why = "mixes the samples of a batch" if "BatchNorm" in kind.__name__ else "is unknown"
            raise _refusal(f"{path or 'the model'}: {kind.__name__}", module, why)


def _refusal(where: str, module: Module, why: str) -> NotImplementedError:
    return NotImplementedError(
        f"per_sample_grad: the layer {where}({module.extra_repr()}) {why}; use layers that treat "
        "samples apart, such as GroupNorm, or a loop over samples"
    )


def _check_dims(module: Module, args: tuple[Any, ...]) -> None:
    """Refuse a layer that was told to work along the dim of the samples."""
    ndim = args[0]._array.ndim if args and isinstance(args[0], TensorBase) else 0
    along = [getattr(module, name, None) for name in ("dim", "start_dim")]
    if hasattr(module, "normalized_shape"):
        along.append(ndim - len(module.normalized_shape))
    if any(dim in (0, -ndim) for dim in along if dim is not None):
        why = f"works along dim 0 of an input {args[0].shape}, which counts the samples"
        raise _refusal(type(module).__name__, module, why)


@contextmanager
def _one_by_one(model: Module) -> Iterator[None]:
    """Let every layer record its own node, as those with hooks do: they are in no chain."""
    plain = [m for m in model.modules() if m._call_hooks is None]
    try:
        for module in plain:
            module.__dict__["_call_hooks"] = hooks = CallHooks()
            hooks.before[0] = (_check_dims, False)
        edits.bump()
        yield
    finally:
        for module in plain:
            del module.__dict__["_call_hooks"]
        edits.bump()


# ---- the pass


def _found(losses: Any, names: dict[int, str], n: int) -> dict[str, Array]:
    """Return the parts of the samples by name of the parameter."""
    uses = list(_uses(losses, names))
    for node, position, name in uses:
        if (node.op.name, position) not in RULES:
            raise NotImplementedError(
                f"per_sample_grad: the parameter {name!r} is used by the op {node.op.name!r} "
                f"(argument {position + 1}), for which there is no rule"
            )
    nodes = list(dict.fromkeys(node for node, _, _ in uses))
    seed = np.ones(losses._array.shape, losses._array.dtype)
    outputs = [_output(node) for node in nodes]
    grads = run_backward([losses], [seed], wanted=outputs, retain_graph=True) if nodes else []
    by_node = dict(zip(nodes, grads, strict=True))
    found: dict[str, Array] = {}
    for node, position, name in uses:
        g = by_node[node]
        if g is None:
            continue
        if g.shape[:1] != (n,):
            raise RuntimeError(
                explain(
                    "per_sample_grad",
                    got=f"{g.shape} out of the op {node.op.name!r} with the parameter {name!r}",
                    expected=f"the {n} samples in dim 0",
                )
            )
        part = RULES[node.op.name, position](node, g, position)
        found[name] = found[name] + part if name in found else part
    return found


def _uses(losses: Any, names: dict[int, str]) -> Iterator[tuple[Node, int, str]]:
    """Yield each node that has a parameter as an argument, which one, and its name."""
    stack = [losses._node] if losses._node is not None else []
    seen = set(stack)
    while stack:
        node = stack.pop()
        for position, edge in enumerate(node.edges):
            if edge is None:
                continue
            if isinstance(edge[0], Node):
                if edge[0] not in seen:
                    seen.add(edge[0])
                    stack.append(edge[0])
            elif id(edge[0]) in names:
                yield node, position, names[id(edge[0])]


def _output(node: Node) -> Any:
    """Return a tensor that stands for the first output of a node."""
    out = wrap(np.empty(0))
    out._node, out._requires_grad = node, True
    return out


# ---- how each op makes the parts of the samples; x is what it saved of its input


def _sums(terms: Array, shape: tuple[int, ...]) -> Array:
    """(N, *, *shape) -> (N, *shape), for a parameter that was broadcast"""
    n, inner = terms.shape[0], terms.shape[terms.ndim - len(shape) :]
    total = terms.reshape(n, -1, *inner).sum(1)
    axes = tuple(i + 1 for i, (a, b) in enumerate(zip(inner, shape, strict=True)) if a != b)
    return total.sum(axes, keepdims=True)


def _linear_weight(node: Node, g: Array, _: int) -> Array:
    x = _saved(node)
    n, columns = g.shape[0], (g.shape[0], -1, g.shape[-1])
    rows = x.reshape(n, prod(x.shape[1:-1]), x.shape[-1])
    weight: Array = matmul(g.reshape(columns).swapaxes(1, 2), rows)
    return weight


def _linear_bias(node: Node, g: Array, _: int) -> Array:
    return _sums(g, g.shape[-1:])


def _conv_weight(node: Node, g: Array, _: int) -> Array:
    x = _saved(node)
    return _by_groups(node, x, g)


def _transposed_weight(node: Node, g: Array, _: int) -> Array:
    return _by_groups(node, g, _saved(node))  # the op is the input gradient of a convolution


def _by_groups(node: Node, x: Array, g: Array) -> Array:
    """Take the samples as groups of one: (N, C, *S), (N, F, *O) -> (N, F, C / groups, *K)"""
    saved: Any = node.saved
    stride, padding, dilation, groups = saved.constants
    w, n = saved.inputs[1], g.shape[0]
    if not n:
        return np.empty((0, *w.shape), w.dtype)
    weight: Array = conv_weight(
        x.reshape(1, -1, *x.shape[2:]),
        g.reshape(1, -1, *g.shape[2:]),
        w_shape=(n * w.shape[0], *w.shape[1:]),
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=n * groups,
    )
    return weight.reshape(n, *w.shape)


def _channel_sums(node: Node, g: Array, _: int) -> Array:
    """(N, C, *S) -> (N, C)"""
    return g.sum(tuple(range(2, g.ndim)))


def _normal(node: Node) -> Array:
    """Return what a norm multiplies by its weight."""
    saved: Any = node.saved
    x, *rest = saved.inputs
    outputs, _ = node.op.run(x, *(None for _ in rest), *saved.constants)
    return outputs[0]


def _layer_weight(node: Node, g: Array, _: int) -> Array:
    saved: Any = node.saved
    return _sums(g * _normal(node), saved.inputs[1].shape)


def _layer_bias(node: Node, g: Array, _: int) -> Array:
    saved: Any = node.saved
    return _sums(g, saved.constants[0])


def _group_weight(node: Node, g: Array, _: int) -> Array:
    return _channel_sums(node, g * _normal(node), _)


def _prelu_weight(node: Node, g: Array, _: int) -> Array:
    saved: Any = node.saved
    x, weight = saved.inputs
    below = np.where(x > 0, 0, g * x)
    parts = below.reshape(g.shape[0], -1) if weight.size == 1 else _channel_sums(node, below, _)
    return parts.sum(1).reshape(-1, *weight.shape) if weight.size == 1 else parts


def _factor(node: Node, g: Array, position: int) -> Array:
    saved: Any = node.saved
    edge: Any = node.edges[position]
    return _broadcast(node, g * saved.inputs[1 - position], edge[2])


def _term(node: Node, g: Array, position: int) -> Array:
    edge: Any = node.edges[position]
    return _broadcast(node, g, edge[2])


def _broadcast(node: Node, terms: Array, shape: tuple[int, ...]) -> Array:
    if len(shape) == terms.ndim:
        if shape[0] != 1:
            raise NotImplementedError(
                f"per_sample_grad: a parameter {shape} has a dim for the samples in the op "
                f"{node.op.name!r}"
            )
        return _sums(terms, shape[1:])[:, None]
    return _sums(terms, shape)


def _picked(node: Node, g: Array, _: int) -> Array:
    """The rows that the index operator has picked from a table."""
    saved: Any = node.saved
    index, shape = saved.constants
    return _rows(index, shape, g)


def _embedded(node: Node, g: Array, _: int) -> Array:
    saved: Any = node.saved
    index, padding, share, shape = saved.constants
    if share:
        raise NotImplementedError(
            "per_sample_grad: scale_grad_by_freq=True counts over all samples of a batch"
        )
    table = _rows(index, shape, g)
    if padding is not None:
        table[:, padding] = 0
    return table


def _rows(index: Any, shape: tuple[int, ...], g: Array) -> Array:
    """(N, *) row numbers, (N, *, *row) -> (N, *shape): the sum of the gradients of each row"""
    if not isinstance(index, np.ndarray) or index.dtype.kind not in "iu":
        raise NotImplementedError(
            "per_sample_grad: of the ways to index a parameter, only that by a tensor of ints has "
            "a rule"
        )
    samples = np.arange(g.shape[0]).reshape(-1, *(1,) * (index.ndim - 1))
    cells = tuple(np.broadcast_arrays(samples, index))
    table: Array = put(g, index=cells, shape=(g.shape[0], *shape))
    return table


def _saved(node: Node) -> Array:
    saved: Any = node.saved
    return saved.inputs[0]


RULES: dict[tuple[str, int], Rule] = {
    ("linear", 1): _linear_weight,
    ("linear", 2): _linear_bias,
    ("conv", 1): _conv_weight,
    ("conv", 2): _channel_sums,
    ("conv_transpose", 1): _transposed_weight,
    ("conv_transpose", 2): _channel_sums,
    ("layer_norm", 1): _layer_weight,
    ("layer_norm", 2): _layer_bias,
    ("rms_norm", 1): _layer_weight,
    ("group_norm", 1): _group_weight,
    ("group_norm", 2): _channel_sums,
    ("prelu", 1): _prelu_weight,
    ("rows_of", 0): _embedded,
    ("getitem", 0): _picked,
    ("mul", 0): _factor,
    ("mul", 1): _factor,
    ("add", 0): _term,
    ("add", 1): _term,
}
