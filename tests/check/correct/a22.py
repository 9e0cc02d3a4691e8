import torch
from torch import nn


class SoftPlus(nn.Module):
    def forward(self, x):
        zero = torch.zeros_like(x)
        return torch.logaddexp(x, zero)
