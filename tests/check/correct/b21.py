import numpy as np


class MaxPool2d(object):
    def __init__(self, kernel_size):
        self.kernel_size = kernel_size
        self.training = True
        self.output = None
        self.gradInput = None

    def blocks(self, x):
        k = self.kernel_size
        n, c, h, w = x.shape
        return x.reshape(n, c, h // k, k, w // k, k).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h // k, w // k, k * k)

    def updateOutput(self, input):
        assert input.shape[-2] % self.kernel_size == 0
        assert input.shape[-1] % self.kernel_size == 0
        blocks = self.blocks(input)
        self.max_indices = blocks.argmax(axis=-1)
        self.output = blocks.max(axis=-1)
        return self.output

    def updateGradInput(self, input, gradOutput):
        k = self.kernel_size
        n, c, h, w = input.shape
        one_hot = np.eye(k * k)[self.max_indices] * gradOutput[..., None]
        self.gradInput = one_hot.reshape(n, c, h // k, w // k, k, k).transpose(0, 1, 2, 4, 3, 5).reshape(input.shape)
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
