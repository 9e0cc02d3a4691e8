import numpy as np


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size):
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel_size
        d = 1. / np.sqrt(in_channels)
        self.W = np.random.uniform(-d, d, (out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.random.uniform(-d, d, (out_channels,))
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def shifts(self, x):
        r = self.kernel_size // 2
        xp = np.pad(x, ((0, 0), (0, 0), (r, r), (r, r)))
        for i in range(self.kernel_size):
            for j in range(self.kernel_size):
                yield i, j, xp[:, :, i:i + x.shape[2], j:j + x.shape[3]]

    def updateOutput(self, input):
        self.output = np.tile(self.b[None, :, None, None], (input.shape[0], 1) + input.shape[2:])
        for i, j, x in self.shifts(input):
            self.output += np.einsum('oc,nchw->nohw', self.W[..., i, j], x)
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.zeros_like(input)
        Wf = np.flip(self.W, axis=(2, 3))
        for i, j, g in self.shifts(gradOutput):
            self.gradInput += np.einsum('oc,nohw->nchw', Wf[..., i, j], g)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        batch_size = input.shape[0]
        for i, j, x in self.shifts(input):
            self.gradW[..., i, j] += np.einsum('nohw,nchw->oc', gradOutput, x) / batch_size
        self.gradb += gradOutput.sum(axis=(0, 2, 3)) / batch_size

    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
