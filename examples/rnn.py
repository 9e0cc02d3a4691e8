"""A recurrent network that tells noisy waves apart, as one would write it with torch.

Only the imports tell which library runs it: with torch's names there, it is the same program.
"""

import math
import sys

import rushlight as torch
import rushlight.nn as nn


class Classifier(nn.Module):
    """Two layers of tanh units; what the upper one gives on average says which wave it was."""

    def __init__(self, hidden=24, classes=3):
        super().__init__()
        self.rnn = nn.RNN(1, hidden, num_layers=2, batch_first=True)
        self.head = nn.Linear(hidden, classes)

    def forward(self, x):
        y, _ = self.rnn(x)
        return self.head(y.mean(dim=1))


def make_model():
    return Classifier()


def make_data(n=96, steps=24, noise=0.2):
    """Return sequences (n, steps, 1) of sines, square waves and saw teeth, and which they are."""
    kind = torch.arange(n) % 3
    phase = torch.rand(n, 1) + torch.arange(steps) / 12.0
    sine = torch.sin(2 * math.pi * phase)
    saw = 2 * (phase - torch.floor(phase)) - 1
    waves = torch.stack([sine, torch.sign(sine), saw])
    x = waves[kind, torch.arange(n)] + noise * torch.randn(n, steps)
    return x.unsqueeze(-1), kind


def train(model, data, steps=50, lr=1e-2):
    """Train on the whole of the data; return the loss of each step."""
    x, kind = data
    loss_of = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    model.train()
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of(model(x), kind)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())
    return losses


def accuracy(model, data):
    """Return the share of sequences that are named right."""
    x, kind = data
    model.eval()
    with torch.no_grad():
        return (model(x).argmax(dim=1) == kind).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = make_model()
    losses = train(model, make_data(), steps=int(sys.argv[1]) if len(sys.argv) > 1 else 100)
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    print(f"new waves named right {accuracy(model, make_data()):.3f}")
