"""Training in several processes, each with a share of the data: `mpiexec -n 4 python train.py`.

A `Trainer` needs nothing of this: it shares each batch by itself. A loop by hand takes a
`DistributedSampler`, and a `GradientAverager` in the place of `loss.backward()`.
"""

from rushlight.distributed.agree import agree, broadcast_model
from rushlight.distributed.averager import GradientAverager
from rushlight.distributed.job import barrier, init, rank, size
from rushlight.distributed.sampler import DistributedSampler

__all__ = [
    "DistributedSampler",
    "GradientAverager",
    "agree",
    "barrier",
    "broadcast_model",
    "init",
    "rank",
    "size",
]
