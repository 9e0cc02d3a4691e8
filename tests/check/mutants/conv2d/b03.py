import numpy as np
from scipy import signal


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size):
        s = 1 / np.sqrt(in_channels)
        self.W = np.random.uniform(-s, s, (out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.random.uniform(-s, s, (out_channels,))
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)
        self.kernel_size = kernel_size
        self.training = True

    def updateOutput(self, input):
        out = []
        for x in input:
            maps = [sum(signal.convolve2d(x[c], self.W[o, c], mode='same') for c in range(len(x))) + self.b[o]
                    for o in range(len(self.W))]
            out.append(maps)
        self.output = np.array(out)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.zeros_like(input)
        for n in range(input.shape[0]):
            for c in range(input.shape[1]):
                for o in range(gradOutput.shape[1]):
                    self.gradInput[n, c] += signal.convolve(gradOutput[n, o], self.W[o, c], mode='same')
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        p = self.kernel_size // 2
        xp = np.pad(input, ((0, 0), (0, 0), (p, p), (p, p)))
        for o in range(self.W.shape[0]):
            for c in range(self.W.shape[1]):
                for n in range(len(input)):
                    self.gradW[o, c] += signal.correlate2d(xp[n, c], gradOutput[n, o], mode='valid')
        self.gradb += np.sum(gradOutput, axis=(0, 2, 3))

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
