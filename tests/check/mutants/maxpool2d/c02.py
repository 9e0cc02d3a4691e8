import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


class Module(object):
    def __init__(self):
        self.output = None
        self.gradInput = None
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def zeroGradParameters(self):
        pass

    def getParameters(self):
        return []

    def getGradParameters(self):
        return []

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False


class MaxPool2d(Module):
    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        as_pair = lambda v: tuple(v) if np.ndim(v) else (v, v)
        self.k = as_pair(kernel_size)
        self.s = self.k if stride is None else as_pair(stride)
        self.p = as_pair(padding)

    def updateOutput(self, input):
        (a, b), (s, t) = self.p, self.s
        x = np.pad(input, ((0, 0), (0, 0), (a, a), (b, b)), constant_values=-np.inf)
        self.padded_shape = x.shape
        v = sliding_window_view(x, self.k, axis=(2, 3))[:, :, ::s, ::t]
        v = v.reshape(v.shape[:4] + (-1,))
        self.max_indices = v.argmax(-1)
        self.output = v.max(-1)
        return self.output

    def updateGradInput(self, input, gradOutput):
        g = np.zeros(self.padded_shape)
        n, c, i, j = np.indices(gradOutput.shape)
        rows = i * self.s[0] + self.max_indices // self.k[1]
        cols = j * self.s[1] + self.max_indices % self.k[1]
        g[n, c, rows, cols] += gradOutput
        h, w = input.shape[2:]
        self.gradInput = g[:, :, self.p[0]:self.p[0] + h, self.p[1]:self.p[1] + w]
        return self.gradInput
