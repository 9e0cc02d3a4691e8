import numpy as np
from scipy.signal import correlate2d


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
    def __init__(self, in_channels, out_channels, kernel_size):
        super().__init__()
        assert kernel_size % 2 == 1
        s = 1. / np.sqrt(in_channels)
        self.W = np.random.uniform(-s, s, size=(out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.random.uniform(-s, s, size=(out_channels,))
        self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)
        self.pad = kernel_size // 2

    def updateOutput(self, input):
        out = np.zeros((len(input), len(self.W)) + input.shape[2:])
        for n in range(len(input)):
            for o, w in enumerate(self.W):
                out[n, o] = sum(correlate2d(x, k, 'same') for x, k in zip(input[n], w)) + self.b[o]
        self.output = out
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.zeros_like(input)
        for n in range(len(input)):
            for o, w in enumerate(self.W):
                for c in range(input.shape[1]):
                    self.gradInput[n, c] += correlate2d(gradOutput[n, o], w[c], mode='same')
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        p = self.pad
        padded = np.pad(input, ((0, 0), (0, 0), (p, p), (p, p)))
        for n in range(len(input)):
            for o in range(len(self.W)):
                for c in range(input.shape[1]):
                    self.gradW[o, c] += correlate2d(padded[n, c], gradOutput[n, o], mode='valid')
        self.gradb += gradOutput.sum(axis=(0, 2, 3))

    def zeroGradParameters(self):
        self.gradW.fill(0), self.gradb.fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
