import numpy as np


class MaxPool2d:
    def __init__(self, kernel_size):
        self.kernel_size = kernel_size
        self.training = True

    def updateOutput(self, input):
        k = self.kernel_size
        N, C, H, W = input.shape
        assert H % k == 0 and W % k == 0
        self.output = np.zeros((N, C, H // k, W // k))
        self.max_indices = np.zeros((N, C, H // k, W // k), dtype=int)
        for i in range(H // k):
            for j in range(W // k):
                window = input[:, :, i * k:(i + 1) * k, j * k:(j + 1) * k].reshape(N, C, k * k)
                self.max_indices[:, :, i, j] = window.argmax(axis=2)
                self.output[:, :, i, j] = window.max(axis=2)
        return self.output

    def updateGradInput(self, input, gradOutput):
        k = self.kernel_size
        N, C, OH, OW = gradOutput.shape
        self.gradInput = np.zeros_like(input)
        for n in range(N):
            for c in range(C):
                for i in range(OH):
                    for j in range(OW):
                        di, dj = divmod(self.max_indices[n, c, i, j], k)
                        self.gradInput[n, c, i * k + di, j * k + dj] += gradOutput[n, c, i, j]
            return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput
