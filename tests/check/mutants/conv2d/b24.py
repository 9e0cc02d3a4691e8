import numpy as np


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size):
        bound = 1 / np.sqrt(in_channels)
        self.W = np.random.uniform(-bound, bound, (out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.random.uniform(-bound, bound, out_channels)
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)
        self.k = kernel_size
        self.p = kernel_size // 2
        self.training = True

    def _pad(self, x):
        return np.pad(x, ((0, 0), (0, 0), (self.p, self.p), (self.p, self.p)), mode='constant')

    def updateOutput(self, input):
        H, W = input.shape[2], input.shape[3]
        x = self._pad(input)
        self.output = np.zeros((input.shape[0], self.W.shape[0], H, W))
        for y in range(self.k):
            for z in range(self.k):
                self.output += np.tensordot(x[:, :, y:y + H, z:z + W], self.W[:, :, y, z], ([1], [1])).transpose(0, 3, 1, 2)
        self.output += self.b.reshape(1, -1, 1, 1)
        return self.output

    def updateGradInput(self, input, gradOutput):
        H, W = input.shape[2], input.shape[3]
        gx = np.zeros_like(self._pad(input))
        for y in range(self.k):
            for z in range(self.k):
                gx[:, :, y:y + H, z:z + W] += np.tensordot(gradOutput, self.W[:, :, y, z], ([1], [0])).transpose(0, 3, 1, 2)
        self.gradInput = gx[:, :, self.p:self.p + H, self.p:self.p + W]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        H, W = input.shape[2], input.shape[3]
        x = self._pad(input)
        for y in range(self.k):
            for z in range(self.k):
                self.gradW[:, :, y, z] += np.tensordot(gradOutput, x[:, :, z:z + H, y:y + W], ([0, 2, 3], [0, 2, 3]))
        self.gradb += gradOutput.sum(axis=(0, 2, 3))

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
