import numpy as np


class MaxPool2d:
    def __init__(self, kernel_size, stride=None, padding=0):
        to_pair = lambda v: (v, v) if np.isscalar(v) else tuple(v)
        self.kernel_size = to_pair(kernel_size)
        self.stride = to_pair(kernel_size if stride is None else stride)
        self.padding = to_pair(padding)

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def updateOutput(self, input):
        ph, pw = self.padding
        x = np.pad(input, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=-np.inf)
        kh, kw = self.kernel_size
        N, C, H, W = x.shape
        s = x.strides
        oh, ow = (H - kh) // self.stride[0] + 1, (W - kw) // self.stride[1] + 1
        windows = np.lib.stride_tricks.as_strided(
            x, (N, C, oh, ow, kh, kw), s[:2] + (s[2] * self.stride[0], s[3] * self.stride[1]) + s[2:])
        windows = windows.reshape(N, C, oh, ow, -1)
        self.max_indices = windows.argmax(-1)
        self.output = windows.max(-1)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.zeros_like(input)
        dy, dx = np.divmod(self.max_indices, self.kernel_size[1])
        oh, ow = gradOutput.shape[2:]
        y = np.arange(oh)[:, None] * self.stride[0] + dy
        x = np.arange(ow) * self.stride[1] + dx
        n = np.arange(len(input))[:, None, None, None]
        c = np.arange(input.shape[1])[:, None, None]
        np.add.at(self.gradInput, (n, c, y, x), gradOutput)
        return self.gradInput
