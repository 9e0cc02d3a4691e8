import torch
from torch import nn


class LogSoftMax(nn.Module):
    """log(exp(x_i) / sum_j exp(x_j))"""

    def __init__(self, dim=1):
        super().__init__()
        self.dim = dim

    def forward(self, x):
        exps = x.exp()
        denominator = exps.sum(dim=self.dim, keepdim=True)
        return x - denominator.log()
