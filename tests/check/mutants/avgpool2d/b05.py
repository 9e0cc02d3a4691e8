import numpy as np


class AvgPool2d:
    def __init__(self, kernel_size, stride=None, padding=0):
        pair = lambda v: (v, v) if isinstance(v, int) else tuple(v)
        self.k, self.p = pair(kernel_size), pair(padding)
        self.s = self.k if stride is None else pair(stride)
        self.output = self.gradInput = None

    def _slices(self, oh, ow):
        for i in range(self.k[0]):
            for j in range(self.k[1]):
                yield (Ellipsis, slice(i, i + self.s[0] * (oh - 1) + 1, self.s[0]),
                       slice(j, j + self.s[1] * (ow - 1) + 1, self.s[1]))

    def updateOutput(self, input):
        (ph, pw) = self.p
        x = np.pad(input, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
        oh = (x.shape[2] - self.k[0]) // self.s[0] + 1
        ow = (x.shape[3] - self.k[1]) // self.s[1] + 1
        self.output = sum(x[sl] for sl in self._slices(oh, ow)) / (self.k[0] * self.k[1])
        return self.output

    def updateGradInput(self, input, gradOutput):
        (ph, pw) = self.p
        n, c, h, w = input.shape
        grad = np.zeros((n, c, h + 2 * ph, w + 2 * pw))
        for sl in self._slices(*gradOutput.shape[2:]):
            grad[sl] += gradOutput
        grad /= self.k[0] * self.k[1]
        self.gradInput = grad[:, :, -h:, -w:]
        return self.gradInput

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)
