import numpy as np


def pair(v):
    return (v, v) if isinstance(v, int) else tuple(v)


class Conv2d:
    """Свёртка со страйдом и паддингом."""

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        self.kh, self.kw = pair(kernel_size)
        self.sh, self.sw = pair(stride)
        if padding == 'same':
            self.pads = [((k - 1) // 2, k // 2) for k in (self.kh, self.kw)]
        else:
            self.pads = [(p, p) for p in pair(0 if padding == 'valid' else padding)]
        self.W = np.random.normal(0, np.sqrt(2 / (in_channels * self.kh * self.kw)),
                                  (out_channels, in_channels, self.kh, self.kw))
        self.b = np.zeros(out_channels)
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def pad(self, x):
        return np.pad(x, [(0, 0), (0, 0)] + self.pads)

    def window(self, i, j):
        return (..., slice(i * self.sh, i * self.sh + self.kh), slice(j * self.sw, j * self.sw + self.kw))

    def updateOutput(self, input):
        x = self.pad(input)
        N, C, H, W = x.shape
        self.output = np.zeros((N, len(self.W), (H - self.kh) // self.sh + 1, (W - self.kw) // self.sw + 1))
        for n, f, i, j in np.ndindex(*self.output.shape):
            self.output[n, f, i, j] = (x[n][self.window(i, j)] * self.W[f]).sum() + self.b[f]
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.zeros(self.pad(input).shape)
        for n, f, i, j in np.ndindex(*gradOutput.shape):
            self.gradInput[n][self.window(i, j)] += gradOutput[n, f, i, j] * self.W[f]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        x = self.pad(input)
        for n, f, i, j in np.ndindex(*gradOutput.shape):
            self.gradW[f] += gradOutput[n, f, i, j] * x[n][self.window(i, j)]
            self.gradb[f] += gradOutput[n, f, i, j]

    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
