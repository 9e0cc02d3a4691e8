import numpy as np


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True, padding_mode='zeros'):
        pair = lambda v: (v, v) if isinstance(v, int) else v
        self.kernel_size, self.stride, self.padding = pair(kernel_size), pair(stride), pair(padding)
        self.mode = {'zeros': 'constant', 'reflect': 'reflect', 'replicate': 'edge', 'circular': 'wrap'}[padding_mode]
        kh, kw = self.kernel_size
        self.W = np.random.normal(0, np.sqrt(2 / (in_channels * kh * kw)), (out_channels, in_channels, kh, kw))
        self.b = np.zeros(out_channels) if bias else None
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros(out_channels) if bias else None

    def _rows(self, size, p, k, s):
        """source pixel (or -1) of each kernel row at each output row"""
        idx = np.arange(size)
        idx = np.pad(idx, p, constant_values=-1) if self.mode == 'constant' else np.pad(idx, p, mode=self.mode)
        n_out = (len(idx) - k) // s + 1
        return idx[np.arange(n_out)[:, None] * s + np.arange(k)]

    def _matrices(self, h, w):
        r = self._rows(h, self.padding[0], self.kernel_size[0], self.stride[0])
        c = self._rows(w, self.padding[1], self.kernel_size[1], self.stride[1])
        return (r[..., None] == np.arange(h)).astype(float), (c[..., None] == np.arange(w)).astype(float)

    def updateOutput(self, input):
        R, C = self._matrices(*input.shape[2:])
        self.cols = np.einsum('ncyx,hiy,wjx->nchwij', input, R, C, optimize=True)
        self.output = np.einsum('nchwij,ocij->nohw', self.cols, self.W, optimize=True)
        if self.b is not None:
            self.output += self.b[:, None, None]
        return self.output

    def updateGradInput(self, input, gradOutput):
        R, C = self._matrices(*input.shape[2:])
        self.gradInput = np.einsum('nohw,ocij,hiy,wjx->ncyx', gradOutput, self.W, R, C, optimize=True)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        self.gradW += np.einsum('nohw,nchwij->ocij', gradOutput, self.cols, optimize=True)
        if self.b is not None:
            self.gradb += gradOutput.sum(axis=(0, 2, 3))

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def zeroGradParameters(self):
        self.gradW.fill(0)
        if self.b is not None:
            self.gradb.fill(0)

    def getParameters(self):
        return [self.W] if self.b is None else [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW] if self.b is None else [self.gradW, self.gradb]
