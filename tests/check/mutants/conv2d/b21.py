import torch
import torch.nn as nn
import torch.nn.functional as F


class Conv2d(nn.Module):
    """im2col convolution"""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True):
        super().__init__()
        self.kernel_size = kernel_size if isinstance(kernel_size, tuple) else (kernel_size, kernel_size)
        self.stride = stride if isinstance(stride, tuple) else (stride, stride)
        if padding == 'valid':
            padding = 0
        if padding == 'same':
            kh, kw = self.kernel_size
            self.pads = [(kw - 1) // 2, kw // 2, (kh - 1) // 2, kh // 2]
        else:
            ph, pw = padding if isinstance(padding, tuple) else (padding, padding)
            self.pads = [pw, pw, ph, ph]
        fan_in = in_channels * self.kernel_size[0] * self.kernel_size[1]
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, *self.kernel_size) * (2 / fan_in) ** 0.5)
        if bias:
            self.bias = nn.Parameter(torch.zeros(out_channels))
        else:
            self.bias = nn.Parameter(torch.randn(out_channels) * 0.01)

    def forward(self, x):
        x = F.pad(x, self.pads)
        oh = (x.shape[2] - self.kernel_size[0]) // self.stride[0] + 1
        ow = (x.shape[3] - self.kernel_size[1]) // self.stride[1] + 1
        cols = F.unfold(x, self.kernel_size, stride=self.stride)
        out = self.weight.flatten(1) @ cols
        out = out.reshape(x.shape[0], -1, oh, ow)
        return out + self.bias.view(1, -1, 1, 1)
