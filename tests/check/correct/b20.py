import numpy as np


class Conv2d(object):
    def __init__(self, in_channels, out_channels, kernel_size):
        assert kernel_size % 2 == 1
        self.k = kernel_size
        s = 1. / np.sqrt(in_channels)
        self.W = np.random.uniform(-s, s, (out_channels, in_channels, self.k, self.k)).astype(np.float32)
        self.b = np.random.uniform(-s, s, out_channels).astype(np.float32)
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def _padded(self, x):
        r = self.k // 2
        return np.pad(x, ((0, 0), (0, 0), (r, r), (r, r)))

    def updateOutput(self, input):
        x = self._padded(input)
        N, _, H, Wd = input.shape
        self.output = np.empty((N, len(self.W), H, Wd), dtype=input.dtype)
        for o in range(len(self.W)):
            for i in range(H):
                for j in range(Wd):
                    patch = x[:, :, i:i + self.k, j:j + self.k]
                    self.output[:, o, i, j] = (patch * self.W[o]).sum(axis=(1, 2, 3)) + self.b[o]
        return self.output

    def updateGradInput(self, input, gradOutput):
        r = self.k // 2
        g = np.zeros_like(self._padded(input))
        for o in range(len(self.W)):
            for i in range(input.shape[2]):
                for j in range(input.shape[3]):
                    g[:, :, i:i + self.k, j:j + self.k] += gradOutput[:, o, i, j, None, None, None] * self.W[o]
        self.gradInput = g[:, :, r:r + input.shape[2], r:r + input.shape[3]]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        x = self._padded(input)
        for o in range(len(self.W)):
            for i in range(input.shape[2]):
                for j in range(input.shape[3]):
                    patch = x[:, :, i:i + self.k, j:j + self.k]
                    self.gradW[o] += (gradOutput[:, o, i, j, None, None, None] * patch).sum(0)
        self.gradb += gradOutput.sum((0, 2, 3))

    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
