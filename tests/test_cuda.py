"""The names of `torch.cuda` that scripts ask before they choose a device."""

from __future__ import annotations

import rushlight as rl


def test_there_is_no_gpu() -> None:
    assert rl.cuda.is_available() is False and rl.cuda.device_count() == 0
    device = rl.device("cuda" if rl.cuda.is_available() else "cpu")
    assert rl.ones(2, device=device).to(device).device == device


def test_seeding_no_gpu_leaves_the_cpu_alone() -> None:
    rl.manual_seed(0)
    expected = rl.rand(3).tolist()
    rl.manual_seed(0)
    rl.cuda.manual_seed(1)
    rl.cuda.manual_seed_all(2)
    assert rl.rand(3).tolist() == expected
