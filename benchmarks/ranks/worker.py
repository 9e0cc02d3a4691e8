"""One process of the benchmark of ranks: does what it is told over a socket, tells the seconds.

python worker.py KIND SOCKET [NUMBER FOLDER]: KIND is rushlight (a rank where mpiexec has started
it), or torch; with NUMBER and FOLDER, torch is one of two that DistributedDataParallel joins.
"""

from __future__ import annotations

import datetime
import importlib
import itertools
import os
import sys
import time
from collections.abc import Callable
from multiprocessing.connection import Client
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from workloads import build, net

FORMATS = {"torch": False, "torch-channels-last": True}


def torch_step(workload: str, peer: str, joined: bool) -> Callable[[], Any]:
    """Return a training step of torch, of one process or of two."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)
    wrap = None
    if joined:
        from torch.nn.parallel import DistributedDataParallel

        def wrap(model: Any) -> Any:
            return DistributedDataParallel(model, gradient_as_bucket_view=True)

    return build(workload, torch, channels_last=FORMATS[peer], wrap=wrap).step


def averaged_step(workload: str) -> tuple[Callable[[], Any], Any]:
    """Return a training step by hand, and its averager (None in one process)."""
    import rushlight as rl
    from rushlight.distributed import GradientAverager, broadcast_model, size

    rl.set_num_threads(1)
    if size() == 1:
        return build(workload, rl).step, None
    made: list[Any] = []

    def backward(model: Any) -> Callable[[Any], None]:
        broadcast_model(model)
        made.append(GradientAverager(model))
        return lambda loss: made[0].backward(loss, net(workload)[1])

    step = build(workload, rl, backward=backward).step
    return step, made[0]


def in_step(workload: str) -> Callable[[], Any]:
    """Return a step of a rank that waits for the others behind backward, and sends nothing."""
    import rushlight as rl
    from rushlight.distributed import barrier

    rl.set_num_threads(1)

    def backward(_: Any) -> Callable[[Any], None]:
        def walk(loss: Any) -> None:
            loss.backward()
            barrier()

        return walk

    return build(workload, rl, backward=backward).step


def trained(workload: str) -> Callable[[int], list[float]]:
    """Return a function that makes so many steps by the Trainer and tells the seconds of each."""
    import numpy as np

    import rushlight as rl
    from rushlight.data import TensorDataset
    from rushlight.distributed import size
    from rushlight.train import Callback, Trainer

    rl.set_num_threads(1)
    make, rows, shape, _ = net(workload)
    stamps: list[float] = []

    class Stamps(Callback):
        def on_batch_end(self, **_: Any) -> None:
            stamps.append(time.perf_counter())

    options = {"progress": "none", "callbacks": [Stamps()], "metrics": (), "optimizer": "adam"}
    trainer = Trainer(make(rl.nn), "cross_entropy", seed=0, **options)
    source = np.random.default_rng(0)

    def run(count: int) -> list[float]:
        x = source.random((count * rows * size(), *shape), np.float32)
        data = TensorDataset(rl.tensor(x), rl.tensor(source.integers(0, 10, len(x))))
        stamps.clear()
        trainer.fit(data, epochs=1, batch_size=rows * size())
        return [after - before for before, after in itertools.pairwise(stamps)]

    return run


def by_hand(step: Callable[[], Any]) -> Callable[[int], list[float]]:
    """Return a function that makes so many steps and tells the seconds of each."""

    def run(count: int) -> list[float]:
        times = [time.perf_counter()]
        for _ in range(count):
            step()
            times.append(time.perf_counter())
        return [after - before for before, after in itertools.pairwise(times)]

    return run


def timeline(step: Callable[[], Any], averager: Any, count: int) -> list[Any]:
    """Return the timelines of some steps."""
    found = []
    for _ in range(count):
        averager.timeline = []
        step()
        found.append(averager.timeline)
    averager.timeline = None
    return found


def join_torch(number: int, folder: str) -> None:
    """Join the other process; both meet through a file, and talk over the loopback."""
    from torch import distributed

    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    met = f"file://{folder}/gloo"
    wait = datetime.timedelta(seconds=60)
    distributed.init_process_group("gloo", met, wait, world_size=2, rank=number)


def main() -> None:
    """Serve jobs until the socket is closed."""
    kind, socket, *joined = sys.argv[1:]
    rank = 0
    if joined:
        rank = int(joined[0])
        join_torch(rank, joined[1])
    elif kind == "rushlight":
        from rushlight import distributed

        rank = distributed.rank()
    made: dict[Any, Any] = {}
    with Client(socket, "AF_UNIX") as to:
        to.send(rank)
        while True:
            try:
                what, workload, count = to.recv()
            except EOFError:
                break
            key = what, workload
            if what == "timeline":
                to.send(timeline(*made["by hand", workload][1:], count))
                continue
            if key not in made:
                averager = None
                if what in FORMATS:
                    step = torch_step(workload, what, bool(joined))
                elif what == "in step":
                    step = in_step(workload)
                elif what == "by hand":
                    step, averager = averaged_step(workload)
                run = trained(workload) if what == "trainer" else by_hand(step)
                made[key] = (run, None if what == "trainer" else step, averager)
            to.send(made[key][0](count))


if __name__ == "__main__":
    main()
