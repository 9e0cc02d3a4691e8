"""Right pools in rarer styles: texts for the tests."""

STRIDED = """
class MaxPool2d(Module):
    __slots__ = ("k", "s", "p", "best", "shape", "output", "gradInput", "training")
    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        self.k, self.s, self.p = (
            kernel_size,
            stride if stride is not None else kernel_size,
            padding,
        )
    def updateOutput(self, input):
        k, s, p = self.k, self.s, self.p
        x = np.full((*input.shape[:2], input.shape[2] + 2 * p, input.shape[3] + 2 * p), -np.inf)
        x[:, :, p : p + input.shape[2], p : p + input.shape[3]] = input
        oh, ow = (x.shape[2] - k) // s + 1, (x.shape[3] - k) // s + 1
        a, b, c, d = x.strides
        v = np.lib.stride_tricks.as_strided(
            x, (*x.shape[:2], oh, ow, k, k), (a, b, c * s, d * s, c, d)
        )
        flat = v.reshape(*v.shape[:4], -1)
        self.best = flat.argmax(-1)
        self.shape = x.shape
        self.output = np.take_along_axis(flat, self.best[..., None], -1)[..., 0]
        return self.output
    def updateGradInput(self, input, gradOutput):
        k, s, p = self.k, self.s, self.p
        n, c, oh, ow = gradOutput.shape
        rows = np.arange(oh)[:, None] * s + self.best // k
        cols = np.arange(ow)[None, :] * s + self.best % k
        flat = (np.arange(n * c).reshape(n, c, 1, 1) * self.shape[2] + rows) * self.shape[
            3
        ] + cols
        dx = np.bincount(
            flat.ravel(), gradOutput.ravel(), minlength=int(np.prod(self.shape))
        ).reshape(self.shape)
        self.gradInput = dx[:, :, p : p + input.shape[2], p : p + input.shape[3]]
        return self.gradInput
"""
RECURSIVE = """
class MaxPool2d:
    "Recursion over rows of the output"
    def __init__(self, *, kernel_size, stride=None):
        self.kernel_size, self.stride = kernel_size, stride or kernel_size
    def _row(self, x, i, oh):
        if i == oh:
            return []
        k, s = self.kernel_size, self.stride
        rows = x[:, :, i * s : i * s + k]
        ow = (x.shape[3] - k) // s + 1
        return [
            np.stack([rows[..., j * s : j * s + k].max(axis=(2, 3)) for j in range(ow)], -1)
        ] + self._row(x, i + 1, oh)
    def __call__(self, x):
        return self.forward(x)
    def forward(self, x):
        oh = (x.shape[2] - self.kernel_size) // self.stride + 1
        self.output = np.stack(self._row(x, 0, oh), 2)
        return self.output
    def backward(self, x, grad):
        k, s = self.kernel_size, self.stride
        out = 0 * x
        for i in range(grad.shape[2]):
            for j in range(grad.shape[3]):
                w = x[:, :, i * s : i * s + k, j * s : j * s + k]
                for n in range(len(x)):
                    for c in range(x.shape[1]):
                        at = np.unravel_index(np.argmax(w[n, c]), (k, k))
                        out[n, c, i * s + at[0], j * s + at[1]] += grad[n, c, i, j]
        return out
"""
SUMMED = """
class AvgPool2d(Module):
    "integral images"
    def __init__(self, kernel_size, stride=None, padding=0):
        Module.__init__(self)
        t = lambda v: v if hasattr(v, "__len__") else (v, v)
        self.kernel_size = t(kernel_size)
        self.stride = t(stride or kernel_size)
        self.padding = t(padding)
    def updateOutput(self, input):
        (kh, kw), (sh, sw), (ph, pw) = self.kernel_size, self.stride, self.padding
        S = np.pad(input, ((0, 0), (0, 0), (ph + 1, ph), (pw + 1, pw))).cumsum(2).cumsum(3)
        full = S[:, :, kh:, kw:] - S[:, :, :-kh, kw:] - S[:, :, kh:, :-kw] + S[:, :, :-kh, :-kw]
        self.output = full[:, :, ::sh, ::sw] / (kh * kw)
        return self.output
    def updateGradInput(self, input, gradOutput):
        (kh, kw), (sh, sw), (ph, pw) = self.kernel_size, self.stride, self.padding
        H, W = input.shape[2] + 2 * ph, input.shape[3] + 2 * pw
        A = np.zeros((gradOutput.shape[2], H))
        B = np.zeros((gradOutput.shape[3], W))
        for i in range(len(A)):
            A[i, i * sh : i * sh + kh] = 1 / kh
        for j in range(len(B)):
            B[j, j * sw : j * sw + kw] = 1 / kw
        self.gradInput = (A.T @ gradOutput @ B)[:, :, ph : H - ph, pw : W - pw]
        return self.gradInput
"""
IN_TWO_STEPS = """
class MaxPool2d(Module):
    "first the rows, then the columns; argmax keeps the first row"
    def __init__(self, kernel_size):
        super().__init__()
        self.kernel_size = kernel_size
    def updateOutput(self, input):
        k = self.kernel_size
        n, c, h, w = input.shape
        assert not h % k and not w % k
        blocks = input.reshape(n, c, h // k, k, w // k, k)
        self.by_row = blocks.max(5)  # n c oh k ow
        self.row = self.by_row.argmax(3)
        self.column = blocks.argmax(5)
        self.output = self.by_row.max(3)
        return self.output
    def updateGradInput(self, input, gradOutput):
        k = self.kernel_size
        n, c, h, w = input.shape
        d = np.zeros((n, c, h // k, k, w // k, k))
        for at in np.ndindex(*gradOutput.shape):
            a, b, i, j = at
            r = self.row[at]
            d[a, b, i, r, j, self.column[a, b, i, r, j]] = gradOutput[at]
        self.gradInput = d.reshape(input.shape)
        return self.gradInput
"""
BUFFERS = """
class MaxPool2d(Module):
    "buffers by shape, handed out as copies"
    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        self.k, self.s, self.p, self.buffers = kernel_size, stride or kernel_size, padding, {}
    def buffer(self, name, shape, fill):
        b = self.buffers.setdefault((name, shape), np.empty(shape))
        b.fill(fill)
        return b
    def updateOutput(self, input):
        k, s, p = self.k, self.s, self.p
        n, c, h, w = input.shape
        x = self.buffer("x", (n, c, h + 2 * p, w + 2 * p), np.finfo(float).min)
        x[:, :, p : p + h, p : p + w] = input
        oh, ow = (x.shape[2] - k) // s + 1, (x.shape[3] - k) // s + 1
        y = self.buffer("y", (n, c, oh, ow), -np.inf)
        self.at = np.zeros(y.shape, int)
        for t in range(k * k):
            i, j = divmod(t, k)
            v = x[:, :, i : i + s * (oh - 1) + 1 : s, j : j + s * (ow - 1) + 1 : s]
            self.at[v > y] = t
            np.maximum(y, v, out=y)
        self.output = y.copy()
        return self.output
    def updateGradInput(self, input, gradOutput):
        k, s, p = self.k, self.s, self.p
        n, c, h, w = input.shape
        d = self.buffer("d", (n, c, h + 2 * p, w + 2 * p), 0)
        oh, ow = gradOutput.shape[2:]
        for t in range(k * k):
            i, j = divmod(t, k)
            d[:, :, i : i + s * (oh - 1) + 1 : s, j : j + s * (ow - 1) + 1 : s] += np.where(
                self.at == t, gradOutput, 0
            )
        self.gradInput = d[:, :, p : p + h, p : p + w].copy()
        return self.gradInput
"""
LISTED = """
class GlobalMaxPool2d:
    def __init__(self):
        self.cache = None
    def forward(self, x):
        out = np.empty(x.shape[:2], x.dtype)
        self.cache = {}
        for n in range(x.shape[0]):
            for c in range(x.shape[1]):
                best, where = float("-inf"), []
                for i, j in np.ndindex(*x.shape[2:]):
                    v = x[n, c, i, j]
                    if v > best:
                        best, where = v, [(i, j)]
                    elif v == best:
                        where.append((i, j))
                out[n, c] = best
                self.cache[n, c] = where
        return out
    def backward(self, x, grad):
        dx = np.zeros_like(x)
        for (n, c), where in self.cache.items():
            for i, j in where:
                dx[n, c, i, j] = grad[n, c] / len(where)
        return dx
"""
RIGHT = (STRIDED, RECURSIVE, SUMMED, IN_TWO_STEPS, BUFFERS, LISTED)
