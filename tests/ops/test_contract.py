"""The contract of an op, held against every registered op over every sample.

SAMPLES and ERRORS come from the other modules of this directory, by op name.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.ops.sample import Error, Sample

import rushlight.ops
from rushlight.arrays import promote
from rushlight.autograd import grad, no_grad
from rushlight.check import gradcheck, gradgradcheck
from rushlight.errors import DtypeError, ShapeError
from rushlight.ops.contract import OPS, Op, Saved
from rushlight.tape import apply, wrap

try:
    import torch
except ImportError:
    torch = None  # type: ignore[assignment]

for _module in pkgutil.iter_modules(rushlight.ops.__path__):
    importlib.import_module(f"rushlight.ops.{_module.name}")

SAMPLES: dict[str, list[Sample]] = {}
ERRORS: dict[str, list[Error]] = {}
for _path in sorted(Path(__file__).parent.glob("test_*.py")):
    if _path.stem != "test_contract":
        _tests = importlib.import_module(f"tests.ops.{_path.stem}")
        for _name, _samples in getattr(_tests, "SAMPLES", {}).items():
            SAMPLES.setdefault(_name, []).extend(_samples)
        for _name, _errors in getattr(_tests, "ERRORS", {}).items():
            ERRORS.setdefault(_name, []).extend(_errors)

every_op = pytest.mark.parametrize("name", [name for name in OPS if name in SAMPLES])


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):  # as the tape runs ops: inf and nan are values
        yield


@contextmanager
def sample_of(name: str, i: int) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        error.add_note(f"sample {i} of {name}")
        raise


def samples(name: str) -> Iterator[tuple[Op, Sample]]:
    """Each sample of an op; a failure says which."""
    for i, sample in enumerate(SAMPLES[name]):
        with sample_of(name, i):
            yield OPS[name], sample


def is_float(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f"


def prepared(op: Op, args: tuple[Any, ...], dtype: Any = np.float64) -> tuple[Any, ...]:
    """The arguments as the tape would hand them to forward."""
    args = tuple(a.astype(dtype) if is_float(a) else a for a in args)
    if op.casts == "none":
        return args
    target = promote(*[a for a in args if a is not None])
    if op.casts == "float" and target.kind != "f":
        target = np.dtype(dtype)
    return tuple(a.astype(target) if isinstance(a, np.ndarray) else a for a in args)


def cotangents(outputs: tuple[Any, ...]) -> tuple[Any, ...]:
    rng = np.random.default_rng(7)
    return tuple(
        rng.standard_normal(np.shape(y)).astype(y.dtype) if y.dtype.kind == "f" else None
        for y in outputs
    )


def has_gradient(outputs: tuple[Any, ...], args: tuple[Any, ...]) -> bool:
    return any(y.dtype.kind == "f" for y in outputs) and any(is_float(a) for a in args)


def call(op: Op, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Outputs, saved, cotangents and gradients (None without) of one call."""
    outputs, saved = op.forward(*args, **options)
    needs = tuple(is_float(a) for a in args)
    if not has_gradient(outputs, args):
        return outputs, saved, (), [None] * len(args)
    grads = cotangents(outputs)
    return outputs, saved, grads, list(op.backward(saved, grads, needs))


def arrays_in(value: Any) -> list[Any]:
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, (tuple, list)):
        return [a for part in value for a in arrays_in(part)]
    return []


def close(a: Any, b: Any, rtol: float = 1e-10, atol: float = 1e-12) -> None:
    np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=rtol, atol=atol)


# ---- forward


@every_op
def test_shapes_and_dtypes(name: str) -> None:
    for op, sample in samples(name):
        wide, *_, wide_grads = call(op, prepared(op, sample.args), sample.options)
        args = prepared(op, sample.args, np.float32)
        narrow, *_, grads = call(op, args, sample.options)
        assert isinstance(narrow, tuple) and len(narrow) == len(wide)
        for a, b in zip(narrow, wide, strict=True):
            assert a.shape == b.shape and a.dtype.kind == b.dtype.kind
            if a.dtype.kind == "f" and any(map(is_float, args)) and name != "cast":
                assert (a.dtype, b.dtype) == (np.float32, np.float64)
                fine = np.isfinite(a) & (abs(b) < 1e30)
                close(a[fine], b[fine], 2e-3, 2e-3)
        for arg, g, wide_g in zip(args, grads, wide_grads, strict=True):
            assert (g is None) == (wide_g is None)
            if g is not None:
                assert g.dtype == arg.dtype, f"gradient of {g.dtype} for {arg.dtype}"
                assert np.broadcast_shapes(g.shape, arg.shape) == g.shape  # the tape sums the rest


@every_op
def test_saved_by_position(name: str) -> None:
    for op, sample in samples(name):
        args = prepared(op, sample.args)
        outputs, saved = op.forward(*args, **sample.options)
        assert isinstance(saved, Saved)
        assert len(saved.inputs) <= len(args) and len(saved.outputs) <= len(outputs)
        for kept, arg in zip(saved.inputs, args, strict=False):
            assert kept is None or kept is arg
        for kept, out in zip(saved.outputs, outputs, strict=False):
            assert kept is None or kept is out


@every_op
def test_nothing_given_is_modified(name: str) -> None:
    for op, sample in samples(name):
        args = prepared(op, sample.args)
        given = arrays_in(args) + arrays_in(sample.options)
        before = [a.copy() for a in given]
        outputs, saved = op.forward(*args, **sample.options)
        if has_gradient(outputs, args):
            grads = cotangents(outputs)
            more = arrays_in(saved.outputs) + arrays_in(saved.constants) + arrays_in(grads)
            given, before = given + more, before + [a.copy() for a in more]
            needs = tuple(is_float(a) for a in args)
            first = op.backward(saved, grads, needs)
            again = op.backward(saved, grads, needs)
            for a, b in zip(first, again, strict=True):
                assert (a is None) == (b is None) and (a is None or a.tobytes() == b.tobytes())
        for now, then in zip(given, before, strict=True):
            assert now.tobytes() == then.tobytes()


@every_op
def test_outputs_are_fresh_unless_view(name: str) -> None:
    for op, sample in samples(name):
        args = prepared(op, sample.args)
        outputs, _ = op.forward(*args, **sample.options)
        for i, out in enumerate(outputs):
            others = arrays_in(args[1:] if op.view else args) + arrays_in(sample.options)
            for other in (*others, *arrays_in(outputs[:i])):
                assert not np.shares_memory(out, other)


# ---- backward


@every_op
def test_fresh_gradients_are_fresh(name: str) -> None:
    for op, sample in samples(name):
        if not op.fresh:
            continue
        args = prepared(op, sample.args)
        _, saved, grads, found = call(op, args, sample.options)
        held = arrays_in([saved.inputs, saved.outputs, saved.constants, saved.cache, grads, args])
        for g in found:
            if g is not None:
                assert not any(np.shares_memory(g, other) for other in held)
                assert not isinstance(g, np.ndarray) or g.flags.writeable
                held.append(g)


@every_op
def test_needs(name: str) -> None:
    for op, sample in samples(name):
        args = prepared(op, sample.args)
        outputs, saved, grads, full = call(op, args, sample.options)
        if not has_gradient(outputs, args):
            continue
        masks = list(product(*[(False, True) if is_float(a) else (False,) for a in args]))
        for needs in masks if len(masks) <= 32 else masks[:: len(masks) // 16]:
            if any(needs):
                found = op.backward(saved, grads, needs)
                assert len(found) == len(args)
                for need, g, whole in zip(needs, found, full, strict=True):
                    if need:
                        assert (g is None) == (whole is None)
                    if not need:
                        assert g is None, f"a gradient where needs is {needs}"
                    elif g is not None:
                        close(g, whole)


@every_op
def test_undefined_gradients(name: str) -> None:
    """The gradient of an unused output is None and counts as zeros."""
    for op, sample in samples(name):
        args = prepared(op, sample.args)
        outputs, saved, grads, _ = call(op, args, sample.options)
        needs = tuple(is_float(a) for a in args)
        if len([g for g in grads if g is not None]) < 2:
            continue
        for k in range(len(outputs)):
            if grads[k] is not None:
                alone = tuple(g if i == k else None for i, g in enumerate(grads))
                zeros = tuple(
                    g if i == k or g is None else np.zeros_like(g) for i, g in enumerate(grads)
                )
                a, b = op.backward(saved, alone, needs), op.backward(saved, zeros, needs)
                for x, y in zip(a, b, strict=True):
                    if x is not None:
                        close(x, y)
                    elif y is not None:
                        assert not y.any()


def layouts() -> dict[str, Callable[[Any], Any]]:
    def strided(x: Any) -> Any:
        big = np.zeros((*x.shape[:-1], x.shape[-1] * 2), x.dtype)
        big[..., ::2] = x
        return big[..., ::2]

    def channels_last(x: Any) -> Any:
        if x.ndim < 3:
            return x
        return np.moveaxis(np.ascontiguousarray(np.moveaxis(x, 1, -1)), -1, 1)

    return {
        "transposed": np.asfortranarray,
        "strided": strided,
        "reversed": lambda x: x[::-1].copy()[::-1],
        "channels last": channels_last,
    }


@every_op
def test_layouts(name: str) -> None:
    for op, sample in samples(name):
        args = prepared(op, sample.args)
        outputs, _, grads, found = call(op, args, sample.options)
        for change in layouts().values():

            def moved(x: Any, change: Any = change) -> Any:
                return change(x) if isinstance(x, np.ndarray) and x.ndim else x

            others = tuple(moved(a) for a in args)
            results, saved = op.forward(*others, **sample.options)
            for a, b in zip(results, outputs, strict=True):
                close(a, b)
            if not has_gradient(outputs, args):
                continue
            needs = tuple(is_float(a) for a in args)
            again = op.backward(saved, tuple(moved(g) for g in grads), needs)
            for a, b in zip(again, found, strict=True):
                assert (a is None) == (b is None)
                if a is not None:
                    close(a, b)


@every_op
def test_empty_batch(name: str) -> None:
    for op, sample in samples(name):
        args = prepared(op, sample.args)
        first = next((a for a in args if isinstance(a, np.ndarray)), None)
        if first is None or first.ndim == 0:
            continue

        def cut(x: Any, rows: int = first.shape[0]) -> Any:
            return x[:0] if isinstance(x, np.ndarray) and x.ndim and x.shape[0] == rows else x

        options = {key: cut(value) for key, value in sample.options.items()}
        empty = tuple(cut(a) for a in args)
        try:
            _, _, _, found = call(op, empty, options)
        except (ShapeError, IndexError):
            continue  # said so
        for arg, g in zip(empty, found, strict=True):
            if g is not None:
                assert np.broadcast_shapes(g.shape, arg.shape) == g.shape


# ---- derivatives


def leaves(args: tuple[Any, ...]) -> list[Any]:
    return [
        wrap(a.copy(order="K")).requires_grad_()
        if is_float(a)
        else wrap(a)
        if isinstance(a, np.ndarray)
        else a
        for a in args
    ]


def differentiable(op: Op, sample: Sample) -> bool:
    outputs, _ = op.forward(*prepared(op, sample.args), **sample.options)
    return sample.gradient and has_gradient(outputs, sample.args)


@every_op
def test_gradcheck(name: str) -> None:
    for op, sample in samples(name):
        if differentiable(op, sample):
            assert gradcheck(lambda *xs: apply(op, xs, sample.options), leaves(sample.args))  # noqa: B023


@every_op
def test_gradgradcheck(name: str) -> None:
    for op, sample in samples(name):
        if op.smooth and sample.smooth and differentiable(op, sample):
            xs = leaves(sample.args)
            assert gradgradcheck(lambda *xs: apply(op, xs, sample.options), xs, directions=1)  # noqa: B023


@every_op
def test_backward_equals_graph_backward(name: str) -> None:
    """`graph_backward` on Tensors, without the cache, gives what `backward` gives on arrays."""
    for op, sample in samples(name):
        args = prepared(op, sample.args)
        outputs, saved, grads, found = call(op, args, sample.options)
        if not has_gradient(outputs, args):
            continue

        def tensors(values: tuple[Any, ...]) -> tuple[Any, ...]:
            return tuple(wrap(v) if hasattr(v, "dtype") else v for v in values)

        without = Saved(tensors(saved.inputs), tensors(saved.outputs), saved.constants)
        with no_grad():
            results = op.graph_backward(without, tensors(grads), tuple(is_float(a) for a in args))
        for a, b in zip(results, found, strict=True):
            assert (a is None) == (b is None)
            if b is not None:
                assert type(a).__name__ == "Tensor" and a.dtype == b.dtype
                close(a.numpy(), b)


@every_op
def test_second_order_by_position(name: str) -> None:
    """op(x, x.detach()): what is saved is told apart by position, not by its array."""
    for op, sample in samples(name):
        floats = [a for a in sample.args if is_float(a)]
        if len(floats) != 2 or len(sample.args) != 2 or floats[0].shape != floats[1].shape:
            continue
        if not (op.smooth and sample.smooth and differentiable(op, sample)):
            continue

        def second(x: Any, y: Any, op: Op = op, options: Any = sample.options) -> Any:
            out = apply(op, (x, y), options)
            weight = wrap(np.random.default_rng(3).standard_normal(out.shape))
            (g,) = grad(out, x, weight, create_graph=True)
            if not g.requires_grad:
                return g
            return grad(g, x, wrap(np.cos(np.arange(1.0, g.numel() + 1)).reshape(g.shape)))[0]

        x = wrap(floats[0].copy()).requires_grad_()
        close(second(x, x.detach()).detach(), second(x, wrap(floats[0].copy())).detach())


# ---- torch


@pytest.mark.skipif(torch is None, reason="torch is not installed")
@every_op
def test_equals_torch(name: str) -> None:
    for op, sample in samples(name):
        if sample.torch is None:
            continue
        theirs_in = [
            torch.tensor(a.copy(), requires_grad=is_float(a)) if isinstance(a, np.ndarray) else a
            for a in sample.args
        ]
        theirs = sample.torch(torch, *theirs_in)
        theirs = tuple(theirs) if isinstance(theirs, (tuple, list)) else (theirs,)
        ours_in = leaves(sample.args)
        ours = apply(op, tuple(ours_in), sample.options)
        ours = ours if isinstance(ours, tuple) else (ours,)
        for a, b in zip(ours, theirs, strict=False):
            assert a.shape == tuple(b.shape)
            close(a.detach(), b.detach().numpy(), 1e-6, 1e-9)
        pairs = [(a, b) for a, b in zip(ours, theirs, strict=False) if b.requires_grad]
        if not pairs:
            continue
        assert all(a.requires_grad for a, _ in pairs)
        weights = cotangents(tuple(a.detach().numpy() for a, _ in pairs))
        given = [(a, b) for a, b in zip(ours_in, theirs_in, strict=True) if hasattr(b, "grad")]
        given = [(a, b) for a, b in given if b.requires_grad]
        found = grad(
            [a for a, _ in pairs], [a for a, _ in given], [wrap(w) for w in weights],
            allow_unused=True,
        )  # fmt: skip
        wanted = torch.autograd.grad(
            [b for _, b in pairs], [b for _, b in given], [torch.tensor(w) for w in weights],
            allow_unused=True,
        )  # fmt: skip
        for g, h in zip(found, wanted, strict=True):
            if h is not None:
                close(np.zeros(h.shape) if g is None else g, h.numpy(), 1e-6, 1e-9)


# ---- mixed dtypes


@every_op
def test_mixed_dtypes(name: str) -> None:
    for op, sample in samples(name):
        floats = [i for i, a in enumerate(sample.args) if is_float(a) and a.ndim]
        if op.casts == "none" or len(floats) < 2:
            continue
        whole, *_ = call(op, prepared(op, sample.args), sample.options)
        for narrow in floats:
            args = leaves(
                tuple(a.astype(np.float32) if i == narrow else a for i, a in enumerate(sample.args))
            )
            outs = apply(op, tuple(args), sample.options)
            outs = outs if isinstance(outs, tuple) else (outs,)
            for out, right in zip(outs, whole, strict=True):
                assert out.dtype == right.dtype
                if sample.gradient:
                    close(out.detach(), right, 1e-3, 1e-4)
            if not any(out.requires_grad for out in outs):
                continue
            outs[0].backward(wrap(np.ones(outs[0].shape)))
            for arg in args:
                if getattr(arg, "grad", None) is not None:
                    assert arg.grad.dtype == arg.dtype


# ---- errors, and that nothing is left out


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name: str) -> None:
    for i, error in enumerate(ERRORS[name]):
        with sample_of(name, i), pytest.raises(error.error, match=error.match):
            OPS[name](*error.args, **error.options)


def test_every_op_has_samples(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(
            f"\n{len(OPS)} ops, {sum(map(len, SAMPLES.values()))} samples, "
            f"{sum(map(len, ERRORS.values()))} errors"
        )
    assert sorted(set(OPS) - set(SAMPLES)) == [], "ops without a sample"
    assert sorted((set(SAMPLES) | set(ERRORS)) - set(OPS)) == [], "samples without an op"


def test_error_types() -> None:
    assert issubclass(ShapeError, RuntimeError) and issubclass(DtypeError, RuntimeError)
