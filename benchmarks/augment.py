"""Microseconds of one core for an augmented image of MNIST's size, beside SciPy and grid_sample.

    python benchmarks/augment.py [--rounds 40]

Process time, the least of interleaved rounds. The loader's share is the time of an epoch's
batches, read and changed, by that of the training steps of `rushlight train mnist` on them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import ndimage

import rushlight as rl
from rushlight.cli.recipes.mnist import MnistOptions, build, warp
from rushlight.data import DataLoader, TensorDataset
from rushlight.data.augment import Augmented
from rushlight.random import Generator
from rushlight.threads import set_num_threads

SIZE, BATCH = 28, 64


def least(jobs: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Return the least process time of each job, in microseconds for an image."""
    found = dict.fromkeys(jobs, float("inf"))
    for _ in range(rounds):
        for name, job in jobs.items():
            begun = time.process_time()
            job()
            found[name] = min(found[name], (time.process_time() - begun) / BATCH * 1e6)
    return found


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    set_num_threads(1)
    random, generator, keys = np.random.default_rng(0), Generator(0), np.arange(BATCH)
    x = random.random((BATCH, 1, SIZE, SIZE), dtype=np.float32)
    noise = random.random((BATCH, 2, SIZE, SIZE), dtype=np.float32)
    both = warp("full")
    affine, elastic = both.parts
    words = generator.words_of(keys, both.words(SIZE, SIZE))
    rows, columns = both.move(*np.indices((1, SIZE, SIZE), np.float32)[1:], words)
    at = np.stack([rows, columns], 1).astype(np.float64)
    images = rl.from_numpy(x)
    grid = rl.from_numpy(np.stack([columns, rows], -1) / ((SIZE - 1) / 2) - 1)

    def each() -> None:
        for image, places in zip(x[:, 0], at, strict=True):
            ndimage.map_coordinates(image, places, order=1, mode="grid-constant")

    model = build(MnistOptions())
    optimizer, loss = rl.optim.Adam(model.parameters()), rl.nn.NLLLoss()
    labels = rl.from_numpy(keys % 10)

    def step() -> None:
        optimizer.zero_grad()
        loss(model(images), labels).backward()
        optimizer.step()

    data = TensorDataset(x, keys)
    jobs: dict[str, Callable[[], Any]] = {
        "`RandomAffine`": lambda: affine.keyed(x, generator, keys),
        "`ElasticTransform`": lambda: elastic.keyed(x, generator, keys),
        "`Warp` of both": lambda: both.keyed(x, generator, keys),
        "reading alone, by `scipy.ndimage.map_coordinates`, order 1": each,
        "reading alone, by `functional.grid_sample`": lambda: rl.nn.functional.grid_sample(
            images, grid, align_corners=True
        ),
        "filtering both fields alone, by `scipy.ndimage.gaussian_filter`": lambda: (
            ndimage.gaussian_filter(noise, 4, mode="constant", axes=(2, 3))
        ),
        "a loader's batch, `Augmented` by `Warp` of both": lambda: list(
            DataLoader(Augmented(data, both, seed=0), BATCH, shuffle=True)
        ),
        "a training step of `rushlight train mnist`": step,
    }
    print("| what | microseconds |\n|---|---|")
    for name, microseconds in least(jobs, rounds).items():
        print(f"| {name} | {microseconds:.0f} |")


if __name__ == "__main__":
    main()
