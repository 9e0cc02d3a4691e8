"""Fillings with random numbers, writes that change dtype or shape, hooks behind `.grad`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.ops.sample import normal

import rushlight as rl

FILLINGS: dict[str, tuple[Any, ...]] = {
    "exponential_": (2.0,),
    "cauchy_": (1.0, 0.5),
    "log_normal_": (0.5, 0.4),
    "geometric_": (0.3,),
    "random_": (3, 90),
}
WHOLE = "uint8 int8 int16 int32 int64 bool"


@pytest.mark.parametrize("name", FILLINGS)
def test_fillings_have_torchs_distribution(name: str) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    deciles = np.linspace(0.1, 0.9, 9)
    args = FILLINGS[name]
    generator = rl.Generator(7)
    ours = getattr(rl.zeros(40000, dtype=rl.float64), name)(*args, generator=generator).numpy()
    theirs = getattr(torch.zeros(40000, dtype=torch.float64), name)(*args).numpy()
    spread = np.quantile(theirs, 0.9) - np.quantile(theirs, 0.1)
    gap = np.abs(np.quantile(ours, deciles) - np.quantile(theirs, deciles))
    assert (gap < 0.03 * spread + (name == "geometric_")).all()
    assert ours.mean() == pytest.approx(theirs.mean(), rel=0.03) or name == "cauchy_"


@pytest.mark.parametrize("name", FILLINGS)
def test_fillings_take_a_generator(name: str) -> None:
    draws = [
        getattr(rl.zeros(20), name)(*FILLINGS[name], generator=rl.Generator(seed)).tolist()
        for seed in (1, 1, 2)
    ]
    assert draws[0] == draws[1] != draws[2]


def test_exponential_is_never_0() -> None:
    x = rl.ones(1000, dtype=rl.float16).exponential_(30000.0)
    assert bool((x > 0).all())


@pytest.mark.parametrize("dtype", WHOLE.split())
def test_random_without_bounds_takes_what_the_dtype_holds(dtype: str) -> None:
    x = rl.zeros(3000, dtype=getattr(rl, dtype)).random_().numpy()
    most = 1 if dtype == "bool" else int(np.iinfo(x.dtype).max)
    assert x.min() >= 0
    assert 0.95 * most <= int(x.max()) <= most


def test_random_with_one_bound_starts_at_0() -> None:
    assert set(rl.zeros(200).random_(3).tolist()) == {0, 1, 2}


@pytest.mark.parametrize(
    ("write", "text"),
    [
        (lambda x, n: x.exponential_(0), "lambd=0, expected lambd > 0"),
        (lambda x, n: n.exponential_(), "exponential_: got int64, expected a floating dtype"),
        (lambda x, n: x.cauchy_(0, -1), "cauchy_: got sigma=-1"),
        (lambda x, n: x.log_normal_(std=0), "log_normal_: got std=0"),
        (lambda x, n: x.geometric_(1.0), "geometric_: got p=1.0, expected 0 < p < 1"),
        (lambda x, n: x.random_(5, 5), "random_: got 5 to 5"),
        (lambda x, n: n.to(rl.uint8).random_(300), "within 0 to 256"),
        (lambda x, n: x.bernoulli_(rl.tensor([2.0, 0.0])), "bernoulli_: got p from 0.0 to 2.0"),
        (lambda x, n: x.fill_diagonal_(1), r"fill_diagonal_: got \(2,\)"),
        (lambda x, n: x.sum_to_size(3), r"sum_to_size: got size \(3,\)"),
        (lambda x, n: rl.is_nonzero(x), "is_nonzero: got a tensor"),
        (lambda x, n: n.add_(1.5), "add_: got a result of float32, expected int64"),
        (lambda x, n: x.requires_grad_().unsqueeze_(0), "x = x.unsqueeze"),
        (lambda x, n: x.register_post_accumulate_grad_hook(print), "does not require grad"),
        (
            lambda x, n: (x.requires_grad_() * 2).register_post_accumulate_grad_hook(print),
            "got a result of an op",
        ),
    ],
)
def test_refused(write: Callable[[Any, Any], Any], text: str) -> None:
    with pytest.raises(RuntimeError, match=text):
        write(rl.ones(2), rl.tensor([1, 2]))


WRITES: list[Callable[[Any], Any]] = [
    lambda t: t.tensor([1, 2], dtype=t.int8).add_(300),
    lambda t: t.tensor([1, 2], dtype=t.int32).mul_(2**40),
    lambda t: t.tensor([1, 2], dtype=t.uint8).sub_(t.tensor([3, 1])),
    lambda t: t.tensor([1, -7]).div_(2, rounding_mode="floor"),
    lambda t: t.tensor([1.0, -7.0]).div_(2, rounding_mode="trunc"),
    lambda t: t.tensor([1.0, -2.0, float("nan")]).relu_(),
    lambda t: t.zeros(5, 2).fill_diagonal_(3, wrap=True),
    lambda t: t.zeros(5, 2).fill_diagonal_(3),
    lambda t: t.zeros(2, 2, 2).fill_diagonal_(3),
    lambda t: t.ones(2, 3).unsqueeze_(1),
    lambda t: t.ones(1, 3, 1).squeeze_(),
    lambda t: t.ones(1, 3, 1).squeeze_(0),
    lambda t: t.arange(6).reshape(2, 3).t_(),
    lambda t: t.arange(24).reshape(2, 3, 4).transpose_(0, 2),
    lambda t: t.arange(24).reshape(2, 3, 4).swapaxes_(0, 2),
    lambda t: t.arange(24).reshape(2, 3, 4).swapdims_(1, 2),
    lambda t: t.ones(3, 4, 5).sum_to_size(4, 1),
    lambda t: t.ones(3, 4).sum_to_size((3, 4)),
    lambda t: t.tensor([t.pi, t.e, t.inf, t.nan])[t.newaxis],
    lambda t: t.tensor([t.is_signed(t.zeros(1, dtype=getattr(t, n))) for n in WHOLE.split()]),
    lambda t: t.tensor([t.is_floating_point(t.ones(1)), t.is_complex(t.ones(1))]),
    lambda t: t.tensor([t.is_nonzero(t.tensor([v])) for v in (0.0, -0.0, 0.5, t.nan)]),
    lambda t: t.tensor(t.ones(2, 3).ndimension()),
]


@pytest.mark.parametrize("write", WRITES)
def test_equals_torch(write: Callable[[Any], Any]) -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = write(rl), write(torch)
    assert ours.numpy().dtype == theirs.numpy().dtype
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())


def test_a_new_shape_counts_as_a_write_and_shares_memory() -> None:
    x, w = rl.ones(2, 2), rl.ones(2, 2, requires_grad=True)
    flat, y = x.view(4), (x * w).sum()
    x.unsqueeze_(0)
    flat.zero_()
    assert x.shape == (1, 2, 2)
    assert not x.any()
    with pytest.raises(RuntimeError, match="modified in place"):
        y.backward()


def test_detach_counts_writes_with_its_source() -> None:
    x = rl.ones(2, requires_grad=True)
    y = (x * x).sum()
    rl.detach(x).zero_()
    with pytest.raises(RuntimeError, match="modified in place"):
        y.backward()


def test_post_accumulate_hooks() -> None:
    torch = pytest.importorskip("torch")
    found = []
    for t in (rl, torch):
        seen: list[Any] = []
        w, other = t.ones(2, requires_grad=True), t.ones(2, requires_grad=True)
        handle = w.register_post_accumulate_grad_hook(lambda p, s=seen: s.append(p.grad.tolist()))
        other.register_post_accumulate_grad_hook(lambda p: setattr(p, "grad", None))
        (w * 2 + other).sum().backward()
        (w * 3).sum().backward()
        t.autograd.backward(w.sum(), inputs=[w])
        t.autograd.grad(w.sum(), w)
        handle.remove()
        w.sum().backward()
        found.append((seen, w.grad.tolist(), other.grad))
    assert found[0] == found[1]


def test_gradient_of_sum_to_size() -> None:
    x = rl.tensor(normal(3, 4), requires_grad=True)
    (x.sum_to_size(3, 1) * rl.tensor([[1.0], [2.0], [3.0]], dtype=rl.float64)).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[v] * 4 for v in (1.0, 2.0, 3.0)]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda x: rl.autograd.grad(x.sum(), []), "grad: got no inputs"),
        (lambda x: rl.autograd.backward(x.sum(), inputs=[]), "backward: got no inputs"),
    ],
)
def test_no_inputs(call: Callable[[Any], Any], text: str) -> None:
    with pytest.raises(RuntimeError, match=text):
        call(rl.ones(2, requires_grad=True))


def test_materialize_grads_contradicts_allow_unused() -> None:
    x = rl.ones(2, requires_grad=True)
    with pytest.raises(ValueError, match="materialize_grads=True with allow_unused=False"):
        rl.autograd.grad(x.sum(), x, allow_unused=False, materialize_grads=True)


def test_a_function_gives_no_gradient_for_what_is_no_tensor() -> None:
    class Wrong(rl.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any, n: float) -> Any:
            return x * n

        @staticmethod
        def backward(ctx: Any, *grads: Any) -> Any:
            return grads[0], grads[0]

    with pytest.raises(RuntimeError, match=r"Wrong\.backward: got a gradient for argument 1"):
        Wrong.apply(rl.ones(2, requires_grad=True), 2.0).sum().backward()
