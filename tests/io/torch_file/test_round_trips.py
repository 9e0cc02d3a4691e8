"""torch -> Rushlight, in a process without torch -> torch: every module, optimizer and schedule."""

import contextlib
import math

import numpy as np
import pytest
from tests.nn.modules import collect

import rushlight as rl

torch = pytest.importorskip("torch")

from tests.optim.parity import (  # noqa: E402
    OPTIMIZERS,
    OURS,
    SCHEDULES,
    THEIRS,
    Pair,
    follow,
    make_schedule,
    rates,
    torch_in_full_precision,
)

MODULES: dict[str, list] = {}
for sample in collect():
    if sample.torch is not None:
        MODULES.setdefault(type(sample.make()).__name__, []).append(sample)
NAMES = list(dict.fromkeys(name for name, _ in OPTIMIZERS))


@pytest.fixture
def files(tmp_path):
    return tmp_path / "theirs.pt", tmp_path / "ours.pt"


def assert_same(got, expected, place="state"):
    """Both are torch's: bit for bit, type for type."""
    assert type(got) is type(expected), place
    if isinstance(expected, torch.Tensor):
        assert (got.dtype, got.shape) == (expected.dtype, expected.shape), place
        assert got.stride() == expected.stride() or not got.numel(), place
        assert got.requires_grad == expected.requires_grad, place
        mine, theirs = (x.detach().contiguous().view(-1).view(torch.uint8) for x in (got, expected))
        assert torch.equal(mine, theirs), place
    elif isinstance(expected, dict):
        assert list(got) == list(expected), place
        for key, value in expected.items():
            assert_same(got[key], value, f"{place}.{key}")
        assert getattr(got, "_metadata", None) == getattr(expected, "_metadata", None), place
    elif isinstance(expected, list | tuple):
        assert len(got) == len(expected), place
        for i, (a, b) in enumerate(zip(got, expected, strict=True)):
            assert_same(a, b, f"{place}.{i}")
    else:
        assert got == expected or (math.isnan(got) and math.isnan(expected)), place


def there_and_back(value, files, through):
    torch.save(value, files[0])
    through(*files)
    found = torch.load(files[1], weights_only=True)
    assert_same(found, torch.load(files[0], weights_only=True))
    return found


# ---- modules


@pytest.mark.parametrize("name", MODULES)
def test_state_dict_of_every_module(name, files, through):
    torch.manual_seed(0)
    modules = [sample.torch(torch) for sample in MODULES[name]]
    state = {str(i): module.state_dict() for i, module in enumerate(modules)}
    found = there_and_back(
        {"plain": state, "parameters": [list(m.parameters()) for m in modules]}, files, through
    )
    for i, (sample, module) in enumerate(zip(MODULES[name], modules, strict=True)):
        module.load_state_dict(found["plain"][str(i)])
        mine = sample.make()
        if not any(isinstance(p, torch.nn.UninitializedParameter) for p in module.parameters()):
            mine.load_state_dict(rl.load(files[0])["plain"][str(i)])


# ---- optimizers


def loss_of(lib, params, matrix, target):
    v = lib.cat([p.reshape(-1) for p in params])
    loss = ((v @ lib.tensor(matrix) - lib.tensor(target)) ** 2 + 1).sqrt().sum()
    return loss + 0.1 * (v * v).sum()


def train(lib, pair, params, optimizer, steps):
    """Return the losses of some steps."""
    losses = []

    def closure():
        optimizer.zero_grad()
        loss = loss_of(lib, params, pair.matrix, pair.target)
        loss.backward()
        losses.append(loss.item())
        return loss

    exact = pair.name == "Muon" and lib is torch  # its own iteration is in bfloat16
    with torch_in_full_precision() if exact else contextlib.nullcontext():
        for _ in range(steps):
            optimizer.step(closure)
    return losses


@pytest.mark.parametrize(("name", "options"), OPTIMIZERS)
def test_training_goes_on_with_the_same_losses(name, options, files, through):
    pair = Pair(name, options)
    train(torch, pair, pair.theirs, pair.b, 5)
    found = there_and_back(
        {"model": list(pair.theirs), "optimizer": pair.b.state_dict()}, files, through
    )
    expected = train(torch, pair, pair.theirs, pair.b, 5)

    mine = rl.load(files[0])  # torch's file: Rushlight goes on
    params = [rl.tensor(p.detach().numpy(), requires_grad=True) for p in mine["model"]]
    ours = getattr(rl.optim, name)(params)
    ours.load_state_dict(mine["optimizer"])
    assert train(rl, pair, params, ours, 5) == pytest.approx(expected, rel=1e-12, abs=0)

    rl.save({"model": params, "optimizer": ours.state_dict()}, files[1])  # ours: torch goes on
    found = torch.load(files[1], weights_only=True)
    after = train(rl, pair, params, ours, 5)
    theirs = [p.requires_grad_() for p in found["model"]]
    other = getattr(torch.optim, name)(theirs)
    other.load_state_dict(found["optimizer"])
    # loading, torch brings NAdam's product of momenta from float32 to float64
    near = 1e-6 if name == "NAdam" else 1e-12
    assert train(torch, pair, theirs, other, 5) == pytest.approx(after, rel=near, abs=0)


def test_every_optimizer_is_there():
    assert len(NAMES) == 14
    assert set(NAMES) == set(torch.optim.__all__) - {
        *("Optimizer", "SparseAdam", "lr_scheduler", "swa_utils"),
        "swap_in_optimizer_params_and_state",
    }


# ---- schedules


@pytest.mark.parametrize(
    "case", SCHEDULES, ids=[f"{case.name}-{i}" for i, case in enumerate(SCHEDULES)]
)
def test_schedules_go_on_at_the_same_rates(case, files, through):
    if case.functions:
        pytest.skip("functions are not saved")
    theirs = make_schedule(case, THEIRS)
    follow(case, theirs, range(33))
    state = {"schedule": theirs.state_dict(), "optimizer": theirs.optimizer.state_dict()}
    there_and_back(state, files, through)
    mine, found = make_schedule(case, OURS), rl.load(files[0])
    mine.load_state_dict(found["schedule"])
    mine.optimizer.load_state_dict(found["optimizer"])
    expected = follow(case, theirs, range(33, 60))
    got = follow(case, mine, range(33, 60))
    np.testing.assert_allclose(got, expected, 1e-9, 1e-12)

    rl.save({"schedule": mine.state_dict(), "optimizer": mine.optimizer.state_dict()}, files[1])
    found = torch.load(files[1], weights_only=True)
    again = make_schedule(case, THEIRS)
    again.load_state_dict(found["schedule"])
    again.optimizer.load_state_dict(found["optimizer"])
    assert rates(again) == rates(mine)
    got = follow(case, again, range(60, 90))
    np.testing.assert_allclose(got, follow(case, mine, range(60, 90)), 1e-9, 1e-12)


def test_every_schedule_is_there():
    names = {case.name for case in SCHEDULES} | {"SWALR"}
    missing = set(torch.optim.lr_scheduler.__all__) - names
    assert missing <= {"LRScheduler"}
