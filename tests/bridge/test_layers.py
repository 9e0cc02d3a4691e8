"""Every layer of the catalogue goes from torch to Rushlight and back, and loses nothing."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from tests.nn.modules import collect, leaves

import rushlight as rl
from rushlight import nn

torch = pytest.importorskip("torch")

SAMPLES = [sample for sample in collect() if sample.torch is not None]
CATALOGUE = {
    name
    for name in nn.__all__
    if isinstance(getattr(nn, name), type) and issubclass(getattr(nn, name), nn.Module)
}


def _name(sample: Any) -> str:
    return type(sample.make()).__name__


def _bits(state: Any) -> dict[str, Any]:
    """Return name -> (dtype, shape, bytes)."""
    found = {}
    for name, value in state.items():
        array = value.detach().numpy()
        found[name] = array.dtype, array.shape, array.tobytes()
    return found


def _randomized(module: Any) -> Any:
    """Fill everything with random values, buffers too, and freeze the first parameter."""
    random = torch.Generator().manual_seed(0)
    for value in module.state_dict().values():
        if value.is_floating_point():
            value.copy_(torch.rand(value.shape, generator=random) + 0.1)
    for parameter in list(module.parameters())[:1]:
        parameter.requires_grad = False
    return module


def _made(sample: Any) -> Any:
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return sample.torch(torch)


@pytest.mark.parametrize("number", range(len(SAMPLES)), ids=lambda i: _name(SAMPLES[i]))
def test_there_and_back(number: int) -> None:
    sample, double = SAMPLES[number], bool(number % 2)
    theirs = _made(sample)
    if getattr(getattr(theirs, "distance_function", None), "__module__", "").startswith("tests"):
        with pytest.raises(NotImplementedError, match=r"city_block.*has no counterpart"):
            rl.from_torch(theirs)
        return
    lazy = any(torch.nn.parameter.is_lazy(p) for p in theirs.parameters())
    if not lazy:
        theirs = _randomized(theirs.double() if double else theirs)
    theirs.eval()
    ours = rl.from_torch(theirs)
    back = rl.to_torch(ours)
    assert type(back) is type(theirs)
    assert repr(back) == repr(theirs)
    _same_modules(ours, theirs)
    _same_modules(back, theirs)
    if lazy:
        return
    assert _bits(ours.state_dict()) == _bits(theirs.state_dict()) == _bits(back.state_dict())
    if sample.inputs is None or _draws(sample, theirs):
        return
    dtype = "float64" if double else "float32"
    args = [a.astype(dtype) if getattr(a, "dtype", None) == "float64" else a for a in sample.inputs]
    given = [torch.tensor(a) if isinstance(a, np.ndarray) else a for a in args]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected, again = leaves(theirs(*given)), leaves(back(*given))
    got = leaves(ours(*[rl.from_numpy(a) if isinstance(a, np.ndarray) else a for a in args]))
    assert len(got) == len(expected) == len(again)
    for a, b, c in zip(got, expected, again, strict=True):
        assert torch.equal(b, c) or (b.isnan() == c.isnan()).all()
        x, y = a.detach().numpy(), b.detach().numpy()
        assert x.dtype == y.dtype
        scale = np.abs(y[np.isfinite(y)]).max(initial=1e-6)
        rtol = 1e-9 if double else 2e-5
        np.testing.assert_allclose(x, y, rtol=rtol, atol=rtol * scale)


def _draws(sample: Any, module: Any) -> bool:
    """Tell whether a module draws random numbers in evaluation mode, too."""
    return type(module).__name__.startswith("Fractional")


def _same_modules(one: Any, other: Any) -> None:
    ones, others = list(one.named_modules()), list(other.named_modules())
    assert [name for name, _ in ones] == [name for name, _ in others]
    for (name, a), (_, b) in zip(ones, others, strict=True):
        assert type(a).__name__ == type(b).__name__, name
        assert a.training == b.training
        assert a._non_persistent_buffers_set == b._non_persistent_buffers_set
        for kind in ("_parameters", "_buffers", "_modules"):
            mine, theirs = getattr(a, kind), getattr(b, kind)
            assert set(mine) == set(theirs), (name, kind)
            assert _there(mine) == _there(theirs), (name, kind)
        flags = [p.requires_grad for p in a._parameters.values() if p is not None]
        assert flags == [p.requires_grad for p in b._parameters.values() if p is not None]
        for option in set(vars(a)) & set(vars(b)):
            value = vars(b)[option]
            if not option.startswith("_") and isinstance(value, bool | int | float | str | tuple):
                assert vars(a)[option] == value, (name, option)


def _there(members: Any) -> list[str]:
    return [name for name, value in members.items() if value is not None]


def test_every_class_has_a_sample() -> None:
    lazies = {name for name in CATALOGUE if name.startswith("Lazy")}
    assert {_name(sample) for sample in SAMPLES} >= CATALOGUE - lazies
