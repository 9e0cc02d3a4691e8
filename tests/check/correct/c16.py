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


def averaging_matrix(size, kernel, stride, padding):
    count = (size + 2 * padding - kernel) // stride + 1
    A = np.zeros((count, size))
    for i in range(count):
        start = i * stride - padding
        A[i, max(start, 0):max(start + kernel, 0)] = 1 / kernel
    return A


class AvgPool2d(Module):
    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        stride = kernel_size if stride is None else stride
        self.args = list(zip(*[v if isinstance(v, (tuple, list)) else (v, v)
                               for v in (kernel_size, stride, padding)]))

    def _matrices(self, input):
        return [averaging_matrix(n, *a) for n, a in zip(input.shape[2:], self.args)]

    def updateOutput(self, input):
        A, B = self._matrices(input)
        self.output = A @ input @ B.T
        return self.output

    def updateGradInput(self, input, gradOutput):
        A, B = self._matrices(input)
        self.gradInput = A.T @ gradOutput @ B
        return self.gradInput
