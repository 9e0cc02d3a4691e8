import numpy as np


class AvgPool2d:
    """Усредняющий пулинг, страйд равен ядру."""

    def __init__(self, kernel_size):
        self.kernel_size = kernel_size
        self.training = True
        self.output = None
        self.gradInput = None

    def updateOutput(self, input):
        n, c, h, w = input.shape
        k = self.kernel_size
        assert h % k == 0
        assert w % k == 0
        self.output = np.zeros((n, c, h // k, w // k))
        for i in range(h // k):
            for j in range(w // k):
                self.output[:, :, i, j] = np.mean(input[:, :, i * k:(i + 1) * k, j * k:(j + 1) * k], axis=(2, 3))
        return self.output

    def updateGradInput(self, input, gradOutput):
        k = self.kernel_size
        self.gradInput = np.tile(gradOutput, (1, 1, k, k)) / (k * k)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput
