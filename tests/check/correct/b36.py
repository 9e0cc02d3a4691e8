import numpy as np


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True, padding_mode='zeros'):
        two = lambda v: (v, v) if isinstance(v, int) else tuple(v)
        self.k, self.s, self.mode, self.bias = two(kernel_size), two(stride), padding_mode, bias
        if padding == 'same':
            padding = [((k - 1) // 2, k // 2) for k in self.k]
        else:
            padding = [(p, p) for p in two(0 if padding == 'valid' else padding)]
        self.pads = padding
        self.W = np.random.normal(0, (2 / (in_channels * self.k[0] * self.k[1])) ** 0.5, (out_channels, in_channels) + self.k)
        self.b = np.zeros(out_channels) if bias else None
        self._grads = {}

    def _grad(self, name):
        return self._grads.setdefault(name, np.zeros_like(getattr(self, name)))

    @property
    def gradW(self):
        return self._grad('W')

    @property
    def gradb(self):
        return self._grad('b') if self.bias else None

    def _source(self, size, axis):
        """number of the pixel under each padded cell, size for a zero"""
        a, b = self.pads[axis]
        t = np.arange(-a, size + b)
        if self.mode == 'zeros':
            return np.where((t < 0) | (t >= size), size, t)
        if self.mode == 'circular':
            return t % size
        if self.mode == 'reflect':
            return size - 1 - abs(size - 1 - abs(t))
        return np.minimum(np.maximum(t, 0), size - 1)

    def _index(self, x):
        grid = []
        for axis in (0, 1):
            src = self._source(x.shape[2 + axis], axis)
            n = (len(src) - self.k[axis]) // self.s[axis] + 1
            grid.append(src[np.arange(n)[:, None] * self.s[axis] + np.arange(self.k[axis])])
        return grid[0][:, None, :, None], grid[1][None, :, None, :]

    def _cols(self, x):
        x = np.pad(x, ((0, 0), (0, 0), (0, 1), (0, 1)))
        return x[(slice(None), slice(None)) + self._index(x[:, :, :-1, :-1])]

    def updateOutput(self, input):
        self.output = np.tensordot(self._cols(input), self.W, ((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)
        if self.bias:
            self.output = self.output + self.b[:, None, None]
        return self.output

    def updateGradInput(self, input, gradOutput):
        g = np.zeros(input.shape[:2] + (input.shape[2] + 1, input.shape[3] + 1))
        cols = np.tensordot(gradOutput, self.W, (1, 0)).transpose(0, 3, 1, 2, 4, 5)
        np.add.at(g, (slice(None), slice(None)) + self._index(input), cols)
        self.gradInput = g[:, :, :-1, :-1]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        g = self.gradW
        g += np.tensordot(gradOutput, self._cols(input), ((0, 2, 3), (0, 2, 3)))
        if self.bias:
            g = self.gradb
            g += gradOutput.sum((0, 2, 3))

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def zeroGradParameters(self):
        for g in self._grads.values():
            g.fill(0)

    def getParameters(self):
        return [self.W, self.b] if self.bias else [self.W]

    def getGradParameters(self):
        return [self.gradW, self.gradb] if self.bias else [self.gradW]
