import torch
import torch.nn as nn
import torch.nn.functional as F


class Conv2d(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True, padding_mode='zeros'):
        super().__init__()
        self.kernel_size = kernel_size if isinstance(kernel_size, tuple) else (kernel_size, kernel_size)
        self.stride = stride if isinstance(stride, tuple) else (stride, stride)
        kh, kw = self.kernel_size
        if padding == 'same':
            self.pad = ((kw - 1) // 2, kw // 2, (kh - 1) // 2, kh // 2)
        else:
            padding = 0 if padding == 'valid' else padding
            ph, pw = padding if isinstance(padding, tuple) else (padding, padding)
            self.pad = (pw, pw, ph, ph)
        self.mode = 'constant' if padding_mode == 'zeros' else padding_mode
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kh, kw) * (2 / (in_channels * kh * kw)) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(out_channels)) if bias else None

    def forward(self, x):
        x = F.pad(x, self.pad, mode=self.mode)
        win = x.unfold(2, self.kernel_size[0], self.stride[0]).unfold(3, self.kernel_size[1], self.stride[1])
        out = torch.einsum('nchwij,ocij->nohw', win, self.weight)
        if self.bias is not None:
            out = out + self.bias.view(1, -1, 1, 1)
        return out
