"""What several processes check of the deterministic mode in a training."""

from __future__ import annotations

import hashlib
import json
import pathlib
import sys
from typing import Any

import numpy as np
import pytest
from tests.distributed.draws import _dropping
from tests.distributed.launch import collect, main
from tests.distributed.training import _close, _data, _fit, _once

import rushlight as rl
from rushlight import nn
from rushlight.distributed import GradientAverager
from rushlight.train import Callback, Checkpoint

OPTIONS: list[dict[str, Any]] = [
    {},
    {"accumulate": 3, "clip_norm": 0.1, "batch_size": 7},
    {"optimizer": "sgd", "metrics": "accuracy,top2", "warmup": 1},
]


def _bits(found: Any) -> str:
    """Return a hash of a history and of all weights."""
    told = hashlib.sha256(json.dumps(found[0]).encode())
    for array in found[1].values():
        told.update(array.tobytes())
    return told.hexdigest()


def check_run_to_run(joined: Any) -> None:
    """The hashes also stand in a file, for the test that compares two jobs."""
    seen = []
    for options in OPTIONS:
        first, second = (
            _bits(_fit(model=_dropping(), deterministic=True, epochs=1, **options))
            for _ in range(2)
        )
        assert first == second and set(joined.gather_objects(first)) == {first}
        seen.append(first)
    if joined.first:
        pathlib.Path(sys.argv[1], "bits.json").write_text(json.dumps(seen))
    assert not rl.are_deterministic_algorithms_enabled()  # a fit leaves the mode as it was


def check_gradients_in_rank_order(joined: Any) -> None:
    """Of gradients of each rank, the averages are sums in the order of the ranks, to the bit."""
    x, y = _data(4 * joined.size)
    x, y = rl.tensor(x.astype(np.float32)), rl.tensor(y)
    rl.manual_seed(3)
    net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(144, 3))
    loss = nn.CrossEntropyLoss(reduction="sum")
    totals: list[Any] = []
    for rank in range(joined.size):
        net.zero_grad()
        own = slice(4 * rank, 4 * rank + 4)
        loss(net(x[own]), y[own]).backward()
        found = [p.grad.numpy().copy() for p in net.parameters()]
        totals = found if not totals else [a + b for a, b in zip(totals, found, strict=True)]
    net.zero_grad()
    rl.use_deterministic_algorithms(True)
    try:
        own = slice(4 * joined.rank, 4 * joined.rank + 4)
        for size in (1, 1 << 20):  # one bucket for each parameter, on its way during backward; one
            net.zero_grad()
            averager = GradientAverager(net, bucket_bytes=size)
            averager.backward(loss(net(x[own]), y[own]), mean=False)
            averager.close()
            for p, total in zip(net.parameters(), totals, strict=True):
                assert p.grad.numpy().tobytes() == total.tobytes()
    finally:
        rl.use_deterministic_algorithms(False)


def check_that_of_one_process(joined: Any) -> None:
    given = {"deterministic": True, "optimizer": "sgd"}
    _close(_fit(model=_dropping(), **given), _once(model=_dropping(), **given), 1e-11)


def check_resume(joined: Any) -> None:
    keeper = Checkpoint(pathlib.Path(sys.argv[1], "run"), interval=0, every_steps=2)
    given: dict[str, Any] = {"deterministic": True, "restore_best": False}
    _fit(model=_dropping(), callbacks=[keeper], max_steps=2, **given)
    joined.barrier()
    resumed = _fit(model=_dropping(), callbacks=[keeper], epochs=2, resume=True, **given)
    assert _bits(resumed) == _bits(_fit(model=_dropping(), epochs=2, **given))


def check_the_mode_of_all(joined: Any) -> None:
    seen = []

    class Note(Callback):
        def on_batch_end(self, **facts: Any) -> None:
            seen.append(rl.are_deterministic_algorithms_enabled())

    _fit(deterministic=True, callbacks=[Note()], epochs=1)
    _fit(callbacks=[Note()], epochs=1)
    half = len(seen) // 2
    assert seen == [True] * half + [False] * half and half
    odd = joined.rank == joined.size - 1
    with pytest.raises(ValueError, match=rf"got deterministic: .*rank {joined.size - 1} has True"):
        _fit(deterministic=odd)
    with pytest.raises(TypeError, match="Trainer deterministic: got 3, expected True, False or"):
        _fit(deterministic=3)


CHECKS = collect(globals())

if __name__ == "__main__":
    main(CHECKS)
