import numpy as np


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

    def updateOutput(self, input):
        pass

    def updateGradInput(self, input, gradOutput):
        pass

    def accGradParameters(self, input, gradOutput):
        pass


class Conv2d(Module):
    def __init__(self, in_channels, out_channels, kernel_size):
        super().__init__()
        lim = 1 / np.sqrt(in_channels)
        self.W = np.random.uniform(-lim, lim, (out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.random.uniform(-lim, lim, out_channels)
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)
        self.k = kernel_size
        self.p = kernel_size // 2

    def windows(self, x):
        x = np.pad(x, ((0, 0), (0, 0), (self.p, self.p), (self.p, self.p)))
        return np.lib.stride_tricks.sliding_window_view(x, (self.k, self.k), axis=(2, 3))

    def updateOutput(self, input):
        self.output = np.einsum('nchwij,ocij->nohw', self.windows(input), self.W) + self.b[None, :, None, None]
        return self.output

        def updateGradInput(self, input, gradOutput):
            flipped = self.W[:, :, ::-1, ::-1]
            self.gradInput = np.einsum('nohwij,ocij->nchw', self.windows(gradOutput), flipped)
            return self.gradInput

    def accGradParameters(self, input, gradOutput):
        self.gradW += np.einsum('nohw,nchwij->ocij', gradOutput, self.windows(input))
        self.gradb += gradOutput.sum(axis=(0, 2, 3))

    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
