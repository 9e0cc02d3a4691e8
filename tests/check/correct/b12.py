import numpy as np
import scipy.signal


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


class Conv2d(Module):
    def __init__(self, in_channels, out_channels, kernel_size):
        super(Conv2d, self).__init__()
        assert kernel_size % 2 == 1, kernel_size
        stdv = 1. / np.sqrt(in_channels)
        self.W = np.random.uniform(-stdv, stdv, size=(out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.random.uniform(-stdv, stdv, size=(out_channels,))
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel_size
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)

    def pairs(self):
        return [(o, c) for o in range(self.out_channels) for c in range(self.in_channels)]

    def updateOutput(self, input):
        n, _, h, w = input.shape
        self.output = np.zeros((n, self.out_channels, h, w)) + self.b[:, None, None]
        for i in range(n):
            for o, c in self.pairs():
                self.output[i, o] += scipy.signal.correlate2d(input[i, c], self.W[o, c], mode='same')
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.zeros(input.shape)
        for i in range(len(input)):
            for o, c in self.pairs():
                self.gradInput[i, c] += scipy.signal.convolve2d(gradOutput[i, o], self.W[o, c], mode='same')
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        p = self.kernel_size // 2
        x = np.pad(input, ((0, 0), (0, 0), (p, p), (p, p)))
        for o, c in self.pairs():
            self.gradW[o, c] += scipy.signal.correlate(x[:, c], gradOutput[:, o], mode='valid')[0]
        self.gradb += gradOutput.sum((0, 2, 3))

    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
