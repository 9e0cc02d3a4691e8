import numpy as np


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size):
        self.cin, self.cout, self.k = in_channels, out_channels, kernel_size
        lim = in_channels ** -0.5
        self.W = np.random.uniform(-lim, lim, (out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.random.uniform(-lim, lim, out_channels)
        self.zeroGradParameters()
        self.training = True

    def zeroGradParameters(self):
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)

    def columns(self, x):
        n, c, h, w = x.shape
        p = self.k // 2
        xp = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        cols = np.empty((n, c, self.k, self.k, h, w), dtype=x.dtype)
        for i in range(self.k):
            for j in range(self.k):
                cols[:, :, i, j] = xp[:, :, i:i + h, j:j + w]
        return cols.reshape(n, c * self.k * self.k, h * w)

    def updateOutput(self, input):
        n, _, h, w = input.shape
        out = self.W.reshape(self.cout, -1) @ self.columns(input) + self.b[:, None]
        self.output = out.reshape(n, self.cout, h, w)
        return self.output

    def updateGradInput(self, input, gradOutput):
        n, c, h, w = input.shape
        p = self.k // 2
        g = self.W.reshape(self.cout, -1).T @ gradOutput.reshape(n, self.cout, -1)
        g = g.reshape(n, c, self.k, self.k, h, w)
        padded = np.zeros((n, c, h + 2 * p, w + 2 * p))
        for i in range(self.k):
            for j in range(self.k):
                padded[:, :, i:i + h, j:j + w] += g[:, :, i, j]
        self.gradInput = padded[:, :, p:p + h, p:p + w]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        g = gradOutput.reshape(len(input), self.cout, -1)
        self.gradW += np.einsum('nol,nkl->ok', g, self.columns(input)).reshape(self.W.shape)
        self.gradb += g.sum(axis=(0, 2))

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput
