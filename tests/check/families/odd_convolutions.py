"""Right convolutions in rarer styles: texts for the tests."""

HOLDERS = """
class Parameter:
    def __init__(self, data):
        self.data = data
        self.grad = np.zeros_like(data)
class Conv2d(Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.W = Parameter(np.random.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.b = Parameter(np.zeros(out_channels))
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
    def updateOutput(self, input):
        k, s, p = self.kernel_size, self.stride, self.padding
        self.x = np.pad(input, ((0, 0), (0, 0), (p, p), (p, p)))
        self.v = np.lib.stride_tricks.sliding_window_view(self.x, (k, k), (2, 3))[:, :, ::s, ::s]
        self.output = (
            np.einsum("ncabij,ocij->noab", self.v, self.W.data, optimize=True)
            + self.b.data[:, None, None]
        )
        return self.output
    def updateGradInput(self, input, gradOutput):
        k, s, p = self.kernel_size, self.stride, self.padding
        dx = np.zeros(self.x.shape)
        view = np.lib.stride_tricks.sliding_window_view(dx, (k, k), (2, 3), writeable=True)[
            :, :, ::s, ::s
        ]
        part = np.einsum("noab,ocij->ncabij", gradOutput, self.W.data)
        for i in range(k):
            for j in range(k):
                view[..., i, j] += part[..., i, j]
        self.gradInput = dx[:, :, p : p + input.shape[2], p : p + input.shape[3]]
        return self.gradInput
    def accGradParameters(self, input, gradOutput):
        self.W.grad += np.einsum("ncabij,noab->ocij", self.v, gradOutput)
        self.b.grad += gradOutput.sum((0, 2, 3))
    def zeroGradParameters(self):
        self.W.grad.fill(0)
        self.b.grad.fill(0)
    def getParameters(self):
        return [self.W, self.b]
    def getGradParameters(self):
        return [self.W, self.b]
"""
MATRIX = """
class Conv2d(Module):
    "The convolution as one big matrix, remembered by shape."
    _cache = {}
    def __init__(self, in_channels, out_channels, kernel_size):
        super().__init__()
        s = in_channels**-0.5
        self.W = np.random.uniform(-s, s, (out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.random.uniform(-s, s, out_channels)
        self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)
        self.kernel_size = kernel_size
    def places(self, h, w):
        key = (h, w, self.kernel_size)
        if key not in self._cache:
            k, p = self.kernel_size, self.kernel_size // 2
            rows = []
            for i, j, y, x in np.ndindex(k, k, h, w):
                a, b = y + i - p, x + j - p
                if 0 <= a < h and 0 <= b < w:
                    rows.append((i * k + j, y * w + x, a * w + b))
            self._cache[key] = np.array(rows).T
        return self._cache[key]
    def matrix(self, h, w):
        o, c, k, _ = self.W.shape
        t, y, x = self.places(h, w)
        M = np.zeros((o, h * w, c, h * w))
        M[:, y, :, x] = self.W.reshape(o, c, k * k)[:, :, t].transpose(2, 0, 1)
        return M.reshape(o * h * w, c * h * w)
    def updateOutput(self, input):
        n, c, h, w = input.shape
        self.M = self.matrix(h, w)
        self.output = (input.reshape(n, -1) @ self.M.T).reshape(n, -1, h, w) + self.b[
            None, :, None, None
        ]
        return self.output
    def updateGradInput(self, input, gradOutput):
        self.gradInput = (gradOutput.reshape(len(input), -1) @ self.M).reshape(input.shape)
        return self.gradInput
    def accGradParameters(self, input, gradOutput):
        n, c, h, w = input.shape
        o, k = self.W.shape[0], self.kernel_size
        G = (gradOutput.reshape(n, -1).T @ input.reshape(n, -1)).reshape(o, h * w, c, h * w)
        t, y, x = self.places(h, w)
        np.add.at(self.gradW.reshape(o, c, k * k).transpose(2, 0, 1), t, G[:, y, :, x])
        self.gradb += gradOutput.sum(axis=(0, 2, 3))
    def zeroGradParameters(self):
        self.gradW[:] = 0
        self.gradb[:] = 0
    def getParameters(self):
        return [self.W, self.b]
    def getGradParameters(self):
        return [self.gradW, self.gradb]
"""
SELECTED = """
import functools
class Conv2d(Module):
    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        bias=True,
        padding_mode="zeros",
    ):
        super().__init__()
        self.kernel_size = tuple(np.broadcast_to(kernel_size, 2))
        self.stride = tuple(np.broadcast_to(stride, 2))
        if padding == "same":
            self.pads = [((k - 1) // 2, k - 1 - (k - 1) // 2) for k in self.kernel_size]
        elif padding == "valid":
            self.pads = [(0, 0), (0, 0)]
        else:
            self.pads = [(int(p), int(p)) for p in np.broadcast_to(padding, 2)]
        self.padding_mode = padding_mode
        self.W = np.random.randn(out_channels, in_channels, *self.kernel_size)
        self.b = np.zeros(out_channels) if bias else None
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros(out_channels) if bias else None
    @functools.lru_cache
    def selectors(self, h, w):
        out = []
        for n, k, s, (a, b) in zip((h, w), self.kernel_size, self.stride, self.pads):
            at = np.arange(-a, n + b)
            ok = np.ones(len(at))
            if self.padding_mode == "zeros":
                ok = (at >= 0) & (at < n)
            if self.padding_mode == "reflect":
                at = np.abs(at)
                at = np.where(at >= n, 2 * (n - 1) - at, at)
            if self.padding_mode == "replicate":
                at = at.clip(0, n - 1)
            at = at % n
            P = np.eye(n)[at] * np.asarray(ok, float)[:, None]
            m = (len(at) - k) // s + 1
            out.append(np.stack([P[i * s : i * s + k] for i in range(m)]))
        return out
    def updateOutput(self, input):
        self.A, self.B = self.selectors(*input.shape[2:])
        path = np.einsum_path(
            "nchw,xih,yjw,ocij->noxy", input, self.A, self.B, self.W, optimize="greedy"
        )[0]
        self.output = np.einsum(
            "nchw,xih,yjw,ocij->noxy", input, self.A, self.B, self.W, optimize=path
        )
        if self.b is not None:
            self.output += self.b[None, :, None, None]
        return self.output
    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.einsum(
            "noxy,xih,yjw,ocij->nchw", gradOutput, self.A, self.B, self.W, optimize=True
        )
        return self.gradInput
    def accGradParameters(self, input, gradOutput):
        self.gradW += np.einsum(
            "noxy,xih,yjw,nchw->ocij", gradOutput, self.A, self.B, input, optimize=True
        )
        if self.b is not None:
            self.gradb += gradOutput.sum((0, 2, 3))
    def zeroGradParameters(self):
        for g in self.getGradParameters():
            g.fill(0)
    def getParameters(self):
        return [a for a in (self.W, self.b) if a is not None]
    def getGradParameters(self):
        return [a for a in (self.gradW, self.gradb) if a is not None]
"""
DATACLASS = """
from dataclasses import dataclass, field
@dataclass
class Conv2d:
    in_channels: int
    out_channels: int
    kernel_size: int
    stride: int = 1
    padding: int = 0
    W: np.ndarray = field(init=False, repr=False)
    b: np.ndarray = field(init=False, repr=False)
    def __post_init__(self):
        k = self.kernel_size
        self.W = np.random.randn(self.out_channels, self.in_channels, k, k)
        self.b = np.zeros(self.out_channels)
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)
    def _cols(self, x):
        k, s, p = self.kernel_size, self.stride, self.padding
        x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        oh, ow = (x.shape[2] - k) // s + 1, (x.shape[3] - k) // s + 1
        return np.stack(
            [x[:, :, i : i + s * oh : s, j : j + s * ow : s] for i in range(k) for j in range(k)],
            2,
        ), x.shape
    def forward(self, x):
        cols, _ = self._cols(x)
        return (
            np.einsum("nctab,oct->noab", cols, self.W.reshape(*self.W.shape[:2], -1))
            + self.b[:, None, None]
        )
    def backward(self, x, g):
        cols, big = self._cols(x)
        k, s, p = self.kernel_size, self.stride, self.padding
        self.gradW += np.einsum("nctab,noab->oct", cols, g).reshape(self.W.shape)
        self.gradb += g.sum((0, 2, 3))
        d = np.einsum("noab,oct->nctab", g, self.W.reshape(*self.W.shape[:2], -1))
        dx = np.zeros(big)
        oh, ow = g.shape[2:]
        for t in range(k * k):
            i, j = divmod(t, k)
            dx[:, :, i : i + s * oh : s, j : j + s * ow : s] += d[:, :, t]
        return dx[:, :, p : big[2] - p, p : big[3] - p]
    def zeroGradParameters(self):
        self.gradW[...] = 0
        self.gradb[...] = 0
    def getParameters(self):
        return [self.W, self.b]
    def getGradParameters(self):
        return [self.gradW, self.gradb]
"""
MIXED_IN = """
class Forwarding:
    __slots__ = ()
    def forward(self, x):
        return self.updateOutput(x)
    def backward(self, x, g):
        out = self.updateGradInput(x, g)
        self.accGradParameters(x, g)
        return out
class Zeroing:
    __slots__ = ()
    def zeroGradParameters(self):
        for g in self.getGradParameters():
            g[:] = 0
class Conv2d(Forwarding, Zeroing):
    __slots__ = ("W", "b", "gradW", "gradb", "output", "gradInput", "k")
    def __init__(self, in_channels, out_channels, *, kernel_size):
        self.k = kernel_size
        self.W = np.random.randn(out_channels, in_channels, kernel_size, kernel_size)
        self.b = np.zeros(out_channels)
        self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)
    def updateOutput(self, x):
        v = np.lib.stride_tricks.sliding_window_view(x, (self.k,) * 2, axis=(-2, -1))
        self.output = (
            np.moveaxis(np.tensordot(v, self.W, ((1, 4, 5), (1, 2, 3))), -1, 1)
            + self.b[:, None, None]
        )
        return self.output
    def updateGradInput(self, x, g):
        q = self.k - 1
        v = np.lib.stride_tricks.sliding_window_view(
            np.pad(g, ((0, 0), (0, 0), (q, q), (q, q))), (self.k,) * 2, axis=(-2, -1)
        )
        self.gradInput = np.moveaxis(
            np.tensordot(v, np.flip(self.W, (2, 3)), ((1, 4, 5), (0, 2, 3))), -1, 1
        )
        return self.gradInput
    def accGradParameters(self, x, g):
        v = np.lib.stride_tricks.sliding_window_view(x, g.shape[2:], axis=(-2, -1))
        self.gradW += np.einsum("ncijab,noab->ocij", v, g)
        self.gradb += g.sum((0, 2, 3))
    def getParameters(self):
        return [self.W, self.b]
    def getGradParameters(self):
        return [self.gradW, self.gradb]
"""
FLAT = """
class Conv2d(Module):
    "Parameters and gradients are views of flat vectors."
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self._shape = (out_channels, in_channels, kernel_size, kernel_size)
        self._n = int(np.prod(self._shape))
        self._theta = np.random.randn(self._n + out_channels)
        self._grad = np.zeros_like(self._theta)
        self.stride, self.padding = stride, padding
    @property
    def W(self):
        return self._theta[: self._n].reshape(self._shape)
    @W.setter
    def W(self, value):
        self._theta[: self._n] = np.ravel(value)
    @property
    def b(self):
        return self._theta[self._n :]
    @property
    def gradW(self):
        return self._grad[: self._n].reshape(self._shape)
    @property
    def gradb(self):
        return self._grad[self._n :]
    def windows(self, x):
        k, s, p = self._shape[-1], self.stride, self.padding
        x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)), mode="constant")
        return np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))[
            :, :, ::s, ::s
        ], x.shape
    def updateOutput(self, input):
        v, self.big = self.windows(input)
        n, c, oh, ow = v.shape[:4]
        m = v.transpose(0, 2, 3, 1, 4, 5).reshape(n * oh * ow, -1)
        self.output = (
            (m @ self.W.reshape(len(self.W), -1).T + self.b)
            .reshape(n, oh, ow, -1)
            .transpose(0, 3, 1, 2)
        )
        return self.output
    def updateGradInput(self, input, gradOutput):
        k, s, p = self._shape[-1], self.stride, self.padding
        rows = gradOutput.transpose(0, 2, 3, 1) @ self.W.reshape(len(self.W), -1)
        big = np.zeros(self.big)
        for i in range(gradOutput.shape[2]):
            for j in range(gradOutput.shape[3]):
                big[:, :, i * s : i * s + k, j * s : j * s + k] += rows[:, i, j].reshape(
                    -1, *self._shape[1:]
                )
        self.gradInput = big[:, :, p : p + input.shape[2], p : p + input.shape[3]].copy()
        return self.gradInput
    def accGradParameters(self, input, gradOutput):
        v, _ = self.windows(input)
        gw = self.gradW
        gw += np.tensordot(gradOutput, v, ((0, 2, 3), (0, 2, 3)))
        gb = self.gradb
        gb += gradOutput.sum((0, 2, 3))
    def zeroGradParameters(self):
        self._grad.fill(0)
    def getParameters(self):
        return self._theta
    def getGradParameters(self):
        return self._grad
"""
CIRCULAR = """
class Conv2d(Module):
    "zeros and circular only, without np.pad"
    def __init__(self, in_channels, out_channels, kernel_size, padding_mode="zeros", padding=0):
        super().__init__()
        if padding_mode not in ("zeros", "circular"):
            raise NotImplementedError(padding_mode)
        self.k, self.p, self.mode = kernel_size, padding, padding_mode
        self.weight = np.random.randn(out_channels, in_channels, kernel_size, kernel_size)
        self.bias = np.zeros(out_channels)
        self.weight_grad = np.zeros_like(self.weight)
        self.bias_grad = np.zeros_like(self.bias)
    def index(self, n):
        return (np.arange(n + 2 * self.p) - self.p) % n
    def padded(self, x):
        if self.mode == "circular":
            return x[:, :, self.index(x.shape[2])][..., self.index(x.shape[3])]
        p = self.p
        y = np.zeros(
            (x.shape[0], x.shape[1], x.shape[2] + 2 * p, x.shape[3] + 2 * p), dtype=x.dtype
        )
        y[:, :, p : y.shape[2] - p, p : y.shape[3] - p] = x
        return y
    def updateOutput(self, input):
        x = self.x = self.padded(input)
        k = self.k
        H, V = x.shape[2] - k + 1, x.shape[3] - k + 1
        self.output = 0
        for i in range(k):
            for j in range(k):
                self.output = self.output + np.matmul(
                    self.weight[:, :, i, j],
                    x[:, :, i : i + H, j : j + V].reshape(*x.shape[:2], -1),
                ).reshape(len(x), -1, H, V)
        self.output += self.bias.reshape(1, -1, 1, 1)
        return self.output
    def updateGradInput(self, input, gradOutput):
        k, p = self.k, self.p
        full = np.zeros(self.x.shape)
        H, V = gradOutput.shape[2:]
        for i in range(k):
            for j in range(k):
                full[:, :, i : i + H, j : j + V] += np.einsum(
                    "nohw,oc->nchw", gradOutput, self.weight[:, :, i, j]
                )
        h, w = input.shape[2:]
        if self.mode == "circular" and p:
            mid = np.zeros((*full.shape[:2], h, full.shape[3]))
            for a, to in enumerate(self.index(h)):
                mid[:, :, to] += full[:, :, a]
            out = np.zeros(input.shape)
            for a, to in enumerate(self.index(w)):
                out[..., to] += mid[..., a]
        else:
            out = full[:, :, p : p + h, p : p + w]
        self.gradInput = out
        return out
    def accGradParameters(self, input, gradOutput):
        H, V = gradOutput.shape[2:]
        for i in range(self.k):
            for j in range(self.k):
                self.weight_grad[:, :, i, j] += np.tensordot(
                    gradOutput, self.x[:, :, i : i + H, j : j + V], ((0, 2, 3), (0, 2, 3))
                )
        self.bias_grad += gradOutput.sum((0, 2, 3))
    def zeroGradParameters(self):
        self.weight_grad[:] = 0
        self.bias_grad[:] = 0
    def getParameters(self):
        return [self.weight, self.bias]
    def getGradParameters(self):
        return [self.weight_grad, self.bias_grad]
"""
BIAS_COLUMN = """
class Conv2d(Module):
    "the bias is the last column of one matrix"
    def __init__(self, in_channels, out_channels, kernel_size):
        super().__init__()
        self.k = kernel_size
        self.shape = (out_channels, in_channels, kernel_size, kernel_size)
        self.A = np.random.randn(out_channels, in_channels * kernel_size**2 + 1)
        self.dA = np.zeros_like(self.A)
        self.W = self.A[:, :-1].reshape(self.shape)
        self.W = self.A[:, :-1]
        self.b = self.A[:, -1]
        self.gradW, self.gradb = self.dA[:, :-1], self.dA[:, -1]
    def cols(self, x):
        p = self.k // 2
        x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        v = np.lib.stride_tricks.sliding_window_view(x, (self.k, self.k), (2, 3))
        v = v.transpose(0, 2, 3, 1, 4, 5).reshape(*v.shape[:1], *v.shape[2:4], -1)
        return np.concatenate([v, np.ones((*v.shape[:3], 1))], -1)
    def updateOutput(self, input):
        self.c = self.cols(input)
        self.output = np.einsum("nhwf,of->nohw", self.c, self.A)
        return self.output
    def updateGradInput(self, input, gradOutput):
        k, p = self.k, self.k // 2
        w = self.W.reshape(self.shape)
        big = np.zeros((*input.shape[:2], input.shape[2] + 2 * p, input.shape[3] + 2 * p))
        h, v = gradOutput.shape[2:]
        for i in range(k):
            for j in range(k):
                big[:, :, i : i + h, j : j + v] += np.einsum(
                    "nohw,oc->nchw", gradOutput, w[:, :, i, j]
                )
        self.gradInput = big[:, :, p : p + h, p : p + v]
        return self.gradInput
    def accGradParameters(self, input, gradOutput):
        self.dA += np.einsum("nhwf,nohw->of", self.c, gradOutput)
    def zeroGradParameters(self):
        self.dA.fill(0)
    def getParameters(self):
        return [self.W, self.b]
    def getGradParameters(self):
        return [self.gradW, self.gradb]
"""
RIGHT = (HOLDERS, MATRIX, SELECTED, DATACLASS, MIXED_IN, FLAT, CIRCULAR, BIAS_COLUMN)
