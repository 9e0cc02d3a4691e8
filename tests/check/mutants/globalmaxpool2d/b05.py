import numpy as np


class GlobalMaxPool2d:
    def __init__(self):
        self.output = None
        self.gradInput = None

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def updateOutput(self, input):
        N, C, H, W = input.shape
        self.output = np.zeros((N, C))
        for n in range(N):
            for c in range(C):
                for i in range(H):
                    for j in range(W):
                        if input[n, c, i, j] > self.output[n, c]:
                            self.output[n, c] = input[n, c, i, j]
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.zeros_like(input)
        for n in range(len(input)):
            for c in range(input.shape[1]):
                rows, cols = np.where(input[n, c] == self.output[n, c])
                for i, j in zip(rows, cols):
                    self.gradInput[n, c, i, j] = gradOutput[n, c] / len(rows)
        return self.gradInput
