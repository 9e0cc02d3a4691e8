import numpy as np


class GlobalMaxPool2d:
    def __init__(self):
        self.max_indices = None

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        return self.updateGradInput(input, gradOutput)

    def updateOutput(self, input):
        N, C = input.shape[:2]
        self.output = np.empty((N, C))
        self.max_indices = [[None] * C for _ in range(N)]
        for n in range(N):
            for c in range(C):
                top = input[n, c].max()
                self.output[n, c] = top
                self.max_indices[n][c] = np.argwhere(input[n, c] == top)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.zeros(input.shape)
        for n, row in enumerate(self.max_indices):
            for c, places in enumerate(row):
                for i, j in places:
                    self.gradInput[n, c, i, j] += gradOutput[n, c] / len(places)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass
