import numpy as np


class AvgPool2d:
    def __init__(self, kernel_size):
        self.kernel_size = kernel_size
        self.output = None
        self.gradInput = None
        self.training = True

    def updateOutput(self, input):
        k = self.kernel_size
        n, c, h, w = input.shape
        assert h % k == 0 and w % k == 0
        self.output = np.zeros((n, c, h // k, w // k), dtype=input.dtype)
        for i in range(k):
            for j in range(k):
                self.output += input[:, :, i::k, j::k]
        self.output /= k * k
        return self.output

    def updateGradInput(self, input, gradOutput):
        k = self.kernel_size
        self.gradInput = np.empty(input.shape, dtype=gradOutput.dtype)
        for i in range(input.shape[2]):
            for j in range(input.shape[3]):
                self.gradInput[:, :, i, j] = gradOutput[:, :, i // k, j // k]
        self.gradInput /= k * k
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput
