import torch
from torch import nn
import torch.nn.functional as F


class MaxPool2d(nn.Module):
    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        as_pair = lambda v: v if isinstance(v, tuple) else (v, v)
        self.kernel_size = as_pair(kernel_size)
        self.stride = self.kernel_size if stride is None else as_pair(stride)
        self.padding = as_pair(padding)

    def forward(self, x):
        ph, pw = self.padding
        x = F.pad(x, (pw, pw, ph, ph), value=float('-inf'))
        win = x.unfold(2, self.kernel_size[0], self.stride[0]).unfold(3, self.kernel_size[1], self.stride[1])
        win = win.flatten(4)
        best, index = win[..., 0], torch.zeros(win.shape[:-1], dtype=torch.long)
        for t in range(1, win.shape[-1]):
            better = win[..., t] > best
            best = torch.where(better, win[..., t], best)
            index = torch.where(better, torch.full_like(index, t), index)
        return win.gather(-1, index[..., None])[..., 0]
