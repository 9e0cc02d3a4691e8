"""Small nets and data that the tests of the Trainer share."""

import numpy as np

import rushlight as rl
from rushlight import nn
from rushlight.train import Trainer


def line(n=60, seed=0):
    """Return X (n, 3) and y (n, 1), a linear function of it."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3)).astype("float32")
    return x, (x @ np.array([[1.0], [-2.0], [0.5]], "float32"))


def blobs(n=90, seed=0):
    """Return X (n, 2) and y (n,), three classes far apart."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    centres = np.array([[0, 3], [3, -2], [-3, -2]])
    return (centres[y] + 0.3 * rng.normal(size=(n, 2))).astype("float32"), y


def regressor(**options):
    """Return a Trainer of a linear net, silent."""
    rl.manual_seed(0)
    options = {"loss": "mse", "lr": 0.05, "progress": "none", "seed": 0, **options}
    return Trainer(options.pop("model", None) or nn.Linear(3, 1), **options)


def classifier(**options):
    """Return a Trainer of a small net for `blobs`, silent."""
    rl.manual_seed(0)
    net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 3))
    options = {"loss": "cross_entropy", "lr": 0.02, "progress": "none", "seed": 0, **options}
    return Trainer(net, **options)


def weights(trainer):
    """Return all parameters as one array."""
    return np.concatenate([p.detach().numpy().ravel() for p in trainer.model.parameters()])


class Table:
    """Stands for a data frame: an array underneath, indexed by the names of columns."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype)

    def __len__(self):
        return len(self.values)

    def __getitem__(self, name):
        raise KeyError(name)
