import numpy as np


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True, padding_mode='zeros'):
        as_pair = lambda v: v if isinstance(v, tuple) else (v, v)
        self.kernel_size = as_pair(kernel_size)
        self.stride = as_pair(stride)
        self.padding_mode = padding_mode
        kh, kw = self.kernel_size
        if padding == 'valid':
            padding = 0
        if padding == 'same':
            self.pads = ((kh - 1) // 2, kh // 2), ((kw - 1) // 2, kw // 2)
        else:
            ph, pw = as_pair(padding)
            self.pads = (ph, ph), (pw, pw)
        self.bias = bias
        self.W = np.random.normal(scale=np.sqrt(2. / (in_channels * kh * kw)), size=(out_channels, in_channels, kh, kw))
        self.b = np.zeros(out_channels) if bias else None
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros(out_channels) if bias else None

    def _pad(self, x):
        return np.pad(x, ((0, 0), (0, 0)) + self.pads, mode='constant')

    def updateOutput(self, input):
        x = self._pad(input)
        (kh, kw), (sh, sw) = self.kernel_size, self.stride
        oh, ow = (x.shape[2] - kh) // sh + 1, (x.shape[3] - kw) // sw + 1
        self.output = np.empty((x.shape[0], self.W.shape[0], oh, ow))
        for r in range(oh):
            for c in range(ow):
                patch = x[:, :, r * sh:r * sh + kh, c * sw:c * sw + kw]
                self.output[:, :, r, c] = np.tensordot(patch, self.W, axes=((1, 2, 3), (1, 2, 3)))
        if self.bias:
            self.output += self.b[None, :, None, None]
        return self.output

    def updateGradInput(self, input, gradOutput):
        (kh, kw), (sh, sw) = self.kernel_size, self.stride
        gx = np.zeros_like(self._pad(input))
        for r in range(gradOutput.shape[2]):
            for c in range(gradOutput.shape[3]):
                gx[:, :, r * sh:r * sh + kh, c * sw:c * sw + kw] += np.tensordot(gradOutput[:, :, r, c], self.W, axes=(1, 0))
        t, l = self.pads[0][0], self.pads[1][0]
        self.gradInput = gx[:, :, t:t + input.shape[2], l:l + input.shape[3]]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        x = self._pad(input)
        (kh, kw), (sh, sw) = self.kernel_size, self.stride
        for r in range(gradOutput.shape[2]):
            for c in range(gradOutput.shape[3]):
                patch = x[:, :, r * sh:r * sh + kh, c * sw:c * sw + kw]
                self.gradW += np.tensordot(gradOutput[:, :, r, c], patch, axes=(0, 0))
        if self.bias:
            self.gradb += gradOutput.sum(axis=(0, 2, 3))

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def zeroGradParameters(self):
        self.gradW.fill(0)
        if self.bias:
            self.gradb.fill(0)

    def getParameters(self):
        return [self.W, self.b] if self.bias else [self.W]

    def getGradParameters(self):
        return [self.gradW, self.gradb] if self.bias else [self.gradW]
