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


class MaxPool2d(Module):
    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        pair = lambda v: (v, v) if isinstance(v, (int, np.integer)) else tuple(v)
        self.kernel_size = pair(kernel_size)
        self.stride = self.kernel_size if stride is None else pair(stride)
        self.padding = pair(padding)
        self.max_indices = None

    def _places(self, padded):
        (kh, kw), (sh, sw) = self.kernel_size, self.stride
        eh = (padded.shape[2] - kh) // sh * sh + 1
        ew = (padded.shape[3] - kw) // sw * sw + 1
        for q in range(kh * kw):
            i, j = divmod(q, kw)
            yield q, padded[:, :, i:i + eh:sh, j:j + ew:sw]

    def _pad(self, input, value):
        (a, b) = self.padding
        return np.pad(input, ((0, 0), (0, 0), (a, a), (b, b)), constant_values=value)

    def updateOutput(self, input):
        places = self._places(self._pad(input, -np.inf))
        _, first = next(places)
        self.output = first.copy()
        self.max_indices = np.zeros(first.shape, dtype=int)
        for q, x in places:
            better = x > self.output
            self.output[better] = x[better]
            self.max_indices[better] = q
        return self.output

    def updateGradInput(self, input, gradOutput):
        self.updateOutput(input)
        grad = np.zeros_like(self._pad(input, 0))
        for q, view in self._places(grad):
            view += np.where(self.max_indices == q, gradOutput, 0)
        (a, b), (h, w) = self.padding, input.shape[2:]
        self.gradInput = grad[:, :, a:a + h, b:b + w]
        return self.gradInput
