import numpy as np


class AvgPool2d(object):
    def __init__(self, kernel_size):
        self.kernel_size = kernel_size
        self.output = None
        self.gradInput = None

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def updateOutput(self, input):
        k = self.kernel_size
        n, c, h, w = input.shape
        assert h % k == 0 and w % k == 0, "bad input size"
        self.output = input.reshape(n, c, h // k, k, w // k, k).mean(axis=(3, 5))
        return self.output

    def updateGradInput(self, input, gradOutput):
        k = self.kernel_size
        grad = np.repeat(np.repeat(gradOutput, k, axis=2), k, axis=3)
        self.gradInput = grad / k
        return self.gradInput

    def __repr__(self):
        return 'AvgPool2d, kern %d, stride %d' % (self.kernel_size, self.kernel_size)
