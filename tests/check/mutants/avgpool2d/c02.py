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


class AvgPool2d(Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.kernel_size = kernel_size

    def updateOutput(self, input):
        n, c, h, w = input.shape
        k = self.kernel_size
        assert h % k == 0 and w % k == 0, "size is not divisible"
        self.output = input.reshape(n, c, h // k, k, w // k, k).mean(axis=(3, 5))
        return self.output

    def updateGradInput(self, input, gradOutput):
        k = self.kernel_size
        self.gradInput = np.kron(gradOutput, np.ones((1, 1, k, k)))
        return self.gradInput
