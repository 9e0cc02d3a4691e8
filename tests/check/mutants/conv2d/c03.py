import numpy as np


class Module(object):
    def __init__(self):
        self.output = None
        self.gradInput = None
        self.training = True

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        pass

    def zeroGradParameters(self):
        pass

    def getParameters(self):
        return []

    def getGradParameters(self):
        return []

    def train(self):
        self.training = True

    def evaluate(self):
        self.training = False


class Conv2d(Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.kh, self.kw = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * 2
        self.sh, self.sw = stride if isinstance(stride, tuple) else (stride,) * 2
        self.ph, self.pw = padding if isinstance(padding, tuple) else (padding,) * 2
        fan_in = in_channels * self.kh * self.kw
        self.W = np.random.randn(out_channels, in_channels, self.kh, self.kw) * np.sqrt(2. / fan_in)
        self.b = np.zeros(out_channels)
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)

    def _pad(self, x):
        return np.pad(x, ((0, 0), (0, 0), (self.ph, self.ph), (self.pw, self.pw)))

    def _places(self, x):
        for i in range((x.shape[2] - self.kh) // self.sh + 1):
            for j in range((x.shape[3] - self.kw) // self.sw + 1):
                yield i, j, slice(i * self.sh, i * self.sh + self.kh), slice(j * self.sw, j * self.sw + self.kw)

    def updateOutput(self, input):
        x = self._pad(input)
        self.output = np.zeros((x.shape[0], len(self.W), (x.shape[2] - self.kh) // self.sh + 1,
                                (x.shape[3] - self.kw) // self.sw + 1))
        for i, j, r, c in self._places(x):
            self.output[:, :, i, j] = np.tensordot(x[:, :, r, c], self.W, ([1, 2, 3], [1, 2, 3])) + self.b
        return self.output

    def updateGradInput(self, input, gradOutput):
        gx = np.zeros_like(self._pad(input))
        for i, j, r, c in self._places(gx):
            gx[:, :, r, c] += np.tensordot(gradOutput[:, :, i, j], self.W, 1)
        h, w = input.shape[2:]
        self.gradInput = gx[:, :, self.ph:self.ph + h, self.pw:self.pw + w]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        x = self._pad(input)
        for i, j, r, c in self._places(x):
            self.gradW += np.tensordot(gradOutput[:, :, i, j].T, x[:, :, r, c], 1)

    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)

    def getParameters(self):
        return [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW, self.gradb]
