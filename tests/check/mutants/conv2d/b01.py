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

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False


class Conv2d(Module):
    def __init__(self, in_channels, out_channels, kernel_size):
        super(Conv2d, self).__init__()
        assert kernel_size % 2 == 1, kernel_size
        stdv = 1. / np.sqrt(in_channels)
        self.W = np.random.uniform(-stdv, stdv, size=(out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.random.uniform(-stdv, stdv, size=(out_channels,))
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = kernel_size
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)

    def updateOutput(self, input):
        pad_size = self.kernel_size // 2
        padded = np.pad(input, ((0, 0), (0, 0), (pad_size, pad_size), (pad_size, pad_size)))
        n, _, h, w = input.shape
        self.output = np.zeros((n, self.out_channels, h, w))
        for i in range(n):
            for o in range(self.out_channels):
                for c in range(self.in_channels):
                    self.output[i, o] += scipy.signal.correlate(padded[i, c], self.W[o, c], mode='valid')
                self.output[i, o] += self.b[o]
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.zeros(input.shape)
        for i in range(len(input)):
            for o in range(self.out_channels):
                for c in range(self.in_channels):
                    self.gradInput[i, c] += scipy.signal.convolve2d(gradOutput[i, o], self.W[o, c], mode='same')
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        self.gradb += gradOutput.sum(axis=(0, 2, 3))

    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
