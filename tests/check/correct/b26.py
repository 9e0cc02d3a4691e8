import numpy as np


class AvgPool2d:
    def __init__(self, kernel_size):
        self.kernel_size = kernel_size
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def updateOutput(self, input):
        k = self.kernel_size
        n, c, h, w = input.shape
        if h % k or w % k:
            raise ValueError(f'{h}x{w} is not divisible by {k}')
        self.output = input.reshape(n, c, h // k, k, w // k, k).mean(axis=(3, 5))
        return self.output

    def updateGradInput(self, input, gradOutput):
        k = self.kernel_size
        self.gradInput = gradOutput.repeat(k, axis=2).repeat(k, axis=3) / k ** 2
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass
