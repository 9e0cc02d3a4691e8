import torch
from torch import nn


class Dropout(nn.Module):
    def __init__(self, p: float = 0.5):
        super().__init__()
        if p < 0 or p >= 1:
            raise ValueError(f"dropout probability has to be in [0, 1), got {p}")
        self.p = p
        self.mask = None

    def forward(self, x):
        keep = 1 - self.p
        self.mask = torch.bernoulli(torch.full_like(x, keep))
        return x * self.mask / keep
