import numpy as np


class MaxPool2d:
    def __init__(self, kernel_size):
        self.kernel_size = kernel_size

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def updateOutput(self, input):
        k = self.kernel_size
        N, C, H, W = input.shape
        assert H % k == 0 and W % k == 0
        self.output = np.full((N, C, H // k, W // k), -np.inf)
        self.max_indices = np.zeros((N, C, H // k, W // k, 2), dtype=np.int64)
        for n in range(N):
            for c in range(C):
                for y in range(H):
                    for x in range(W):
                        if input[n, c, y, x] >= self.output[n, c, y // k, x // k]:
                            self.output[n, c, y // k, x // k] = input[n, c, y, x]
                            self.max_indices[n, c, y // k, x // k] = y, x
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.zeros_like(input)
        for n, c, i, j in np.ndindex(*gradOutput.shape):
            y, x = self.max_indices[n, c, i, j]
            self.gradInput[n, c, y, x] += gradOutput[n, c, i, j]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass
