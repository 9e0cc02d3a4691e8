import torch
import torch.nn as nn


class SoftPlus(nn.Module):
    def __init__(self, beta=1.0):
        super().__init__()
        self.beta = beta

    def forward(self, x):
        out = torch.log(1 + torch.exp(self.beta * x))
        return out / self.beta
