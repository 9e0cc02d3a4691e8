import numpy as np


def pair(v):
    return v if isinstance(v, tuple) else (v, v)


class MaxPool2d:
    def __init__(self, kernel_size, stride=None, padding=0):
        self.kernel_size, self.padding = pair(kernel_size), pair(padding)
        self.stride = self.kernel_size if stride is None else pair(stride)

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def bounds(self, size, axis):
        k, s, p = self.kernel_size[axis], self.stride[axis], self.padding[axis]
        return [(max(t, 0), min(t + k, size)) for t in range(-p, size + p - k + 1, s)]

    def updateOutput(self, input):
        N, C, H, W = input.shape
        rows, cols = self.bounds(H, 0), self.bounds(W, 1)
        self.output = np.zeros((N, C, len(rows), len(cols)))
        self.max_indices = {}
        for n in range(N):
            for c in range(C):
                for i, (top, bottom) in enumerate(rows):
                    for j, (left, right) in enumerate(cols):
                        best = -np.inf
                        for y in range(top, bottom):
                            for x in range(left, right):
                                if input[n, c, y, x] > best:
                                    best = input[n, c, y, x]
                                    self.max_indices[n, c, i, j] = (n, c, y, x)
                        self.output[n, c, i, j] = best
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.zeros_like(input)
        for where, source in self.max_indices.items():
            self.gradInput[source] += gradOutput[where]
        return self.gradInput
