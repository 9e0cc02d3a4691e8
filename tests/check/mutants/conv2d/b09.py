import numpy as np


def to_pair(x):
    return x if isinstance(x, tuple) else (x, x)


NP_MODE = dict(zeros='constant', reflect='symmetric', replicate='edge', circular='wrap')


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True, padding_mode='zeros'):
        self.ks, self.st = to_pair(kernel_size), to_pair(stride)
        self.mode = padding_mode
        if padding == 'same':
            self.pd = [((k - 1) // 2, k - 1 - (k - 1) // 2) for k in self.ks]
        else:
            self.pd = [(p, p) for p in to_pair(0 if padding == 'valid' else padding)]
        std = (2 / (in_channels * self.ks[0] * self.ks[1])) ** 0.5
        self.W = std * np.random.standard_normal((out_channels, in_channels, *self.ks))
        self.gradW = np.zeros_like(self.W)
        self.has_bias = bias
        if bias:
            self.b = np.zeros(out_channels)
            self.gradb = np.zeros(out_channels)

    def _indices(self, h, w):
        """for every padded cell the flat number of its source pixel; h * w is the zero cell"""
        idx = np.arange(h * w).reshape(h, w)
        if self.mode == 'zeros':
            idx = np.pad(idx, self.pd, constant_values=h * w)
        else:
            idx = np.pad(idx, self.pd, mode=NP_MODE[self.mode])
        win = np.lib.stride_tricks.sliding_window_view(idx, self.ks)
        return win[::self.st[0], ::self.st[1]]

    def _cols(self, x):
        n, c, h, w = x.shape
        flat = np.concatenate([x.reshape(n, c, -1), np.zeros((n, c, 1))], axis=2)
        return flat[:, :, self._indices(h, w)]

    def updateOutput(self, input):
        self.output = np.einsum('nchwij,ocij->nohw', self._cols(input), self.W, optimize=True)
        if self.has_bias:
            self.output += self.b[:, None, None]
        return self.output

    def updateGradInput(self, input, gradOutput):
        n, c, h, w = input.shape
        gcols = np.einsum('nohw,ocij->nchwij', gradOutput, self.W, optimize=True)
        flat = np.zeros((n, c, h * w + 1))
        np.add.at(flat, (slice(None), slice(None), self._indices(h, w)), gcols)
        self.gradInput = flat[:, :, :-1].reshape(input.shape)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        self.gradW += np.einsum('nohw,nchwij->ocij', gradOutput, self._cols(input), optimize=True)
        if self.has_bias:
            self.gradb += gradOutput.sum((0, 2, 3))

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def zeroGradParameters(self):
        for g in self.getGradParameters():
            g[...] = 0

    def getParameters(self):
        return [self.W, self.b] if self.has_bias else [self.W]

    def getGradParameters(self):
        return [self.gradW, self.gradb] if self.has_bias else [self.gradW]
