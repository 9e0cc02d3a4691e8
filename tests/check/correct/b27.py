import numpy as np


class AvgPool2d(object):
    def __init__(self, kernel_size, stride=None, padding=0):
        if stride is None:
            stride = kernel_size
        self.kernel_size = np.broadcast_to(kernel_size, 2)
        self.stride = np.broadcast_to(stride, 2)
        self.padding = np.broadcast_to(padding, 2)

    def _matrix(self, size, axis):
        k, s, p = self.kernel_size[axis], self.stride[axis], self.padding[axis]
        rows = (size + 2 * p - k) // s + 1
        start = np.arange(rows)[:, None] * s - p
        pos = np.arange(size)
        return ((pos >= start) & (pos < start + k)) / k

    def updateOutput(self, input):
        A, B = self._matrix(input.shape[2], 0), self._matrix(input.shape[3], 1)
        self.output = A @ input @ B.T
        return self.output

    def updateGradInput(self, input, gradOutput):
        A, B = self._matrix(input.shape[2], 0), self._matrix(input.shape[3], 1)
        self.gradInput = A.T @ gradOutput @ B
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput
