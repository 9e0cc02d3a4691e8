import numpy as np


class AvgPool2d:
    def __init__(self, kernel_size):
        self.kernel_size = kernel_size
        self.training = True

    def updateOutput(self, input):
        k = self.kernel_size
        if input.shape[2] % k != 0 or input.shape[3] % k != 0:
            raise ValueError("input size must be divisible by the kernel size")
        out = 0
        for i in range(k):
            for j in range(k):
                out = out + input[:, :, i::k, j::k]
        self.output = out / k ** 2
        return self.output

    def updateGradInput(self, input, gradOutput):
        k = self.kernel_size
        self.gradInput = np.kron(gradOutput, np.ones((1, 1, k, k)))
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput
