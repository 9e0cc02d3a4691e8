import torch
from torch import nn
import torch.nn.functional as F


class AvgPool2d(nn.Module):
    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        pair = lambda v: v if isinstance(v, tuple) else (v, v)
        self.kernel_size = pair(kernel_size)
        self.stride = pair(stride) if stride is not None else self.kernel_size
        self.padding = pair(padding)

    def forward(self, x):
        ph, pw = self.padding
        x = F.pad(x, (ph, ph, pw, pw))
        windows = x.unfold(2, self.kernel_size[0], self.stride[0])
        windows = windows.unfold(3, self.kernel_size[1], self.stride[1])
        return windows.mean(dim=(-2, -1))
