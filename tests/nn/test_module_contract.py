"""The same named checks for every module of `rushlight.nn`."""

from __future__ import annotations

import copy
import inspect
import pickle
from typing import Any

import numpy as np
import pytest
from tests.nn.modules import ModuleSample, collect, cotangents, leaves

import rushlight as rl
from rushlight import nn
from rushlight.nn.lazy import LazyModuleMixin

SAMPLES = collect()


def _name(sample: ModuleSample, i: int) -> str:
    return f"{type(sample.make()).__name__}-{i}"


NAMES = [_name(sample, i) for i, sample in enumerate(SAMPLES)]
CALLED = [(s, n) for s, n in zip(SAMPLES, NAMES, strict=True) if s.inputs is not None]

every = pytest.mark.parametrize("sample", SAMPLES, ids=NAMES)
every_called = pytest.mark.parametrize("sample", [s for s, _ in CALLED], ids=[n for _, n in CALLED])


def _tensors(sample: ModuleSample, inputs: Any, dtype: str = "float64") -> list[Any]:
    """Make tensors of the inputs; floating ones require a gradient unless they are fixed."""
    found = []
    for i, array in enumerate(inputs):
        floating = isinstance(array, np.ndarray) and array.dtype.kind == "f"
        if not isinstance(array, np.ndarray):
            found.append(array)
        elif floating:
            found.append(rl.tensor(array, dtype=dtype, requires_grad=i not in sample.fixed))
        else:
            found.append(rl.tensor(array))
    return found


def _backward(outputs: list[Any]) -> None:
    """Run backward from all outputs with random cotangents."""
    grads = cotangents(outputs)
    pairs = [
        (out, rl.tensor(g, dtype=out.dtype))
        for out, g in zip(outputs, grads, strict=True)
        if out.requires_grad
    ]
    if pairs:
        sum((out * g).sum() for out, g in pairs).backward()


def _double(sample: ModuleSample, training: bool = False) -> Any:
    rl.manual_seed(0)
    return sample.make().double().train(training)


def _close(ours: Any, theirs: Any, sample: ModuleSample, what: str) -> None:
    np.testing.assert_allclose(
        ours.detach().numpy(), theirs.detach().numpy(), sample.rtol, 1e-9, err_msg=what
    )


def _compare(sample: ModuleSample, inputs: Any, training: bool) -> None:
    torch = pytest.importorskip("torch")
    if sample.torch is None:
        pytest.skip("torch has no such module")
    theirs = sample.torch(torch).double().train(training)
    ours = _double(sample, training)
    state = {k: rl.tensor(v.detach().numpy()) for k, v in theirs.state_dict().items()}
    ours.load_state_dict(state)

    mine = _tensors(sample, inputs)
    other = [
        torch.tensor(x.detach().numpy(), requires_grad=x.requires_grad)
        if isinstance(x, rl.Tensor)
        else x
        for x in mine
    ]
    outputs, expected = leaves(ours(*mine)), leaves(theirs(*other))
    assert len(outputs) == len(expected)
    for i, (out, right) in enumerate(zip(outputs, expected, strict=True)):
        assert out.shape == tuple(right.shape)
        _close(out, right, sample, f"output {i}")
    _backward(outputs)
    pairs = [
        (out, torch.tensor(g))
        for out, g in zip(expected, cotangents(expected), strict=True)
        if out.requires_grad
    ]
    if pairs:
        sum((out * g).sum() for out, g in pairs).backward()
    members = zip(ours.named_parameters(), theirs.named_parameters(), strict=True)
    checks = [(name, p, q) for (name, p), (_, q) in members]
    checks += [(f"input {i}", x, y) for i, (x, y) in enumerate(zip(mine, other, strict=True))]
    for name, x, y in checks:
        if not isinstance(x, rl.Tensor) or y.grad is None:
            assert getattr(x, "grad", None) is None or not x.grad.numpy().any(), name
        else:
            _close(x.grad, y.grad, sample, f"gradient of {name}")
    for (name, b), (_, right) in zip(ours.named_buffers(), theirs.named_buffers(), strict=True):
        _close(b, right, sample, f"buffer {name} after the call")


@every_called
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_forward_and_backward_equal_torch(sample: ModuleSample, training: bool) -> None:
    if training and sample.random:
        pytest.skip("random in training")
    _compare(sample, sample.inputs, training)


@pytest.mark.parametrize(
    "sample",
    [s for s in SAMPLES if s.unbatched],
    ids=[n for s, n in zip(SAMPLES, NAMES, strict=True) if s.unbatched],
)
def test_unbatched_equals_torch(sample: ModuleSample) -> None:
    _compare(sample, sample.unbatched, False)


@every
def test_state_dict_has_torch_names(sample: ModuleSample) -> None:
    torch = pytest.importorskip("torch")
    if sample.torch is None:
        pytest.skip("torch has no such module")
    ours, theirs = sample.make(), sample.torch(torch)
    expected = [
        (name, tuple(value.shape), str(value.dtype).removeprefix("torch."))
        for name, value in theirs.state_dict().items()
    ]
    assert [(k, v.shape, str(v.dtype)) for k, v in ours.state_dict().items()] == expected
    assert [n for n, _ in ours.named_modules()] == [n for n, _ in theirs.named_modules()]
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert mine.requires_grad == other.requires_grad


@every
def test_initial_distribution_is_torchs(sample: ModuleSample) -> None:
    torch = pytest.importorskip("torch")
    if sample.torch is None or not list(sample.make().parameters()):
        pytest.skip("no parameters to compare")
    rl.manual_seed(1)
    torch.manual_seed(1)
    rounds = 40 if sum(p.numel() for p in sample.make().parameters()) < 1000 else 10
    ours = [dict(sample.make().named_parameters()) for _ in range(rounds)]
    theirs = [dict(sample.torch(torch).named_parameters()) for _ in range(rounds)]
    for name in ours[0]:
        mine = np.concatenate([p[name].detach().numpy().ravel() for p in ours]).astype("f8")
        other = np.concatenate([p[name].detach().numpy().ravel() for p in theirs]).astype("f8")
        if not mine.size:
            continue
        spread, n = other.std(), mine.size
        assert abs(mine.mean() - other.mean()) <= 7 * spread / n**0.5, name
        assert abs(mine.std() - spread) <= 7 * spread / n**0.5, name
        # the ends of a uniform distribution are reached by either within a few in n
        assert spread == 0 or abs(mine).max() <= 1.5 * abs(other).max(), name


@every
def test_state_dict_round_trip(sample: ModuleSample) -> None:
    first, second = _double(sample), sample.make().double().eval()
    found = second.load_state_dict(first.state_dict())
    assert not found.missing_keys and not found.unexpected_keys
    for (name, a), (_, b) in zip(
        first.state_dict().items(), second.state_dict().items(), strict=True
    ):
        assert (a.numpy() == b.numpy()).all(), name
        assert not a.numel() or not np.may_share_memory(a.numpy(), b.numpy()), name
    if sample.inputs is not None:
        inputs = _tensors(sample, sample.inputs)
        for a, b in zip(leaves(first(*inputs)), leaves(second(*inputs)), strict=True):
            assert (a.detach().numpy() == b.detach().numpy()).all()


@every
def test_repr_equals_torchs(sample: ModuleSample) -> None:
    torch = pytest.importorskip("torch")
    if sample.torch is None or not sample.shared_repr:
        pytest.skip("another repr on purpose")
    assert repr(sample.make()) == repr(sample.torch(torch))


@every
def test_train_and_eval_reach_all_modules(sample: ModuleSample) -> None:
    module = sample.make()
    assert all(m.training for m in module.modules())
    assert module.eval() is module and not any(m.training for m in module.modules())
    assert module.train() is module and all(m.training for m in module.modules())


def _same_but_apart(sample: ModuleSample, other: Any, module: Any) -> None:
    assert type(other) is type(module) and repr(other) == repr(module)
    assert other.training == module.training
    for (name, a), (_, b) in zip(module.named_parameters(), other.named_parameters(), strict=True):
        assert type(b) is type(a) and b.requires_grad == a.requires_grad, name
        assert not a.numel() or not np.may_share_memory(a.data.numpy(), b.data.numpy()), name
    if sample.inputs is not None:
        inputs = _tensors(sample, sample.inputs)
        for a, b in zip(leaves(module(*inputs)), leaves(other(*inputs)), strict=True):
            assert (a.detach().numpy() == b.detach().numpy()).all()


@every
def test_pickling(sample: ModuleSample) -> None:
    module = _double(sample)
    _same_but_apart(sample, pickle.loads(pickle.dumps(module)), module)


@every
def test_deep_copy(sample: ModuleSample) -> None:
    module = _double(sample)
    _same_but_apart(sample, copy.deepcopy(module), module)


@every_called
def test_used_twice_in_one_graph(sample: ModuleSample) -> None:
    """The gradient of a sum of two calls is the sum of the gradients of the calls."""
    module = _double(sample)

    def grads(factors: tuple[float, ...]) -> list[Any]:
        module.zero_grad()
        inputs = _tensors(sample, sample.inputs)
        calls = []
        for factor in factors:
            scaled = [
                x * factor if isinstance(x, rl.Tensor) and x.requires_grad else x for x in inputs
            ]
            calls.append(leaves(module(*scaled)))
        outputs = [sum(parts[1:], parts[0]) for parts in zip(*calls, strict=True)]
        _backward(outputs)
        members = [*module.parameters(), *(x for x in inputs if isinstance(x, rl.Tensor))]
        return [None if t.grad is None else t.grad.numpy() for t in members]

    one, two, both = grads((1.0,)), grads((0.5,)), grads((1.0, 0.5))
    for a, b, total in zip(one, two, both, strict=True):
        if total is not None:
            np.testing.assert_allclose(total, a + b, 1e-9, 1e-10)


@every_called
def test_float32_is_kept(sample: ModuleSample) -> None:
    module = sample.make()
    inputs = _tensors(sample, sample.inputs, "float32")
    outputs = leaves(module(*inputs))
    _backward(outputs)
    assert all(out.dtype == rl.float32 for out in outputs if out.is_floating_point())
    for tensor in [*module.parameters(), *(x for x in inputs if isinstance(x, rl.Tensor))]:
        assert tensor.grad is None or tensor.grad.dtype == tensor.dtype == rl.float32


@every
def test_double_and_back(sample: ModuleSample) -> None:
    module = sample.make()
    kinds = {k: v.is_floating_point() for k, v in module.state_dict().items()}
    assert module.double() is module
    for name, value in module.state_dict().items():
        assert not kinds[name] or value.dtype == rl.float64, name
    module.float()
    for name, value in module.state_dict().items():
        assert not kinds[name] or value.dtype == rl.float32, name


# ---- what is tested at all


def _public() -> list[type[Any]]:
    found = [getattr(nn, name) for name in nn.__all__]
    return [x for x in found if isinstance(x, type) and issubclass(x, nn.Module)]


def test_every_public_module_has_a_sample() -> None:
    known = {type(sample.make()) for sample in SAMPLES}
    eager = [cls for cls in _public() if not issubclass(cls, LazyModuleMixin)]  # test_lazy.py
    assert not [cls.__name__ for cls in eager if cls not in known]


def test_every_module_that_torch_has_is_public_under_its_name() -> None:
    torch = pytest.importorskip("torch")
    for cls in _public():
        assert hasattr(torch.nn, cls.__name__), cls.__name__
        ours = list(inspect.signature(cls).parameters)
        theirs = list(inspect.signature(getattr(torch.nn, cls.__name__)).parameters)
        theirs = [p for p in theirs if p not in ("size_average", "reduce")]  # torch deprecates them
        if theirs not in (["args"], ["args", "kwargs"]):
            assert ours == theirs, cls.__name__


@pytest.mark.parametrize("cls", _public(), ids=lambda cls: cls.__name__)
def test_docstring_says_what_a_user_needs(cls: type[Any]) -> None:
    text = cls.__doc__ or ""
    assert "Example:" in text and ">>>" in text and "Source:" in text
    if [p for p in inspect.signature(cls).parameters if p not in ("args", "kwargs")]:
        assert "Args:" in text
    assert cls.__init__ is object.__init__ or not cls.__init__.__doc__
