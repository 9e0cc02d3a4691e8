"""Regression on sequences of different lengths, packed, as one would write it with torch.

Each sequence is a row of numbers with marks at two of them; their sum is asked for. Only the
imports tell which library runs it.
"""

import sys

import rushlight as torch
import rushlight.nn as nn
from rushlight.nn.utils.rnn import pack_padded_sequence


class Adder(nn.Module):
    """A GRU in both directions; their last states together give the number."""

    def __init__(self, hidden=32):
        super().__init__()
        self.gru = nn.GRU(2, hidden, batch_first=True, bidirectional=True)
        self.head = nn.Linear(2 * hidden, 1)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, state = self.gru(packed)
        return self.head(torch.cat([state[0], state[1]], dim=1)).squeeze(1)


def make_model():
    return Adder()


def make_data(n=64, longest=12):
    """Return padded sequences (n, longest, 2) of numbers and marks, lengths, and the sums."""
    lengths = torch.randint(2, longest + 1, (n,))
    inside = torch.arange(longest) < lengths.unsqueeze(1)
    numbers = torch.rand(n, longest)
    first = (torch.rand(n) * (lengths - 1)).long()
    second = first + 1 + (torch.rand(n) * (lengths - 1 - first)).long()
    at = torch.arange(longest)
    marks = ((at == first.unsqueeze(1)) | (at == second.unsqueeze(1))).float()
    x = torch.stack([numbers, marks], dim=2) * inside.unsqueeze(2)
    return x, lengths, (numbers * marks).sum(1)


def train(model, data, steps=50, lr=1e-2):
    """Train on the whole of the data; return the loss of each step."""
    x, lengths, sums = data
    loss_of = nn.MSELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    model.train()
    losses = []
    for _ in range(steps):
        optimizer.zero_grad()
        loss = loss_of(model(x, lengths), sums)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def error(model, data):
    """Return the mean distance from the right sums."""
    x, lengths, sums = data
    model.eval()
    with torch.no_grad():
        return (model(x, lengths) - sums).abs().mean().item()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = make_model()
    losses = train(model, make_data(), steps=int(sys.argv[1]) if len(sys.argv) > 1 else 200)
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    print(f"new sums are off by {error(model, make_data()):.3f}")
