import numpy as np

MODES = {'zeros': 'constant', 'reflect': 'reflect', 'replicate': 'edge', 'circular': 'wrap'}


def pair(v):
    return tuple(v) if isinstance(v, (tuple, list)) else (v, v)


class Conv2d:
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True, padding_mode='zeros'):
        self.kernel_size, self.stride = pair(kernel_size), pair(stride)
        if padding == 'same':
            self.pad = [((k - 1) // 2, k // 2) for k in self.kernel_size]
        elif padding == 'valid':
            self.pad = [(0, 0), (0, 0)]
        else:
            self.pad = [(p, p) for p in pair(padding)]
        self.padding_mode = padding_mode
        fan_in = in_channels * self.kernel_size[0] * self.kernel_size[1]
        self.W = np.random.normal(0, np.sqrt(2 / fan_in), (out_channels, in_channels) + self.kernel_size)
        self.b = np.zeros(out_channels) if bias else None
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros(out_channels) if bias else None

    def _windows(self, input):
        self.padded = np.pad(input, [(0, 0), (0, 0)] + self.pad, mode=MODES[self.padding_mode])
        win = np.lib.stride_tricks.sliding_window_view(self.padded, self.kernel_size, axis=(2, 3))
        return win[:, :, ::self.stride[0], ::self.stride[1]]

    def updateOutput(self, input):
        self.output = np.einsum('nchwij,ocij->nohw', self._windows(input), self.W)
        if self.b is not None:
            self.output += self.b[:, None, None]
        return self.output

    def updateGradInput(self, input, gradOutput):
        h, w = gradOutput.shape[2:]
        sh, sw = self.stride
        grad = np.zeros_like(np.pad(input, [(0, 0), (0, 0)] + self.pad))
        for i in range(self.kernel_size[0]):
            for j in range(self.kernel_size[1]):
                grad[:, :, i:i + sh * h:sh, j:j + sw * w:sw] += np.einsum('nohw,oc->nchw', gradOutput, self.W[:, :, i, j])
        (top, _), (left, _) = self.pad
        self.gradInput = grad[:, :, top:top + input.shape[2], left:left + input.shape[3]]
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        self.gradW += np.einsum('nohw,nchwij->ocij', gradOutput, self._windows(input))
        if self.b is not None:
            self.gradb += gradOutput.sum((0, 2, 3))

    def forward(self, input):
        return self.updateOutput(input)

    def backward(self, input, gradOutput):
        self.updateGradInput(input, gradOutput)
        self.accGradParameters(input, gradOutput)
        return self.gradInput

    def zeroGradParameters(self):
        for g in self.getGradParameters():
            g.fill(0)

    def getParameters(self):
        return [self.W] if self.b is None else [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW] if self.b is None else [self.gradW, self.gradb]
