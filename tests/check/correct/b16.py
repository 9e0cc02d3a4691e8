import numpy as np


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True, padding_mode='zeros'):
        pair = lambda v: (v, v) if isinstance(v, int) else tuple(v)
        self.kernel_size, self.stride = pair(kernel_size), pair(stride)
        if padding == 'same':
            self.pads = [((k - 1) // 2, k // 2) for k in self.kernel_size]
        elif padding == 'valid':
            self.pads = [(0, 0)] * 2
        else:
            self.pads = [(p, p) for p in pair(padding)]
        self.mode = padding_mode
        kh, kw = self.kernel_size
        self.W = np.random.normal(0, np.sqrt(2 / (in_channels * kh * kw)), (out_channels, in_channels, kh, kw))
        self.gradW = np.zeros_like(self.W)
        self.use_bias = bias
        self.b, self.gradb = np.zeros(out_channels), np.zeros(out_channels)

    def _select(self, size, axis):
        """S[i, k, y] = 1 where kernel cell k of output i reads pixel y"""
        before, after = self.pads[axis]
        pos = np.arange(-before, size + after)
        if self.mode == 'replicate':
            pos = pos.clip(0, size - 1)
        elif self.mode == 'circular':
            pos = pos % size
        elif self.mode == 'reflect':
            pos = np.abs(pos)
            pos = np.where(pos >= size, 2 * (size - 1) - pos, pos)
        k, s = self.kernel_size[axis], self.stride[axis]
        starts = np.arange(0, len(pos) - k + 1, s)
        return (pos[starts[:, None] + np.arange(k)][..., None] == np.arange(size)) * 1.0

    def updateOutput(self, input):
        R, C = self._select(input.shape[2], 0), self._select(input.shape[3], 1)
        self.output = np.einsum('ncyx,hiy,wjx,ocij->nohw', input, R, C, self.W, optimize=True)
        if self.use_bias:
            self.output = self.output + self.b.reshape(1, -1, 1, 1)
        return self.output

    def updateGradInput(self, input, gradOutput):
        R, C = self._select(input.shape[2], 0), self._select(input.shape[3], 1)
        self.gradInput = np.einsum('nohw,hiy,wjx,ocij->ncyx', gradOutput, R, C, self.W, optimize=True)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        R, C = self._select(input.shape[2], 0), self._select(input.shape[3], 1)
        self.gradW += np.einsum('nohw,ncyx,hiy,wjx->ocij', gradOutput, input, R, C, optimize=True)
        if self.use_bias:
            self.gradb += np.einsum('nohw->o', gradOutput)

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
        return [self.W, self.b][:1 + self.use_bias]

    def getGradParameters(self):
        return [self.gradW, self.gradb][:1 + self.use_bias]
