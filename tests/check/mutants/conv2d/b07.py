import numpy as np


def two(v):
    return (v, v) if np.isscalar(v) else tuple(v)


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True, padding_mode='zeros'):
        kh, kw = two(kernel_size)
        self.k, self.s = (kh, kw), two(stride)
        if isinstance(padding, str):
            self.before = ((kh - 1) // 2, (kw - 1) // 2) if padding == 'same' else (0, 0)
            self.after = (kh // 2, kw // 2) if padding == 'same' else (0, 0)
        else:
            self.before = self.after = two(padding)
        self.mode = {'zeros': 'constant', 'replicate': 'edge', 'circular': 'wrap'}.get(padding_mode, padding_mode)
        self.W = np.random.randn(out_channels, in_channels, kh, kw) * np.sqrt(2 / (in_channels * kh * kw))
        self.b = np.zeros(out_channels)
        self.use_bias = bias
        self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)

    def pad(self, x):
        (a, c), (b, d) = self.before, self.after
        return np.pad(x, ((0, 0), (0, 0), (a, b), (c, d)), mode=self.mode)

    def positions(self, h, w):
        for i in range(self.k[0]):
            for j in range(self.k[1]):
                yield i, j, slice(i, i + (h - 1) * self.s[0] + 1, self.s[0]), slice(j, j + (w - 1) * self.s[1] + 1, self.s[1])

    def updateOutput(self, input):
        x = self.pad(input)
        h = (x.shape[2] - self.k[0]) // self.s[0] + 1
        w = (x.shape[3] - self.k[1]) // self.s[1] + 1
        out = np.zeros((len(x), len(self.W), h, w))
        for i, j, r, c in self.positions(h, w):
            out += np.einsum('oc,nchw->nohw', self.W[:, :, i, j], x[:, :, r, c])
        self.output = out + self.b.reshape(1, -1, 1, 1) if self.use_bias else out
        return self.output

    def updateGradInput(self, input, gradOutput):
        g = np.zeros(self.pad(input).shape)
        for i, j, r, c in self.positions(*gradOutput.shape[2:]):
            g[:, :, r, c] += np.einsum('oc,nohw->nchw', self.W[:, :, i, j], gradOutput)
        for axis, size in ((2, input.shape[2]), (3, input.shape[3])):
            g = np.moveaxis(g, axis, 0)
            b, a = self.before[axis - 2], self.after[axis - 2]
            core = g[b:b + size].copy()
            if self.mode == 'wrap':
                if b:
                    core[-b:] += g[:b]
                if a:
                    core[:a] += g[b + size:]
            g = np.moveaxis(core, 0, axis)
        self.gradInput = g
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        x = self.pad(input)
        for i, j, r, c in self.positions(*gradOutput.shape[2:]):
            self.gradW[:, :, i, j] += np.einsum('nohw,nchw->oc', gradOutput, x[:, :, r, c])
        if self.use_bias:
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
        return [self.W, self.b] if self.use_bias else [self.W]

    def getGradParameters(self):
        return [self.gradW, self.gradb] if self.use_bias else [self.gradW]
