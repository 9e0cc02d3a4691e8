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
        super(Conv2d, self).__init__()
        assert kernel_size % 2 == 1, kernel_size
        self.kernel_size = kernel_size
        stdv = 1. / np.sqrt(in_channels)
        self.W = np.random.uniform(-stdv, stdv, size=(out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.random.uniform(-stdv, stdv, size=(out_channels,))
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)

    def _shifts(self, a):
        r = self.kernel_size // 2
        h, w = a.shape[2:]
        padded = np.pad(a, [(0, 0), (0, 0), (r, r), (r, r)])
        for i in range(self.kernel_size):
            for j in range(self.kernel_size):
                yield i, j, padded[:, :, i:i + h, j:j + w]

    def updateOutput(self, input):
        out = np.zeros((len(self.b), len(input)) + input.shape[2:])
        for i, j, x in self._shifts(input):
            out += np.tensordot(self.W[:, :, i, j], x, axes=(1, 1))
        self.output = out.swapaxes(0, 1) + self.b[:, None, None]
        return self.output

    def updateGradInput(self, input, gradOutput):
        flipped = self.W[:, :, ::-1, ::-1]
        grad = 0.
        for i, j, g in self._shifts(gradOutput):
            grad = grad + np.tensordot(flipped[:, :, i, j], g, axes=(0, 1))
        self.gradInput = grad.swapaxes(0, 1)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        for i, j, x in self._shifts(input):
            self.gradW[:, :, i, j] += np.tensordot(gradOutput, x, axes=((0, 2, 3), (0, 2, 3)))
        self.gradb += np.einsum('nohw->o', gradOutput)

    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
