import numpy as np

pair = lambda v: (v, v) if np.isscalar(v) else tuple(v)


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True, padding_mode='zeros'):
        self.k, self.s = pair(kernel_size), pair(stride)
        if isinstance(padding, str):
            self.p = [((k - 1) // 2, k // 2) if padding == 'same' else (0, 0) for k in self.k]
        else:
            self.p = [(v, v) for v in pair(padding)]
        self.mode = {'zeros': 'constant', 'replicate': 'edge', 'circular': 'wrap'}.get(padding_mode, padding_mode)
        self.W = np.random.randn(out_channels, in_channels, *self.k) * np.sqrt(2 / (in_channels * np.prod(self.k)))
        self.b = np.zeros(out_channels) if bias else None
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros(out_channels) if bias else None

    def pad(self, x):
        return np.pad(x, [(0, 0), (0, 0), *self.p], mode=self.mode)

    def fold(self, g, axis, size):
        before, after = self.p[axis - 2]
        g = g.swapaxes(0, axis)
        core = g[before:before + size].copy()
        for t in range(before):
            src = {'edge': 0, 'reflect': before - t, 'wrap': size - before + t}.get(self.mode)
            if src is not None:
                core[src] += g[t]
        for t in range(after):
            src = {'edge': size - 1, 'reflect': size - 2 - t, 'wrap': t}.get(self.mode)
            if src is not None:
                core[src] += g[before + size + t]
        return core.swapaxes(0, axis)

    def cells(self, h, w):
        for i in range(self.k[0]):
            for j in range(self.k[1]):
                yield i, j, (..., slice(i, i + (h - 1) * self.s[0] + 1, self.s[0]), slice(j, j + (w - 1) * self.s[1] + 1, self.s[1]))

    def updateOutput(self, input):
        x = self.pad(input)
        h, w = [(n - k) // s + 1 for n, k, s in zip(x.shape[2:], self.k, self.s)]
        self.output = sum(np.einsum('oc,nchw->nohw', self.W[:, :, i, j], x[at]) for i, j, at in self.cells(h, w))
        if self.b is not None:
            self.output += self.b[None, :, None, None]
        return self.output

    def updateGradInput(self, input, gradOutput):
        g = np.zeros(self.pad(input).shape)
        for i, j, at in self.cells(*gradOutput.shape[2:]):
            g[at] += np.einsum('oc,nohw->nchw', self.W[:, :, i, j], gradOutput)
        self.gradInput = self.fold(self.fold(g, 2, input.shape[2]), 3, input.shape[3])
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        x = self.pad(input)
        for i, j, at in self.cells(*gradOutput.shape[2:]):
            self.gradW[:, :, i, j] += np.einsum('nohw,nchw->oc', gradOutput, x[at])
        if self.b is not None:
            self.gradb += gradOutput.sum(axis=(0, 2, 3))

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def zeroGradParameters(self):
        [g.fill(0) for g in self.getGradParameters()]

    def getParameters(self):
        return [a for a in (self.W, self.b) if a is not None]

    def getGradParameters(self):
        return [a for a in (self.gradW, self.gradb) if a is not None]
