"""The class: writes, conversion, display, interchange with NumPy and Python."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from tests.ops.sample import normal

import rushlight as rl
from rushlight.errors import DeviceError, DtypeError, ShapeError

torch = pytest.importorskip("torch")  # before the helper, which needs it

from tests.functional.parity import both, both_raise, compare  # noqa: E402

X = normal(3, 4)
N = np.arange(12).reshape(3, 4)

# ---- writes


def written(f: Any) -> Any:
    """A call that writes to a copy and returns it."""

    def run(t: Any, x: Any, *rest: Any) -> Any:
        x = x.clone()
        f(t, x, *rest)
        return x

    return run


WRITES = [
    lambda t, x: x.add_(1).sub_(2).mul_(3).div_(4),
    lambda t, x: x.add_(x, alpha=2).sub_(x[0].clone(), alpha=0.5),
    lambda t, x: x.pow_(2).neg_().exp_(),
    lambda t, x: x.abs_().sqrt_().log_().clamp_(-1, 1).relu_(),
    lambda t, x: x.clamp_(min=0.1).clamp_(max=0.9).clip_(0.2, 0.8),
    lambda t, x: x.clamp_min_(0.1).clamp_max_(0.9),
    lambda t, x: x.addcmul_(x, x, value=2).addcdiv_(x, x.abs() + 1).lerp_(x * 2, 0.3),
    lambda t, x: x.fill_(3).zero_(),
    lambda t, x: x.copy_(t.arange(4)),
    lambda t, x: x.masked_fill_(x > 0, 7.0),
    lambda t, x: x.fill_diagonal_(9.0),
    lambda t, x: x.apply_(lambda v: v * 2),
    lambda t, x: x.sigmoid_().tanh_().square_().sin_().cos_().tan_(),
    lambda t, x: x.floor_().ceil_().round_().trunc_().sign_(),
    lambda t, x: x.abs_().add_(1).reciprocal_().rsqrt_().log1p_().log2_().nan_to_num_(),
    lambda t, x: x.expm1_().exp2_().log10_().erf_().sinh_().cosh_().frac_(),
    lambda t, x: x.triu_().tril_(),
    lambda t, x: x.remainder_(0.3).fmod_(0.2).floor_divide_(0.05),
    lambda t, x: x.index_add_(0, t.tensor([0, 2]), x[:2].clone()),
    lambda t, x: x.index_fill_(1, t.tensor([0, 2]), 5.0),
    lambda t, x: x.scatter_(1, t.tensor([[0], [1], [2]]), 5.0),
    lambda t, x: x.scatter_add_(1, t.tensor([[0], [1], [0]]), x[:, :1].clone()),
    lambda t, x: x.__setitem__(0, 1.0),
    lambda t, x: x.__setitem__((slice(None), 1), x[:, 0] * 2),
    lambda t, x: x.__setitem__(x > 0, 0.0),
    lambda t, x: x.__setitem__((1, [0, 2]), t.tensor([5.0, 6.0], dtype=t.float64)),
    lambda t, x: x.__setitem__((..., 0), t.arange(3)),
    lambda t, x: x.__setitem__(slice(0, 2), x[1:3].clone()),
    lambda t, x: x.__setitem__(t.tensor([0, 2]), -1),
    lambda t, x: x.__setitem__((x[:, 0] > 0, 1), 3.0),
    lambda t, x: x[1].fill_(4.0),
    lambda t, x: x[1, 2].fill_(4.0),
    lambda t, x: x.t().mul_(2),
    lambda t, x: x.view(-1)[::2].zero_(),
    lambda t, x: x.diagonal(0).sum(),
    lambda t, x: x.unbind(1)[0].add_(x.narrow(1, 1, 1)[:, 0]),
    lambda t, x: x.__iadd__(1).__isub__(2).__imul__(x).__itruediv__(3).__ipow__(2),
]
INTEGER_WRITES = [
    lambda t, x: x.logical_not_(),
    lambda t, x: x.bitwise_and_(6).bitwise_or_(1).bitwise_xor_(3),
    lambda t, x: x.bitwise_not_(),
    lambda t, x: x.add_(1).mul_(2).floor_divide_(3).remainder_(2),
    lambda t, x: x.__setitem__(0, 2.7),
]


@pytest.mark.parametrize("f", WRITES)
def test_writes_equal_torch(f: Any) -> None:
    both(written(f), X, gradient=False)


@pytest.mark.parametrize("f", INTEGER_WRITES[1:])
def test_writes_to_integers_equal_torch(f: Any) -> None:
    both(written(f), N, gradient=False)


def test_logical_writes() -> None:
    a, b = rl.tensor([True, True, False]), rl.tensor([True, False, False])
    assert a.clone().logical_and_(b).tolist() == [True, False, False]
    assert a.clone().logical_or_(b).tolist() == [True, True, False]
    assert a.clone().logical_xor_(b).tolist() == [False, True, False]
    assert a.clone().logical_not_().tolist() == [False, False, True]


def test_random_writes() -> None:
    x = rl.empty(10_000)
    assert abs(float(x.normal_(3, 2).mean()) - 3) < 0.2
    assert float(x.uniform_(1, 2).min()) >= 1 and float(x.max()) <= 2
    assert abs(float(x.bernoulli_(0.25).mean()) - 0.25) < 0.05
    assert abs(float(x.bernoulli_(rl.full((10_000,), 0.75)).mean()) - 0.75) < 0.05
    assert set(x.random_(0, 3).tolist()) == {0, 1, 2}
    for bad in (
        lambda: x.uniform_(2, 1),
        lambda: x.normal_(0, -1),
        lambda: x.bernoulli_(2),
    ):
        with pytest.raises(RuntimeError, match="expected"):
            bad()


def test_augmented_assignment() -> None:
    x = rl.ones(2)
    same = x
    x += 1
    assert same is x and x.tolist() == [2, 2]
    w = rl.ones(2, requires_grad=True)
    with pytest.raises(RuntimeError, match="leaf that requires grad"):
        w += 1
    y = w * 2
    before = y
    y += 1  # rebinds: the graph keeps what it has
    assert y is not before and before.tolist() == [2, 2] and y.grad_fn is not None
    total = rl.zeros(2)
    total += w
    total.sum().backward()
    assert w.grad is not None and w.grad.tolist() == [1, 1]
    with rl.no_grad():
        w -= 0.5
    assert w.is_leaf and w.requires_grad and w.tolist() == [0.5, 0.5]
    w.data.add_(1)
    assert w.tolist() == [1.5, 1.5]


def test_refused_writes_name_the_alternative() -> None:
    w = rl.ones(3, requires_grad=True)
    y = w * 2
    with pytest.raises(RuntimeError, match=r"x\[index\] = value on a tensor in a graph.*where"):
        y[0] = 1.0
    with pytest.raises(RuntimeError, match=r"x = x\.mul\(\.\.\.\)"):
        y.mul_(2)
    with pytest.raises(RuntimeError, match=r"leaf that requires grad.*no_grad"):
        w.zero_()
    with pytest.raises(RuntimeError, match=r"sigmoid_ on a tensor"):
        y.sigmoid_()
    with pytest.raises(RuntimeError, match="masked_fill"):
        y.masked_fill_(y > 0, 0.0)
    x = rl.zeros(3)
    with pytest.raises(RuntimeError, match=r"in a graph|requires grad"):
        x[0] = w[0]
    with pytest.raises(ShapeError, match=r"values \(2,\), expected to broadcast to \(3,\)"):
        x.add_(rl.ones(2))
    with pytest.raises(ShapeError, match=r"values \(2,\), expected to broadcast to \(3,\)"):
        x[:] = rl.ones(2)
    with pytest.raises(ShapeError, match="broadcast"):
        x.copy_(rl.ones(2))
    with pytest.raises(DtypeError, match="got a result of float32, expected int64"):
        rl.ones(2, dtype=rl.int64).add_(1.5)
    with pytest.raises(DtypeError, match="float32, expected int64"):
        rl.ones(2, dtype=rl.int64).sigmoid_()
    with pytest.raises(RuntimeError, match=r"clone\(\) it"):
        rl.ones(1).expand(3).add_(1)
    with pytest.raises(RuntimeError, match=r"clone\(\) it"):
        rl.ones(1).expand(3)[0] = 2
    with pytest.raises(IndexError):
        x[9] = 1
    both_raise(lambda t: t.ones(2, dtype=t.int64).div_(2))


# ---- conversion


def test_to() -> None:
    x = rl.ones(2)
    assert x.to(rl.float32) is x and x.to("cpu") is x and x.cpu() is x
    assert x.to(rl.float64).dtype == x.double().dtype == rl.float64
    assert x.to(dtype=rl.int32, device="cpu").dtype == rl.int32
    assert x.to(rl.ones(1, dtype=rl.int64)).dtype == rl.int64
    assert x.to(rl.device("cpu"), rl.float16, non_blocking=True).dtype == rl.float16
    copied = x.to(rl.float32, copy=True)
    assert copied is not x and not np.shares_memory(copied.numpy(), x.numpy())
    assert x.type(rl.int64).dtype == rl.int64 and x.type_as(copied).dtype == rl.float32
    for refuse in (lambda: x.to("cuda"), lambda: x.cuda(), lambda: x.to(device="cuda:1")):
        with pytest.raises(DeviceError, match="'cpu'"):
            refuse()
    with pytest.raises(TypeError, match="colour"):
        x.to(colour="red")
    both(lambda t, x: x.float() * 2, X)


def test_new_tensors() -> None:
    x = rl.ones(2, dtype=rl.float64)
    for made in (x.new_zeros(3), x.new_ones((3,)), x.new_full((3,), 2), x.new_empty(3)):
        assert made.shape == (3,) and made.dtype == rl.float64
    assert x.new_tensor([1, 2, 3]).dtype == rl.float64
    assert x.new_zeros(2, dtype=rl.int64, device="cpu").dtype == rl.int64
    assert x.new_ones(2, requires_grad=True).requires_grad


# ---- what it is


def test_properties() -> None:
    x = rl.zeros(2, 3)
    assert x.shape == (2, 3) == x.size() and x.size(1) == x.size(-1) == 3
    assert x.ndim == x.dim() == 2 and len(x) == 2 and x.numel() == x.nelement() == 6
    assert x.dtype == rl.float32 and x.device == "cpu" and x.device.type == "cpu"
    assert x.device.index is None and not x.is_cuda and not x.is_complex()
    assert x.is_floating_point() and not rl.ones(1, dtype=rl.int64).is_floating_point()
    assert x.stride() == (3, 1) and x.stride(0) == 3 and x.T.stride() == (1, 3)
    assert x.is_contiguous() and not x.T.is_contiguous()
    assert x.T.contiguous().is_contiguous() and x.contiguous() is x
    assert x.element_size() == 4 and x.nbytes == 24 and x.data_ptr() == x[0].data_ptr()
    assert x.T.shape == (3, 2) and rl.zeros(2, 3, 4).mT.shape == (2, 4, 3)
    assert x.view(3, 2).shape == x.view_as(rl.ones(3, 2)).shape == (3, 2)
    assert x.reshape_as(rl.ones(6)).shape == (6,) and x[:1].expand_as(x).shape == (2, 3)
    assert hash(x) == hash(x) and x in {x}


def test_numbers() -> None:
    one = rl.tensor([[2.5]])
    assert one.item() == 2.5 and float(one) == 2.5 and int(one) == 2 and bool(one)
    assert type(rl.tensor(3).item()) is int and type(rl.tensor(True).item()) is bool
    assert range(5)[rl.tensor(2)] == 2 and [1, 2, 3][rl.tensor(1)] == 2
    assert rl.tensor([[1, 2], [3, 4]]).tolist() == [[1, 2], [3, 4]]
    with pytest.raises(TypeError, match="index"):
        range(5)[rl.tensor(2.0)]
    for f in (
        lambda t: t.ones(2).item(),
        lambda t: bool(t.ones(2)),
        lambda t: float(t.ones(2)),
        lambda t: bool(t.ones(0)),
        lambda t: len(t.tensor(1)),
        lambda t: list(t.tensor(1)),
        lambda t: t.ones(2) < "a",
        lambda t: t.ones(2) < None,
        lambda t: f"{t.ones(2):.2f}",
        lambda t: t.ones(2, requires_grad=True).numpy(),
        lambda t: np.asarray(t.ones(2, requires_grad=True)),
    ):
        both_raise(f)


def test_iteration_and_membership() -> None:
    x = rl.tensor([[1, 2], [3, 4]])
    assert [row.tolist() for row in x] == [[1, 2], [3, 4]]
    _, b = x
    assert b.tolist() == [3, 4] and 3 in x and 9 not in x
    assert [int(v) for v in rl.arange(3)] == [0, 1, 2]
    w = rl.ones(3, requires_grad=True)
    sum(v * i for i, v in enumerate(w)).backward()  # type: ignore[union-attr]
    assert w.grad is not None and w.grad.tolist() == [0, 1, 2]


def test_comparison_with_other_types() -> None:
    x = rl.ones(2)
    assert (x == None) is False and (x != None) is True and (x == "a") is False  # noqa: E711
    assert (x == 1).all() and (x == 1).all() and not (x != np.ones(2)).any()


def test_operators() -> None:
    both(lambda t, x: (x + 1, 1 + x, x - 1, 1 - x, x * 2, 2 * x, x / 2, 2 / x), X)
    both(lambda t, x: (x**2, -x, +x, abs(x), x % 0.7, 2 // x.detach(), 2 % x.detach()), X)
    both(lambda t, n: (n // 3, n % 3, 7 // (n + 1), 7 % (n + 1), n & 3, 3 | n, n ^ 5, ~n), N)
    both(lambda t, n: (n > 3, n >= 3, n < 3, n <= 3, n > 3, n == 3, n != 3), N)
    both(lambda t, x: (x @ x.T, x.T @ x), X)


# ---- NumPy


def test_numpy() -> None:
    x = rl.ones(2, 3)
    assert x.numpy() is x.numpy() and np.shares_memory(np.asarray(x), x.numpy())
    assert np.asarray(x, dtype=np.float64).dtype == np.float64
    assert np.array(x).shape == (2, 3) and np.stack([x, x]).shape == (2, 2, 3)
    array = np.ones((2, 3), np.float32)
    for found in (array * x, x * array, array + x, array @ x.T, x @ array.T, array - x, array / x):
        assert isinstance(found, rl.Tensor)
    assert (array == x).all() and (array > x - 1).all()
    w = rl.ones(2, requires_grad=True)
    assert w.numpy(force=True).tolist() == [1, 1] and w.detach().numpy().tolist() == [1, 1]
    assert np.mean(x.numpy()) == 1 and np.allclose(x, 1)
    with pytest.raises(ValueError, match="copy"):
        x.__array__(np.float64, copy=False)
    image = rl.from_numpy(np.zeros((1, 4, 4, 3))).permute(0, 3, 1, 2)
    assert image.numpy().flags.c_contiguous


# ---- copies


def test_pickle_and_deepcopy() -> None:
    w = rl.tensor(X, requires_grad=True)
    (w * w).sum().backward()
    back = pickle.loads(pickle.dumps(w))
    assert rl.equal(back, w) and back.requires_grad and back.dtype == w.dtype
    deep = copy.deepcopy(w)
    assert rl.equal(deep, w) and not np.shares_memory(deep.detach().numpy(), w.detach().numpy())
    assert deep.grad is not None and w.grad is not None and rl.equal(deep.grad, w.grad)
    a, b = copy.deepcopy([w, w])
    assert a is b
    for value in (rl.tensor(1.5), rl.ones(0, 3), rl.ones(2, dtype=rl.bool), w.detach().T):
        assert rl.equal(pickle.loads(pickle.dumps(value)), value)
    for refuse in (copy.deepcopy, pickle.dumps):
        with pytest.raises(RuntimeError, match=r"detach\(\)"):
            refuse(w * 2)
    with pytest.raises(TypeError, match="expected a Tensor"):
        w.data = 3
    w.data = rl.zeros(3, 4, dtype=rl.float64)
    assert w.requires_grad and float(w.sum()) == 0


# ---- display

SHOWN = [
    lambda t: t.tensor(1.5),
    lambda t: t.tensor(3),
    lambda t: t.tensor(3.0),
    lambda t: t.tensor(True),
    lambda t: t.tensor([1.0, 2.0]),
    lambda t: t.tensor([1.0, -2.5]),
    lambda t: t.tensor([0.1, 100.0]),
    lambda t: t.tensor([0.1, 1000.0]),
    lambda t: t.tensor([1e-5, 1.0]),
    lambda t: t.tensor([1.0, 1e9]),
    lambda t: t.tensor([1.0, 2000.0]),
    lambda t: t.tensor([1000.0, 2000.0]),
    lambda t: t.tensor([0.0, -0.0, 0.0]),
    lambda t: t.tensor([float("nan"), float("inf"), -float("inf")]),
    lambda t: t.tensor([float("nan"), 1.0, -float("inf")]),
    lambda t: t.tensor([float("nan"), 1.25, -float("inf")]),
    lambda t: t.tensor([[1, -20], [300, 4]]),
    lambda t: t.tensor([[True, False], [False, True]]),
    lambda t: t.tensor([]),
    lambda t: t.zeros(0, 3),
    lambda t: t.zeros(2, 0, dtype=t.float64),
    lambda t: t.tensor([], dtype=t.int64),
    lambda t: t.tensor([1, 2], dtype=t.int32),
    lambda t: t.tensor([1, 2], dtype=t.uint8),
    lambda t: t.tensor([1.5, 2], dtype=t.float64),
    lambda t: t.tensor([1.5, 2], dtype=t.float16),
    lambda t: t.arange(24).reshape(2, 3, 4),
    lambda t: t.arange(24.0).reshape(2, 3, 4) / 7,
    lambda t: t.arange(30),
    lambda t: t.arange(100.0),
    lambda t: t.arange(60.0).reshape(2, 30) / 3,
    lambda t: t.arange(2000),
    lambda t: t.arange(2000.0) / 3,
    lambda t: t.arange(4000).reshape(40, 100),
    lambda t: t.arange(8000).reshape(20, 20, 20),
    lambda t: t.arange(3000.0).reshape(3, 1000),
    lambda t: t.ones(1, 1, 1),
    lambda t: t.ones(2, requires_grad=True),
    lambda t: t.ones(2, 2, dtype=t.float64, requires_grad=True),
    lambda t: t.full((3, 20), 1 / 3, dtype=t.float64, requires_grad=True),
    lambda t: t.tensor([1e-10, 1e10]),
    lambda t: t.tensor([[1e-3, 5.0], [0.0, float("nan")]]),
]


@pytest.mark.parametrize("f", SHOWN)
def test_repr_equals_torch(f: Any) -> None:
    assert repr(f(rl)) == repr(f(torch)).replace("torch.", "")
    assert str(f(rl)) == str(f(torch)).replace("torch.", "")


def test_repr_of_a_result() -> None:
    x = rl.ones(2, requires_grad=True)
    assert repr(x * 2) == "tensor([2., 2.], grad_fn=<MulBackward>)"


def test_format() -> None:
    for lib in (rl, torch):
        assert f"{lib.tensor(1.25):.1f}" == "1.2" and f"{lib.tensor(2.0)}" == "2.0"
        assert f"{lib.tensor([1, 2])}" == "tensor([1, 2])" and f"{lib.tensor(7):03d}" == "007"


# ---- nothing is left out


def test_every_public_method_is_exercised() -> None:
    """Every name is in the table of functions, or written out in a test of this directory."""
    from importlib import import_module
    from pathlib import Path

    kinds = ("activation", "elementwise", "products", "reduction", "shaping")
    called = {
        name for kind in kinds for name in import_module(f"tests.functional.test_{kind}").CASES
    }
    here = Path(__file__).parent
    text = "".join(path.read_text() for path in here.parent.glob("[tf]*/test_*.py"))
    public = [name for name in dir(rl.Tensor) if not name.startswith("_")]
    assert [
        n for n in public if n not in called and f".{n}" not in text and f'"{n}"' not in text
    ] == []
    known = [name for name in public if not hasattr(torch.Tensor, name)]
    assert known == [], "methods that torch does not have"


def test_compare_knows_a_difference() -> None:
    with pytest.raises(AssertionError):
        compare(rl.ones(2), torch.ones(2, dtype=torch.float64))
    with pytest.raises(AssertionError):
        compare(rl.ones(2), torch.ones(2) * 1.01)


def test_in_place_writes_that_do_not_fit() -> None:
    whole, small, x = rl.tensor([2, 3]), rl.tensor([1, 2], dtype=rl.uint8), rl.ones(2)
    for write, error, text in (
        (lambda: whole.add_(1.5), DtypeError, r"add_: got a result of float32, .* use x = x\.add"),
        (lambda: whole.mul_(x), DtypeError, "mul_: got a result of float32, expected int64"),
        (lambda: whole.pow_(-1), DtypeError, "int64 to a negative power"),
        (lambda: whole.masked_fill_(whole, 9), DtypeError, "a condition of int64, expected bool"),
        (lambda: x.clamp_(), RuntimeError, "clamp: got min=None and max=None"),
        (lambda: x.fill_(rl.ones(2)), ShapeError, r"fill_: got values \(2,\), expected one value"),
        (lambda: small.fill_(-1), DtypeError, "fill_: got -1, expected 0 to 255"),
        (lambda: small.__setitem__(0, 300), DtypeError, "got 300, expected 0 to 255"),
    ):
        with pytest.raises(error, match=text):
            write()
    assert whole.tolist() == [2, 3] and small.tolist() == [1, 2] and x.tolist() == [1, 1]
    whole **= 2
    assert whole.tolist() == [4, 9] and x.clamp_(rl.tensor([0.0, 2.0])).tolist() == [1, 2]


def test_data_and_grad_of_what_requires_grad() -> None:
    x = rl.ones(2, requires_grad=True)
    with pytest.raises(DtypeError, match="got int64, expected a float"):
        x.data = rl.zeros(2, dtype=rl.int64)
    with pytest.raises(TypeError, match="got float, expected a Tensor"):
        x.grad = 1.0
    assert x.tolist() == [1, 1] and x.grad is None


def test_pickles_keep_attributes_of_your_own() -> None:
    p = rl.nn.Parameter(rl.ones(2))
    p.tag = {"group": 3}
    found = pickle.loads(pickle.dumps(p))
    assert found.tag == {"group": 3} and found.grad is None and found.requires_grad
    assert not pickle.loads(pickle.dumps(rl.nn.Buffer(rl.ones(1), persistent=False))).persistent
