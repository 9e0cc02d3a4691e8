"""Training in several processes, each with a share of the data: `mpiexec -n 4 python train.py`.

A `Trainer` needs nothing of this: it shares each batch by itself. A loop by hand takes a
`DistributedSampler`, and a `GradientAverager` in the place of `loss.backward()`; `shard` lets each
rank keep its part of an optimizer's state only.
"""

from rushlight.distributed.agree import agree, broadcast_model
from rushlight.distributed.averager import GradientAverager
from rushlight.distributed.job import barrier, init, rank, size
from rushlight.distributed.sampler import DistributedSampler
from rushlight.distributed.sharded import check_elementwise, shard

__all__ = [
    "DistributedSampler",
    "GradientAverager",
    "agree",
    "barrier",
    "broadcast_model",
    "check_elementwise",
    "init",
    "rank",
    "shard",
    "size",
]
