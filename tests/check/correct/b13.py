import numpy as np


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size):
        assert kernel_size % 2 == 1
        bound = in_channels ** -0.5
        self.W = np.random.uniform(-bound, bound, (out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.random.uniform(-bound, bound, out_channels)
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)
        self.k = kernel_size
        self.r = kernel_size // 2

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def fft(self, a, shape):
        return np.fft.rfft2(a, s=(shape[2] + self.k, shape[3] + self.k))

    def ifft(self, f, shape):
        return np.fft.irfft2(f, s=(shape[2] + self.k, shape[3] + self.k))

    def updateOutput(self, input):
        h, w = input.shape[2:]
        spectrum = np.einsum('nchw,ochw->nohw', self.fft(input, input.shape),
                             self.fft(self.W[:, :, ::-1, ::-1], input.shape))
        full = self.ifft(spectrum, input.shape)
        self.output = full[:, :, self.r:self.r + h, self.r:self.r + w] + self.b[:, None, None]
        return self.output

    def updateGradInput(self, input, gradOutput):
        h, w = input.shape[2:]
        spectrum = np.einsum('nohw,ochw->nchw', self.fft(gradOutput, input.shape), self.fft(self.W, input.shape))
        self.gradInput = self.ifft(spectrum, input.shape)[:, :, self.r:self.r + h, self.r:self.r + w]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        spectrum = np.einsum('nohw,nchw->ochw', np.conj(self.fft(gradOutput, input.shape)),
                             self.fft(input, input.shape))
        corr = self.ifft(spectrum, input.shape)
        shift = np.arange(-self.r, self.r + 1)
        self.gradW += corr[:, :, shift[:, None], shift]
        self.gradb += gradOutput.sum(axis=(0, 2, 3))

    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
