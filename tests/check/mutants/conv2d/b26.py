import numpy as np


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size):
        assert kernel_size % 2 == 1
        bound = 1 / np.sqrt(in_channels)
        self.W = np.random.uniform(-bound, bound, size=(out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.random.uniform(-bound, bound, size=out_channels)
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)
        self.kernel_size = kernel_size
        self.output = None
        self.gradInput = None

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def make_windows(self, x):
        k = self.kernel_size
        p = k // 2
        x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)), 'constant')
        n, c, h, w = x.shape
        a, b, r, s = x.strides
        return np.lib.stride_tricks.as_strided(x, (n, c, h - k + 1, w - k + 1, k, k), (a, b, r, s, r, s))

    def updateOutput(self, input):
        out = np.tensordot(self.make_windows(input), self.W, axes=[(1, 4, 5), (1, 2, 3)])
        self.output = np.transpose(out + self.b, (0, 3, 1, 2))
        return self.output

    def updateGradInput(self, input, gradOutput):
        kernel = np.rot90(self.W, 2, axes=(2, 3))
        out = np.tensordot(self.make_windows(gradOutput), kernel, axes=[(1, 4, 5), (0, 2, 3)])
        self.gradInput = np.transpose(out, (0, 3, 1, 2))
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        self.gradW = self.gradW + np.tensordot(gradOutput, self.make_windows(input), axes=[(0, 2, 3), (0, 2, 3)])
        self.gradb = self.gradb + np.sum(gradOutput, axis=(0, 2, 3))

    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
