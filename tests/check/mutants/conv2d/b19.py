import numpy as np
import scipy.signal


class Conv2d(object):
    def __init__(self, in_channels, out_channels, kernel_size):
        assert kernel_size % 2 == 1, 'only odd kernels'
        stdv = 1. / np.sqrt(in_channels)
        self.W = np.random.uniform(-stdv, stdv, size=(out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.random.uniform(-stdv, stdv, size=(out_channels,))
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)
        self.pad = kernel_size // 2
        self.training = True

    def updateOutput(self, input):
        pad = self.pad
        x = np.pad(input, [(0, 0), (0, 0), (pad, pad), (pad, pad)], mode='constant')
        result = []
        for kernel in self.W:
            result.append(scipy.signal.correlate(x, kernel[None], mode='valid')[:, 0])
        self.output = np.stack(result, axis=1)
        return self.output

    def updateGradInput(self, input, gradOutput):
        pad = self.pad
        g = np.pad(gradOutput, [(0, 0), (0, 0), (pad, pad), (pad, pad)], mode='constant')
        result = []
        for c in range(self.W.shape[1]):
            kernel = self.W[:, c, ::-1, ::-1]
            result.append(scipy.signal.correlate(g, kernel[None], mode='valid')[:, 0])
        self.gradInput = np.stack(result, axis=1)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pad = self.pad
        x = np.pad(input, [(0, 0), (0, 0), (pad, pad), (pad, pad)], mode='constant')
        for o in range(self.W.shape[0]):
            for c in range(self.W.shape[1]):
                self.gradW[o, c] += scipy.signal.correlate(x[:, c], gradOutput[:, o], mode='valid')[0]
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
