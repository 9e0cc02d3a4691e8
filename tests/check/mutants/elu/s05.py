import torch
from torch import nn


class ELU(nn.Module):
    def __init__(self, alpha=1.0):
        super().__init__()

    def forward(self, x):
        positive = torch.clamp(x, min=0)
        negative = torch.clamp(torch.expm1(torch.clamp(x, max=0)), max=0)
        return positive + negative
