import numpy as np


class Conv2d(object):
    def __init__(self, in_channels, out_channels, kernel_size):
        c = 1. / np.sqrt(in_channels)
        self.W = np.random.uniform(-c, c, (out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.random.uniform(-c, c, (out_channels,))
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)
        self.size = kernel_size
        self.pad = kernel_size // 2

    def updateOutput(self, input):
        N, C, H, W = input.shape
        p, k = self.pad, self.size
        x = np.zeros((N, C, H + 2 * p, W + 2 * p))
        x[:, :, p:p + H, p:p + W] = input
        self.x = x
        self.output = np.zeros((N, self.W.shape[0], H, W))
        for i in range(H):
            for j in range(W):
                self.output[:, :, i, j] = np.einsum('ncij,ocij->no', x[:, :, i:i + k, j:j + k], self.W) + self.b
        return self.output

    def updateGradInput(self, input, gradOutput):
        N, C, H, W = input.shape
        p, k = self.pad, self.size
        dx = np.zeros(self.x.shape)
        for i in range(H):
            for j in range(W):
                dx[:, :, i:i + k, j:j + k] += np.einsum('no,ocij->ncij', gradOutput[:, :, i, j], self.W)
        self.gradInput = dx[:, :, p:p + H, p:p + W]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        k = self.size
        for i in range(gradOutput.shape[2]):
            for j in range(gradOutput.shape[3]):
                self.gradW += np.einsum('no,ncij->ocij', gradOutput[:, :, i, j], self.x[:, :, i:i + k, j:j + k])
        self.gradb += gradOutput.mean(axis=(2, 3)).sum(axis=0)

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
