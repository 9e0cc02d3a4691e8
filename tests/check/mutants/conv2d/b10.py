import numpy as np


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True):
        if isinstance(kernel_size, int):
            kernel_size = (kernel_size, kernel_size)
        if isinstance(padding, int):
            padding = (padding, padding)
        self.kernel_size = kernel_size
        self.stride = stride
        if padding == 'same':
            self.before = tuple((k - 1) // 2 for k in kernel_size)
            self.after = tuple(k // 2 for k in kernel_size)
        elif padding == 'valid':
            self.before = self.after = (0, 0)
        else:
            self.before = self.after = padding
        kh, kw = kernel_size
        self.W = np.random.randn(out_channels, in_channels, kh, kw) * np.sqrt(2. / (in_channels * kh * kw))
        self.b = np.zeros(out_channels) if bias else None
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros(out_channels) if bias else None

    def get_windows(self, x, kh, kw):
        n, c, h, w = x.shape
        s = x.strides
        return np.lib.stride_tricks.as_strided(x, (n, c, h - kh + 1, w - kw + 1, kh, kw), s + s[2:])

    def pad(self, x):
        return np.pad(x, ((0, 0), (0, 0)) + tuple(zip(self.before, self.after)))

    def forward(self, input):
        return self.updateOutput(input)

    def updateOutput(self, input):
        windows = self.get_windows(self.pad(input), *self.kernel_size)
        self.output = np.einsum('ncxyij,ocij->noxy', windows, self.W)
        if self.b is not None:
            self.output += self.b.reshape(1, -1, 1, 1)
        return self.output

    def updateGradInput(self, input, gradOutput):
        kh, kw = self.kernel_size
        g = np.pad(gradOutput, ((0, 0), (0, 0), (kh - 1, kh - 1), (kw - 1, kw - 1)))
        full = np.einsum('noxyij,ocij->ncxy', self.get_windows(g, kh, kw), self.W[:, :, ::-1, ::-1])
        top, left = self.before
        self.gradInput = full[:, :, top:top + input.shape[2], left:left + input.shape[3]]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        windows = self.get_windows(self.pad(input), *self.kernel_size)
        self.gradW += np.einsum('noxy,ncxyij->ocij', gradOutput, windows)
        if self.b is not None:
            self.gradb += gradOutput.sum(axis=(0, 2, 3))

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def zeroGradParameters(self):
        self.gradW.fill(0)
        if self.b is not None:
            self.gradb.fill(0)

    def getParameters(self):
        return [self.W, self.b] if self.b is not None else [self.W]

    def getGradParameters(self):
        return [self.gradW, self.gradb] if self.b is not None else [self.gradW]
