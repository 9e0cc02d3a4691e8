import numpy as np
from scipy.signal import correlate2d, convolve2d


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size):
        bound = 1 / in_channels ** 0.5
        self.W = np.random.uniform(-bound, bound, (out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.random.uniform(-bound, bound, out_channels)
        self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)
        self.in_channels, self.out_channels = in_channels, out_channels
        self.pad = kernel_size // 2
        self.training = True

    def updateOutput(self, input):
        N, _, H, W = input.shape
        self.output = np.zeros((N, self.out_channels, H, W))
        for n in range(N):
            for o in range(self.out_channels):
                for c in range(self.in_channels):
                    self.output[n, o] += correlate2d(input[n, c], self.W[o, c], mode='same')
                self.output[n, o] += self.b[o]
            return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.zeros(input.shape)
        for n in range(len(input)):
            for o in range(self.out_channels):
                for c in range(self.in_channels):
                    self.gradInput[n, c] += convolve2d(gradOutput[n, o], self.W[o, c], mode='same')
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        p = self.pad
        padded = np.pad(input, ((0, 0), (0, 0), (p, p), (p, p)), 'constant')
        for n in range(len(input)):
            for o in range(self.out_channels):
                for c in range(self.in_channels):
                    self.gradW[o, c] += correlate2d(padded[n, c], gradOutput[n, o], mode='valid')
        self.gradb += gradOutput.sum(axis=(0, 2, 3))

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
