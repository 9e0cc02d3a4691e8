import numpy as np


def _pair(v):
    return (v, v) if isinstance(v, int) else tuple(v)


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True):
        self.kh, self.kw = _pair(kernel_size)
        self.sw, self.sh = _pair(stride)
        if padding == 'valid':
            padding = 0
        if padding == 'same':
            self.top, self.left = (self.kh - 1) // 2, (self.kw - 1) // 2
            self.bottom, self.right = self.kh // 2, self.kw // 2
        else:
            self.top, self.left = self.bottom, self.right = _pair(padding)
        self.W = np.random.normal(0, np.sqrt(2 / (in_channels * self.kh * self.kw)),
                                  (out_channels, in_channels, self.kh, self.kw))
        self.gradW = np.zeros_like(self.W)
        self.b = np.zeros(out_channels) if bias else None
        self.gradb = np.zeros(out_channels) if bias else None

    def im2col(self, x):
        x = np.pad(x, ((0, 0), (0, 0), (self.top, self.bottom), (self.left, self.right)))
        n, c, H, W = x.shape
        self.oh = (H - self.kh) // self.sh + 1
        self.ow = (W - self.kw) // self.sw + 1
        cols = np.zeros((n, self.oh * self.ow, c * self.kh * self.kw))
        for i in range(self.oh):
            for j in range(self.ow):
                part = x[:, :, i * self.sh:i * self.sh + self.kh, j * self.sw:j * self.sw + self.kw]
                cols[:, i * self.ow + j] = part.reshape(n, -1)
        return cols, x.shape

    def updateOutput(self, input):
        cols, _ = self.im2col(input)
        out = cols @ self.W.reshape(len(self.W), -1).T
        if self.b is not None:
            out = out + self.b
        self.output = out.transpose(0, 2, 1).reshape(len(input), -1, self.oh, self.ow)
        return self.output

    def updateGradInput(self, input, gradOutput):
        n, c, H, W = input.shape
        g = gradOutput.reshape(n, len(self.W), -1).transpose(0, 2, 1) @ self.W.reshape(len(self.W), -1)
        res = np.zeros((n, c, H + self.top + self.bottom, W + self.left + self.right))
        for i in range(self.oh):
            for j in range(self.ow):
                res[:, :, i * self.sh:i * self.sh + self.kh, j * self.sw:j * self.sw + self.kw] += \
                    g[:, i * self.ow + j].reshape(n, c, self.kh, self.kw)
        self.gradInput = res[:, :, self.top:self.top + H, self.left:self.left + W]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        cols, _ = self.im2col(input)
        g = gradOutput.reshape(len(input), len(self.W), -1)
        self.gradW += np.matmul(g, cols).sum(axis=0).reshape(self.W.shape)
        if self.b is not None:
            self.gradb += g.sum(axis=(0, 2))

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def zeroGradParameters(self):
        for g in self.getGradParameters():
            g *= 0

    def getParameters(self):
        return [self.W] + ([self.b] if self.b is not None else [])

    def getGradParameters(self):
        return [self.gradW] + ([self.gradb] if self.gradb is not None else [])
