import numpy as np


class MaxPool2d:
    def __init__(self, kernel_size):
        self.kernel_size = kernel_size
        self.training = True

    def _split(self, x):
        n, c, h, w = x.shape
        k = self.kernel_size
        return x.reshape(n, c, h // k, k, w // k, k)

    def updateOutput(self, input):
        if input.shape[2] % self.kernel_size or input.shape[3] % self.kernel_size:
            raise ValueError('размер картинки должен делиться на размер ядра')
        self.output = self._split(input).max(axis=5).max(axis=3)
        return self.output

    def updateGradInput(self, input, gradOutput):
        parts = self._split(input)
        self.max_mask = (parts == self.output[:, :, :, None, :, None]).astype(float)
        weights = self.max_mask / self.max_mask.sum(axis=(3, 5), keepdims=True)
        self.gradInput = (weights * gradOutput[:, :, :, None, :, None]).reshape(input.shape)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput
