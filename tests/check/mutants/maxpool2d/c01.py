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


class MaxPool2d(Module):
    def __init__(self, kernel_size):
        super(MaxPool2d, self).__init__()
        self.kernel_size = kernel_size
        self.max_indices = None

    def _cut(self, input):
        k = self.kernel_size
        n, c, h, w = input.shape
        assert h % k == 0 and w % k == 0
        return input.reshape(n, c, h // k, w // k, k * k)

    def updateOutput(self, input):
        windows = self._cut(input)
        self.max_indices = windows.argmax(axis=-1)
        self.output = windows.max(axis=-1)
        return self.output

    def updateGradInput(self, input, gradOutput):
        windows = np.zeros_like(self._cut(input))
        np.put_along_axis(windows, self.max_indices[..., None], gradOutput[..., None], axis=-1)
        self.gradInput = windows.reshape(input.shape)
        return self.gradInput
