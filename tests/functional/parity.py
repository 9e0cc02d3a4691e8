"""The same lines run with rushlight and with torch, and what they give compared.

Import it after `pytest.importorskip("torch")`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import rushlight as rl

torch = pytest.importorskip("torch")


def tensors(lib: Any, arrays: tuple[Any, ...], gradient: bool) -> list[Any]:
    """Tensors of copies; the floating ones require grad."""
    return [
        lib.tensor(a.copy(), requires_grad=gradient and a.dtype.kind == "f")
        if isinstance(a, np.ndarray)
        else a
        for a in arrays
    ]


def dtype_name(x: Any) -> str:
    return str(x.dtype).removeprefix("torch.")


def compare(ours: Any, theirs: Any, rtol: float = 1e-6, atol: float = 1e-9) -> None:
    """Equal structure, shapes, dtypes and values."""
    if isinstance(theirs, torch.Tensor):
        assert isinstance(ours, rl.Tensor), f"{type(ours)} for a tensor"
        assert ours.shape == tuple(theirs.shape)
        assert dtype_name(ours) == dtype_name(theirs)
        a, b = ours.detach().numpy(), theirs.detach().numpy()
        if a.dtype == np.float32:
            rtol, atol = max(rtol, 1e-5), max(atol, 1e-6)
        np.testing.assert_allclose(a, b, rtol=rtol, atol=atol)
    elif isinstance(theirs, (tuple, list)):
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            compare(a, b, rtol, atol)
    elif isinstance(theirs, torch.dtype):
        assert str(ours) == str(theirs).removeprefix("torch.")
    else:
        assert type(ours) is type(theirs) and (ours == theirs or ours != ours), (ours, theirs)


def floats(result: Any) -> list[Any]:
    if isinstance(result, (tuple, list)):
        return [x for part in result for x in floats(part)]
    return [result] if hasattr(result, "requires_grad") and result.requires_grad else []


def both(f: Callable[..., Any], *arrays: Any, gradient: bool = True) -> None:
    """Hold f(rl, *tensors) against f(torch, *tensors), and the gradients of all it returns."""
    ours_in, theirs_in = tensors(rl, arrays, gradient), tensors(torch, arrays, gradient)
    ours, theirs = f(rl, *ours_in), f(torch, *theirs_in)
    compare(ours, theirs)
    a, b = floats(ours), floats(theirs)
    assert len(a) == len(b), "not the same outputs require grad"
    if not b:
        return
    rng = np.random.default_rng(1)
    weights = [rng.standard_normal(tuple(x.shape)) for x in b]
    for lib, outs in ((rl, a), (torch, b)):
        sum(
            (x * lib.tensor(w, dtype=x.dtype)).sum() for x, w in zip(outs, weights, strict=True)
        ).backward()  # type: ignore[union-attr]
    for x, y in zip(ours_in, theirs_in, strict=True):
        if isinstance(y, torch.Tensor) and y.requires_grad:
            if y.grad is None:
                assert x.grad is None or not x.grad.any()
            else:
                compare(x.grad, y.grad)


def both_raise(f: Callable[..., Any], match: str | None = None, *arrays: Any) -> None:
    """Both must raise, ours an error that catches where torch's is caught."""
    with pytest.raises(Exception) as theirs:
        f(torch, *tensors(torch, arrays, False))
    kind = type(theirs.value)
    with pytest.raises(RuntimeError if kind is NotImplementedError else kind, match=match):
        f(rl, *tensors(rl, arrays, False))
