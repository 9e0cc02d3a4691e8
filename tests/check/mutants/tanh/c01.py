import torch
from torch import nn


class Tanh(nn.Module):
    """Гиперболический тангенс своими руками."""

    def forward(self, x):
        e = torch.exp(2 * x)
        return (e - 1) / (e + 1)
