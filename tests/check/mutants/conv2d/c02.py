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


class Conv2d(Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True):
        super().__init__()
        pair = lambda v: v if isinstance(v, tuple) else (v, v)
        self.k, self.s, self.p, self.bias = pair(kernel_size), pair(stride), pair(padding), bias
        std = np.sqrt(2 / (in_channels * self.k[0] * self.k[1]))
        self.W = np.random.normal(0, std, (out_channels, in_channels) + self.k)
        self.b = np.zeros(out_channels)
        self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)

    def _windows(self, x):
        (a, b), (s, t) = self.p, self.s
        x = np.pad(x, ((0, 0), (0, 0), (a, a), (b, b)))
        return x, sliding_window_view(x, self.k, axis=(2, 3))[:, :, ::s, ::t]

    def updateOutput(self, input):
        self.output = np.einsum('nchwij,ocij->nohw', self._windows(input)[1], self.W)
        if self.bias:
            self.output += self.b[:, None, None]
        return self.output

    def updateGradInput(self, input, gradOutput):
        g = np.zeros_like(self._windows(input)[0])
        H, W = gradOutput.shape[2:]
        for i in range(self.k[0]):
            for j in range(self.k[1]):
                g[:, :, i:i + H * self.s[0]:self.s[0], j:j + W * self.s[1]:self.s[1]] += \
                    np.einsum('nohw,oc->nchw', gradOutput, self.W[:, :, i, j])
        self.gradInput = g[:, :, self.p[0]:-self.p[0], self.p[1]:-self.p[1]]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        self.gradW += np.einsum('nohw,nchwij->ocij', gradOutput, self._windows(input)[1])
        if self.bias:
            self.gradb += gradOutput.sum((0, 2, 3))

    def zeroGradParameters(self):
        self.gradW[...] = 0
        self.gradb[...] = 0

    def getParameters(self):
        return [self.W, self.b] if self.bias else [self.W]

    def getGradParameters(self):
        return [self.gradW, self.gradb] if self.bias else [self.gradW]
