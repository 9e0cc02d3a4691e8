import numpy as np
from numpy.lib.stride_tricks import as_strided


def windows(x, k, s):
    n, c, h, w = x.shape
    a, b, p, q = x.strides
    shape = (n, c, (h - k[0]) // s[0] + 1, (w - k[1]) // s[1] + 1, k[0], k[1])
    return as_strided(x, shape, (a, b, p * s[0], q * s[1], p, q))


class AvgPool2d:
    """Усреднение по окну; паддинг нулями, и нули считаются."""

    def __init__(self, kernel_size, stride=None, padding=0):
        two = lambda v: (v, v) if isinstance(v, int) else v
        self.k, self.p = two(kernel_size), two(padding)
        self.s = two(stride) if stride else self.k
        self.output = self.gradInput = None

    def pad(self, x):
        (ph, pw) = self.p
        return np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)))

    def updateOutput(self, input):
        self.output = windows(self.pad(input), self.k, self.s).mean(axis=(4, 5))
        return self.output

    def updateGradInput(self, input, gradOutput):
        grad = np.zeros_like(self.pad(input))
        view = windows(grad, self.k, self.s)
        for i in range(self.k[0]):
            for j in range(self.k[1]):
                view[..., i, j] += gradOutput / (self.k[0] * self.k[1])
        (ph, pw), (h, w) = self.p, input.shape[2:]
        self.gradInput = grad[:, :, ph:ph + h, pw:pw + w]
        return self.gradInput

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)
