import numpy as np


class MaxPool2d(object):
    def __init__(self, kernel_size):
        self.kernel_size = kernel_size
        self.gradInput = None
        self.training = True

    def updateOutput(self, input):
        input_h, input_w = input.shape[-2:]
        k = self.kernel_size
        assert input_h % k == 0
        assert input_w % k == 0
        blocks = input.reshape(input.shape[0], input.shape[1], input_h // k, k, input_w // k, k)
        self.output = blocks.max(axis=(3, 5))
        self.max_mask = input == self.output.repeat(k, axis=2).repeat(k, axis=3)
        return self.output

    def updateGradInput(self, input, gradOutput):
        k = self.kernel_size
        self.gradInput = gradOutput.repeat(k, axis=2).repeat(k, axis=3) * self.max_mask
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def __repr__(self):
        return 'MaxPool2d, kern %d, stride %d' % (self.kernel_size, self.kernel_size)
