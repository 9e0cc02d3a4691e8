"""The MNIST network twice: by explicit layers over arrays, and by autograd.

Both start from the same weights and see the same batches, so their losses are the same.

    python examples/classic_mnist_cnn.py [steps]
"""

import statistics
import sys
import time
import warnings

import numpy as np

import rushlight as rl
from rushlight import classic, nn
from rushlight.data import MNIST

BATCH = 64
ONE_HOT = np.eye(10, dtype=np.float32)
ADAM = {"learning_rate": 1e-3, "beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8}


class Explicit:
    """Layers whose forward and backward are called one by one; arrays go in and come out.

    ReLU follows the pooling, where it has a quarter to do: the maximum of ReLU is ReLU of the
    maximum. (Autograd's Sequential exchanges the two by itself.)
    """

    def __init__(self):
        self.net = classic.Sequential(
            classic.Conv2d(1, 16, 3, padding=1),
            classic.MaxPool2d(2),
            classic.ReLU(),
            classic.Conv2d(16, 32, 3, padding=1),
            classic.MaxPool2d(2),
            classic.ReLU(),
            classic.Flatten(),
            classic.Linear(32 * 7 * 7, 128),
            classic.ReLU(),
            classic.Linear(128, 10),
            classic.LogSoftMax(),
        )
        self.criterion = classic.ClassNLLCriterion()
        self.parameters = self.net.getParameters()  # the arrays stay the same ones
        self.gradients = self.net.getGradParameters()
        self.state = {}

    def step(self, images, labels):
        targets = ONE_HOT[labels]
        self.net.zeroGradParameters()
        output = self.net.forward(images)
        loss = self.criterion.forward(output, targets)
        # not backward: nobody needs the gradient by the images
        self.net.accGradParameters(images, self.criterion.backward(output, targets))
        classic.adam_optimizer(self.parameters, self.gradients, ADAM, self.state)
        return loss


class Autograd:
    """The same network with its gradients by autograd and the same rule of Adam."""

    def __init__(self, weights):
        self.net = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(32 * 7 * 7, 128),
            nn.ReLU(),
            nn.Linear(128, 10),
            nn.LogSoftmax(dim=1),
        )
        for parameter, weight in zip(self.net.parameters(), weights, strict=True):
            parameter.data = rl.tensor(weight)
        self.criterion = nn.NLLLoss()
        self.optimizer = rl.optim.Adam(
            self.net.parameters(),
            lr=ADAM["learning_rate"],
            betas=(ADAM["beta1"], ADAM["beta2"]),
            eps=ADAM["epsilon"],
            epsilon_hat=True,  # added to sqrt(v), as adam_optimizer does
        )

    def step(self, images, labels):
        self.optimizer.zero_grad()
        loss = self.criterion(self.net(rl.from_numpy(images)), rl.from_numpy(labels))
        loss.backward()
        self.optimizer.step()
        return loss.item()


def batches(steps, seed):
    """Iterate over random batches of images (N, 1, 28, 28) and labels (N)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where there is only the sample of 5,000 images
        images, labels = MNIST(download=False).arrays()
    rng = np.random.default_rng(seed)
    for _ in range(steps):
        chosen = rng.integers(0, len(images), BATCH)
        yield images[chosen], labels[chosen]


def train(steps, every=10, seed=0):
    """Train both, a step of each in turn; return their losses and seconds of each step."""
    rl.manual_seed(seed)
    explicit = Explicit()
    autograd = Autograd(explicit.parameters)
    losses, seconds = [], []
    for i, (images, labels) in enumerate(batches(steps, seed)):
        times = [time.perf_counter()]
        found = []
        for model in (explicit, autograd):
            found.append(model.step(images, labels))
            times.append(time.perf_counter())
        losses.append(found)
        seconds.append(np.diff(times))
        if every and (i % every == 0 or i == steps - 1):
            print(f"step {i:4}  loss explicit {found[0]:.6f}  autograd {found[1]:.6f}")
    return np.array(losses), np.array(seconds)


if __name__ == "__main__":
    losses, seconds = train(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
    apart = abs(losses[:, 0] / losses[:, 1] - 1).max()
    explicit, autograd = (statistics.median(column) * 1e3 for column in seconds.T)
    print(f"losses apart by {apart:.1e} at most (relative)")
    print(f"ms a step: explicit {explicit:.2f}, autograd {autograd:.2f}")
