import math

import torch
from torch import nn


class Linear(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        k = 1 / math.sqrt(in_features)
        self.weight = nn.Parameter(torch.empty(out_features, in_features).uniform_(-k, k))
        if bias:
            self.bias = nn.Parameter(torch.empty(out_features).uniform_(-k, k))
        else:
            self.register_parameter('bias', None)

    def forward(self, x):
        return torch.einsum('...i,oi->...o', x, self.weight)

    def extra_repr(self):
        return f'{self.weight.shape[1]} -> {self.weight.shape[0]}'
