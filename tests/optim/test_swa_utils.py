"""Averaged models against their definition and torch's; statistics of batches anew."""

import copy
import pickle

import numpy as np
import pytest

import rushlight as rl
from rushlight import nn
from rushlight.optim import swa_utils as ours


def model(lib=rl, dtype="float64"):
    made = lib.nn.Sequential(lib.nn.Linear(3, 4), lib.nn.BatchNorm1d(4), lib.nn.Linear(4, 2))
    return made.to(getattr(lib, dtype))


def fill(made, seed):
    """Give every parameter and buffer new values."""
    rng = np.random.default_rng(seed)
    for tensor in [*made.parameters(), *made.buffers()]:
        values = rng.integers(0, 100, ()) if tensor.ndim == 0 else rng.random(tuple(tensor.shape))
        lib = rl if isinstance(tensor, rl.Tensor) else pytest.importorskip("torch")
        tensor.data = lib.tensor(values, dtype=tensor.dtype)


def values(made):
    return [tensor.detach().numpy().copy() for tensor in [*made.parameters(), *made.buffers()]]


def test_the_mean_of_all_models():
    source = model()
    averaged = ours.AveragedModel(source)
    seen = []
    for seed in range(5):
        fill(source, seed)
        averaged.update_parameters(source)
        seen.append(values(source))
    parameters = len([*source.parameters()])
    for i, (got, *each) in enumerate(zip(values(averaged.module), *seen, strict=True)):
        expected = np.mean(each, axis=0) if i < parameters else each[-1]
        np.testing.assert_allclose(got, expected, 1e-13)
    assert averaged.n_averaged.item() == 5


@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("kind", ["ema", "ema multi", "swa", "swa multi", "default", "own"])
def test_as_torch(kind, use_buffers):
    torch = pytest.importorskip("torch")
    results = []
    for lib, utils in ((rl, ours), (torch, torch.optim.swa_utils)):
        options = {
            "ema": {"avg_fn": utils.get_ema_avg_fn(0.7)},
            "ema multi": {"multi_avg_fn": utils.get_ema_multi_avg_fn(0.7)},
            "swa": {"avg_fn": utils.get_swa_avg_fn()},
            "swa multi": {"multi_avg_fn": utils.get_swa_multi_avg_fn()},
            "default": {},
            "own": {"avg_fn": lambda a, p, n: a * 0.25 + p * (n + 1)},
        }[kind]
        source = model(lib)
        if use_buffers and kind in ("swa multi", "default"):
            del source[1]  # torch cannot average integers so
        averaged = utils.AveragedModel(source, use_buffers=use_buffers, **options)
        for seed in range(4):
            fill(source, seed)
            averaged.update_parameters(source)
        results.append((averaged, values(averaged)))
    (a, got), (b, expected) = results
    assert list(a.state_dict()) == list(b.state_dict())
    # torch takes the weight 1 / (n + 1) of its default in float32
    tolerance = 1e-6 if kind in ("swa multi", "default") else 1e-12
    for x, y in zip(got, expected, strict=True):
        assert x.dtype == y.dtype
        np.testing.assert_allclose(x, y, tolerance)


def test_integers_lose_their_fraction():
    a, b = rl.tensor([4, -4]), rl.tensor([5, -5])
    ours.get_swa_multi_avg_fn()([a], [b], 1)
    assert a.tolist() == [4, -4]
    ours.get_ema_multi_avg_fn(0.0)([a], [b], 1)
    assert a.tolist() == [5, -5]


def test_the_average_is_a_model_of_its_own():
    source = model()
    averaged = ours.AveragedModel(source, device="cpu")
    averaged.update_parameters(source)
    averaged.update_parameters(source)
    x = rl.randn(5, 3, dtype=rl.float64)
    for each in (averaged, source):
        each.eval()
    assert np.array_equal(averaged(x).detach().numpy(), source(x).detach().numpy())
    other = ours.AveragedModel(model())
    other.load_state_dict(averaged.state_dict())
    assert other.n_averaged.item() == 2
    for twin in (copy.deepcopy(averaged), pickle.loads(pickle.dumps(averaged))):
        twin.update_parameters(source)
        assert twin.n_averaged.item() == 3
    assert averaged.n_averaged.item() == 2


def test_backward_notices_that_the_average_has_moved():
    source = model()
    averaged = ours.AveragedModel(source)
    averaged.update_parameters(source)
    loss = (averaged(rl.randn(5, 3, dtype=rl.float64)) ** 2).sum()
    averaged.update_parameters(source)
    with pytest.raises(RuntimeError, match="modified in place"):
        loss.backward()


def test_errors():
    with pytest.raises(ValueError, match=r"got decay=1.5, expected a number in \[0, 1\]"):
        ours.get_ema_avg_fn(1.5)
    with pytest.raises(ValueError, match=r"got decay=-0\.1"):
        ours.get_ema_multi_avg_fn(-0.1)
    with pytest.raises(ValueError, match="got avg_fn and multi_avg_fn, expected at most one"):
        ours.AveragedModel(model(), avg_fn=max, multi_avg_fn=max)
    with pytest.raises(ValueError, match=r"got parameters \[\(4, 3\), \(4,\)\], expected par"):
        ours.AveragedModel(model()).update_parameters(nn.Linear(3, 4))


@pytest.mark.parametrize("in_tuples", [False, True])
def test_update_bn(in_tuples):
    source = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, momentum=0.3), nn.Dropout(0.5))
    source.eval()
    batches = [rl.randn(6, 3) for _ in range(4)]
    ours.update_bn([(x, 0) for x in batches] if in_tuples else batches, source, device="cpu")
    hidden = [source[0](x).detach().numpy() for x in batches]
    mean = np.mean([h.mean(0) for h in hidden], axis=0)
    var = np.mean([h.var(0, ddof=1) for h in hidden], axis=0)
    np.testing.assert_allclose(source[1].running_mean.numpy(), mean, 1e-4, 1e-6)
    np.testing.assert_allclose(source[1].running_var.numpy(), var, 1e-4)
    assert (source[1].momentum, source[1].num_batches_tracked.item()) == (0.3, 4)
    assert not any(module.training for module in source.modules())


def test_update_bn_leaves_all_as_it_was_if_it_fails():
    source = nn.Sequential(nn.BatchNorm1d(4))
    source.eval()
    with pytest.raises(ValueError, match="BatchNorm1d"):
        ours.update_bn([rl.ones(6, 3)], source)
    assert (source[0].momentum, source.training) == (0.1, False)
    plain = nn.Linear(3, 4)
    ours.update_bn(iter([None]), plain)  # nothing to compute: not even called


def test_signatures_as_torch():
    import inspect

    theirs = pytest.importorskip("torch").optim.swa_utils
    assert set(ours.__all__) == set(theirs.__all__)
    for name in theirs.__all__:
        a, b = (inspect.signature(getattr(lib, name)).parameters for lib in (ours, theirs))
        assert [(p.name, p.default) for p in a.values()] == [
            (p.name, p.default) for p in b.values()
        ]
