import numpy as np


class MaxPool2d:
    def __init__(self, kernel_size):
        self.kernel_size = kernel_size
        self.training = True

    def to_windows(self, x):
        n, c, h, w = x.shape
        k = self.kernel_size
        x = x.reshape(n, c, h // k, k, w // k, k)
        return x.transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h // k, w // k, k * k)

    def from_windows(self, x):
        n, c, h, w, _ = x.shape
        k = self.kernel_size
        return x.reshape(n, c, h, w, k, k).transpose(0, 1, 2, 4, 3, 5).reshape(n, c, h * k, w * k)

    def updateOutput(self, input):
        assert input.shape[2] % self.kernel_size == 0 and input.shape[3] % self.kernel_size == 0
        windows = self.to_windows(input)
        self.max_indices = windows.argmax(axis=-1)
        self.output = windows.max(axis=-1)
        return self.output

    def updateGradInput(self, input, gradOutput):
        positions = np.arange(self.kernel_size ** 2)
        self.max_mask = self.max_indices[..., None] == positions
        self.gradInput = self.from_windows(self.max_mask * gradOutput[..., None])
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
