import numpy as np


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size):
        if kernel_size % 2 == 0:
            raise ValueError('нужно нечётное ядро')
        d = 1 / np.sqrt(in_channels)
        self.k = kernel_size
        self.W = np.random.uniform(-d, d, (out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.random.uniform(-d, d, (out_channels,))
        self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)
        self._seen, self._cols = None, None
        self.training = True

    def _index(self, h, w):
        i0, j0 = np.divmod(np.arange(self.k ** 2), self.k)
        i1, j1 = np.divmod(np.arange(h * w), w)
        return i0[:, None] + i1, j0[:, None] + j1

    def _im2col(self, x):
        if self._seen is None or not np.array_equal(self._seen, x):
            p = self.k // 2
            n, c, h, w = x.shape
            i, j = self._index(h, w)
            cols = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))[:, :, i, j]
            self._seen, self._cols = x.copy(), cols.reshape(n, c * self.k ** 2, h * w)
        return self._cols

    def forward(self, input):
        y = np.matmul(self.W.reshape(len(self.W), -1), self._im2col(input)) + self.b[:, None]
        self.output = y.reshape(len(input), len(self.W), *input.shape[2:])
        return self.output

    def backward(self, input, gradOutput):
        n, c, h, w = input.shape
        p = self.k // 2
        g = gradOutput.reshape(n, len(self.W), h * w)
        dcols = np.matmul(self.W.reshape(len(self.W), -1).T, g).reshape(n, c, self.k ** 2, h * w)
        dx = np.zeros((n, c, h + 2 * p, w + 2 * p))
        np.add.at(dx, (slice(None), slice(None)) + self._index(h, w), dcols)
        self.gradInput = dx[:, :, p:p + h, p:p + w]
        self.gradW += np.matmul(g, self._im2col(input).transpose(0, 2, 1)).sum(0).reshape(self.W.shape)
        self.gradb += g.sum(axis=(0, 2))
        return self.gradInput

    updateOutput = forward

    def zeroGradParameters(self):
        self.gradW *= 0.
        self.gradb *= 0.

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
