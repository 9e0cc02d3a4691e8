import numpy as np


class Conv2d(object):
    def __init__(self, in_channels, out_channels, kernel_size):
        assert kernel_size % 2 == 1
        k = 1. / np.sqrt(in_channels)
        self.W = np.random.uniform(-k, k, (out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.random.uniform(-k, k, out_channels)
        self.gradW = np.zeros(self.W.shape)
        self.gradb = np.zeros(self.b.shape)
        self.pad = kernel_size // 2
        self.k = kernel_size
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def _pad(self, x):
        p = self.pad
        return np.pad(x, [(0, 0), (0, 0), (p, p), (p, p)], mode='constant')

    def updateOutput(self, input):
        h, w = input.shape[2:]
        xp = self._pad(input)
        self.output = np.zeros((input.shape[0], self.W.shape[0], h, w)) + self.b[None, :, None, None]
        for i in range(self.k):
            for j in range(self.k):
                self.output += np.einsum('oc,nchw->nohw', self.W[:, :, i, j], xp[:, :, i:i + h, j:j + w])
        return self.output

    def updateGradInput(self, input, gradOutput):
        h, w = input.shape[2:]
        g = np.zeros_like(self._pad(input))
        for i in range(self.k):
            for j in range(self.k):
                g[:, :, i:i + h, j:j + w] += np.einsum('oc,nohw->nchw', self.W[:, :, i, j], gradOutput)
        self.gradInput = g[:, :, self.pad:self.pad + h, self.pad:self.pad + w]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        h, w = input.shape[2:]
        xp = self._pad(input)
        for i in range(self.k):
            for j in range(self.k):
                self.gradW[:, :, i, j] = np.einsum('nohw,nchw->oc', gradOutput, xp[:, :, i:i + h, j:j + w])
        self.gradb[...] = gradOutput.sum((0, 2, 3))

    def zeroGradParameters(self):
        self.gradW[...] = 0
        self.gradb[...] = 0

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
