import numpy as np


def pair(v):
    return tuple(v) if isinstance(v, (list, tuple)) else (v, v)


def windows(shape, k, s):
    for i in range((shape[2] - k[0]) // s[0] + 1):
        for j in range((shape[3] - k[1]) // s[1] + 1):
            yield slice(i * s[0], i * s[0] + k[0]), slice(j * s[1], j * s[1] + k[1])


def im2col(x, k, s):
    return np.stack([x[:, :, r, c].reshape(len(x), -1) for r, c in windows(x.shape, k, s)], axis=2)


def col2im(cols, shape, k, s):
    x = np.zeros(shape)
    for t, (r, c) in enumerate(windows(shape, k, s)):
        x[:, :, r, c] = cols[:, :, t].reshape(shape[:2] + k)
    return x


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True):
        self.k, self.s = pair(kernel_size), pair(stride)
        if padding == 'same':
            self.p = [((k - 1) // 2, k // 2) for k in self.k]
        else:
            self.p = [(p, p) for p in pair(0 if padding == 'valid' else padding)]
        fan_in = in_channels * self.k[0] * self.k[1]
        self.W = np.random.randn(out_channels, in_channels, *self.k) * np.sqrt(2 / fan_in)
        self.b = np.zeros(out_channels) if bias else None
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros(out_channels) if bias else None

    def pad(self, x):
        return np.pad(x, [(0, 0), (0, 0)] + self.p)

    def updateOutput(self, input):
        x = self.pad(input)
        y = np.einsum('ok,nkl->nol', self.W.reshape(len(self.W), -1), im2col(x, self.k, self.s))
        if self.b is not None:
            y = y + self.b[None, :, None]
        oh = (x.shape[2] - self.k[0]) // self.s[0] + 1
        self.output = y.reshape(len(x), len(self.W), oh, -1)
        return self.output

    def updateGradInput(self, input, gradOutput):
        g = gradOutput.reshape(len(input), len(self.W), -1)
        cols = np.einsum('ok,nol->nkl', self.W.reshape(len(self.W), -1), g)
        x = col2im(cols, self.pad(input).shape, self.k, self.s)
        top, left = self.p[0][0], self.p[1][0]
        self.gradInput = x[:, :, top:top + input.shape[2], left:left + input.shape[3]]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        g = gradOutput.reshape(len(input), len(self.W), -1)
        self.gradW += np.einsum('nol,nkl->ok', g, im2col(self.pad(input), self.k, self.s)).reshape(self.W.shape)
        if self.b is not None:
            self.gradb += g.sum((0, 2))

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def zeroGradParameters(self):
        self.gradW.fill(0)
        if self.gradb is not None:
            self.gradb.fill(0)

    def getParameters(self):
        return [p for p in (self.W, self.b) if p is not None]

    def getGradParameters(self):
        return [g for g in (self.gradW, self.gradb) if g is not None]
