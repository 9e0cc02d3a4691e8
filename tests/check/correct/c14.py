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
    MODES = {'zeros': 'constant', 'reflect': 'reflect', 'replicate': 'edge', 'circular': 'wrap'}

    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True,
                 padding_mode='zeros'):
        super().__init__()
        two = lambda v: (v, v) if isinstance(v, int) else tuple(v)
        self.k, self.s = two(kernel_size), two(stride)
        if padding == 'same':
            self.p = [((k - 1) // 2, k - 1 - (k - 1) // 2) for k in self.k]
        else:
            self.p = [(q, q) for q in two(0 if padding == 'valid' else padding)]
        self.mode = self.MODES[padding_mode]
        fan_in = in_channels * self.k[0] * self.k[1]
        self.W = np.random.normal(0., np.sqrt(2. / fan_in), (out_channels, in_channels) + self.k)
        self.gradW = np.zeros_like(self.W)
        self.b = np.zeros(out_channels) if bias else None
        self.gradb = np.zeros(out_channels) if bias else None

    def _cols(self, x):
        c, h, w = x.shape[1:]
        # номера пикселей; 0 - это место для нулей
        img = np.pad(np.arange(1, h * w + 1).reshape(h, w), self.p, mode=self.mode)
        v = np.lib.stride_tricks.sliding_window_view(img, self.k)[::self.s[0], ::self.s[1]]
        ids = v.reshape(v.shape[0] * v.shape[1], -1).T
        flat = np.concatenate([np.zeros((len(x), c, 1)), x.reshape(len(x), c, -1)], axis=2)
        return v.shape[:2], ids, flat[:, :, ids].reshape(len(x), -1, ids.shape[1])

    def updateOutput(self, input):
        size, _, cols = self._cols(input)
        out = self.W.reshape(len(self.W), -1) @ cols
        self.output = out.reshape(out.shape[:2] + size)
        if self.b is not None:
            self.output += self.b.reshape(-1, 1, 1)
        return self.output

    def updateGradInput(self, input, gradOutput):
        _, ids, cols = self._cols(input)
        n, c, h, w = input.shape
        g = self.W.reshape(len(self.W), -1).T @ gradOutput.reshape(n, len(self.W), -1)
        g = g.reshape((n * c, -1))
        rows = [np.bincount(ids.ravel(), weights=r, minlength=h * w + 1)[1:] for r in g]
        self.gradInput = np.array(rows).reshape(input.shape)
        return self.gradInput

    def accGradParameters(self, input, gradOutput):
        cols = self._cols(input)[2]
        g = gradOutput.reshape(len(input), len(self.W), -1)
        self.gradW += np.tensordot(g, cols, ((0, 2), (0, 2))).reshape(self.W.shape)
        if self.b is not None:
            self.gradb += g.sum((0, 2))

    def zeroGradParameters(self):
        for g in self.getGradParameters():
            g.fill(0)

    def getParameters(self):
        return [self.W] if self.b is None else [self.W, self.b]

    def getGradParameters(self):
        return [self.gradW] if self.b is None else [self.gradW, self.gradb]
