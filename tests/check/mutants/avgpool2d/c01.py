import numpy as np


class Module:
    """Базовый класс слоя: прямой и обратный проход."""

    def __init__(self):
        self.output, self.gradInput, self.training = None, None, True

    def forward(self, x):
        self.output = self.updateOutput(x)
        return self.output

    def backward(self, x, gradOutput):
        self.gradInput = self.updateGradInput(x, gradOutput)
        self.accGradParameters(x, gradOutput)
        return self.gradInput

    def accGradParameters(self, x, gradOutput): ...

    def zeroGradParameters(self): ...

    def getParameters(self): return []

    def getGradParameters(self): return []

    def train(self): self.training = True

    def evaluate(self): self.training = False


class AvgPool2d(Module):
    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        pair = lambda v: v if isinstance(v, tuple) else (v, v)
        self.kernel = pair(kernel_size)
        self.stride = pair(kernel_size if stride is None else stride)
        self.padding = pair(padding)

    def _cells(self, x):
        """Для каждого окна - срез исходной картинки без паддинга."""
        h, w = x.shape[2:]
        oh = (h + 2 * self.padding[0] - self.kernel[0]) // self.stride[0] + 1
        ow = (w + 2 * self.padding[1] - self.kernel[1]) // self.stride[1] + 1
        for i in range(oh):
            for j in range(ow):
                t = i * self.stride[0] - self.padding[0]
                l = j * self.stride[1] - self.padding[1]
                yield i, j, slice(max(t, 0), min(t + self.kernel[0], h)), \
                    slice(max(l, 0), min(l + self.kernel[1], w))

    def updateOutput(self, x):
        out = {(i, j): x[:, :, r, c].mean(axis=(2, 3)) for i, j, r, c in self._cells(x)}
        oh, ow = max(i for i, _ in out) + 1, max(j for _, j in out) + 1
        return np.stack([np.stack([out[i, j] for j in range(ow)], -1) for i in range(oh)], -2)

    def updateGradInput(self, x, gradOutput):
        grad = np.zeros_like(x)
        for i, j, r, c in self._cells(x):
            area = (r.stop - r.start) * (c.stop - c.start)
            grad[:, :, r, c] += gradOutput[:, :, i, j, None, None] / area
        return grad
