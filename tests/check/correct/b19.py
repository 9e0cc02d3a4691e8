import numpy as np
from scipy import sparse


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size):
        lim = 1 / np.sqrt(in_channels)
        self.W = np.random.uniform(-lim, lim, (out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.random.uniform(-lim, lim, out_channels)
        self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)
        self.k = kernel_size
        self.shifts = {}

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def matrices(self, h, w):
        """one (h*w, h*w) shift matrix per kernel cell; nothing depends on the data, so they are kept"""
        if (h, w) not in self.shifts:
            r = self.k // 2
            self.shifts[h, w] = [
                (i, j, sparse.kron(sparse.eye(h, k=i - r), sparse.eye(w, k=j - r)).tocsr())
                for i in range(self.k) for j in range(self.k) if abs(i - r) < h and abs(j - r) < w]
        return self.shifts[h, w]

    @staticmethod
    def apply(S, x):
        n, c = x.shape[:2]
        return (S @ x.reshape(n * c, -1).T).T.reshape(x.shape)

    def updateOutput(self, input):
        n, _, h, w = input.shape
        self.output = np.zeros((n, len(self.W), h, w)) + self.b[:, None, None]
        for i, j, S in self.matrices(h, w):
            self.output += np.einsum('oc,nchw->nohw', self.W[:, :, i, j], self.apply(S, input))
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.zeros(input.shape)
        for i, j, S in self.matrices(*input.shape[2:]):
            self.gradInput += np.einsum('oc,nohw->nchw', self.W[:, :, i, j], self.apply(S.T, gradOutput))
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        for i, j, S in self.matrices(*input.shape[2:]):
            self.gradW[:, :, i, j] += np.einsum('nohw,nchw->oc', gradOutput, self.apply(S, input))
        self.gradb += gradOutput.sum((0, 2, 3))

    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
