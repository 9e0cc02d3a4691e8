"""Right convolutions in many hands: texts for the tests."""

IM2COL = """
class MyConv2D:
    def __init__(self, c_in, c_out, k, strides=(1, 1), pad=0):
        k, s = (k, k) if isinstance(k, int) else k, strides
        self.k, self.s, self.pad = k, (s, s) if isinstance(s, int) else s, pad
        self.params = {
            "W": np.random.randn(c_out, c_in * k[0] * k[1]),
            "b": np.zeros((c_out, 1)),
        }
        self.grads = {"dW": np.zeros_like(self.params["W"]), "db": np.zeros((c_out, 1))}
    def indices(self, c, h, w):
        (kh, kw), (sh, sw) = self.k, self.s
        oh, ow = (h - kh) // sh + 1, (w - kw) // sw + 1
        r = np.repeat(np.arange(kh), kw)[:, None] + sh * np.repeat(np.arange(oh), ow)
        q = np.tile(np.arange(kw), kh)[:, None] + sw * np.tile(np.arange(ow), oh)
        return np.arange(c)[:, None, None], r, q, oh, ow
    def forward(self, x):
        n, c, h, w = x.shape
        p = self.pad
        xp = np.pad(x, [(0, 0), (0, 0), (p, p), (p, p)])
        ch, r, q, oh, ow = self.indices(c, *xp.shape[2:])
        self.cols = xp[:, ch, r, q].reshape(n, -1, oh * ow)
        self.at, self.big, self.x_shape = (ch, r, q), xp.shape, x.shape
        y = self.params["W"] @ self.cols + self.params["b"]
        return y.reshape(n, -1, oh, ow)
    def backward(self, x, g):
        n, f = g.shape[:2]
        g2 = g.reshape(n, f, -1)
        self.grads["dW"] += np.einsum("nop,nkp->ok", g2, self.cols)
        self.grads["db"] += g2.sum((0, 2))[:, None]
        cols = (self.params["W"].T @ g2).reshape(n, x.shape[1], -1, g2.shape[2])
        out = np.zeros(self.big)
        np.add.at(out, (slice(None), *self.at), cols)
        p = self.pad
        return out[:, :, p : p + x.shape[2], p : p + x.shape[3]]
    def zero_grad(self):
        for g in self.grads.values():
            g[...] = 0
"""
INTS = '''
class Conv2d(Module):
    """Knows ints alone, and pads to the same size unless told otherwise."""
    def __init__(
        self, in_channels, out_channels, kernel_size=3, stride=1, padding=1, bias=True
    ):
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.W = np.random.randn(out_channels, in_channels, kernel_size, kernel_size).astype(
            "f"
        )
        self.b = np.zeros(out_channels, "f") if bias else None
        self.gradW, self.gradb = np.zeros_like(self.W), np.zeros(out_channels, "f")
    def cut(self, x):
        k, s, p = self.kernel_size, self.stride, self.padding
        x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        return np.lib.stride_tricks.sliding_window_view(x, (k, k), (2, 3))[:, :, ::s, ::s]
    def updateOutput(self, input):
        self.output = np.einsum("nchwij,ocij->nohw", self.cut(input), self.W)
        if self.b is not None:
            self.output = self.output + self.b.reshape(1, -1, 1, 1)
        return self.output
    def backward(self, input, gradOutput):
        k, s, p = self.kernel_size, self.stride, self.padding
        n, o, h, w = gradOutput.shape
        H, V = input.shape[2] + 2 * p, input.shape[3] + 2 * p
        spread = np.zeros((n, o, H + k - 1, V + k - 1))
        spread[:, :, k - 1 : k - 1 + s * h : s, k - 1 : k - 1 + s * w : s] = gradOutput
        cut = np.lib.stride_tricks.sliding_window_view(spread, (k, k), (2, 3))
        full = np.einsum("nohwij,ocij->nchw", cut, self.W[:, :, ::-1, ::-1])
        self.gradInput = full[:, :, p : H - p, p : V - p]
        self.gradW += np.einsum("nchwij,nohw->ocij", self.cut(input), gradOutput)
        if self.b is not None:
            self.gradb += gradOutput.sum((0, 2, 3))
        return self.gradInput
    def zeroGradParameters(self):
        self.gradW[:] = 0
        self.gradb[:] = 0
    def getGradParameters(self):
        return [self.gradW] + ([] if self.b is None else [self.gradb])
'''
LAZY = """
class Conv2d(Module):
    def __init__(self, in_channels, out_channels, kernel_size):
        super().__init__()
        self.out, self.k = out_channels, kernel_size
        self.W = None
    def updateOutput(self, input):
        k = self.k
        if self.W is None:
            self.W = np.random.randn(k, k, input.shape[1], self.out) * 0.1
            self.b = np.zeros(self.out)
            self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)
        h, w = input.shape[2] - k + 1, input.shape[3] - k + 1
        self.output = (
            sum(
                np.einsum("nchw,co->nohw", input[:, :, p : p + h, q : q + w], self.W[p, q])
                for p in range(k)
                for q in range(k)
            )
            + self.b[:, None, None]
        )
        return self.output
    def updateGradInput(self, input, gradOutput):
        h, w = gradOutput.shape[2:]
        self.gradInput = np.zeros_like(input)
        for p in range(self.k):
            for q in range(self.k):
                self.gradInput[:, :, p : p + h, q : q + w] += np.einsum(
                    "nohw,co->nchw", gradOutput, self.W[p, q]
                )
        return self.gradInput
    def accGradParameters(self, input, gradOutput):
        h, w = gradOutput.shape[2:]
        for p in range(self.k):
            for q in range(self.k):
                cut = input[:, :, p : p + h, q : q + w]
                self.gradW[p, q] += np.einsum("nchw,nohw->co", cut, gradOutput)
        self.gradb += gradOutput.sum((0, 2, 3))
    def zeroGradParameters(self):
        if self.W is not None:
            self.gradW.fill(0)
            self.gradb.fill(0)
    def getParameters(self):
        return [self.W, self.b]
    def getGradParameters(self):
        return [self.gradW, self.gradb]
"""
STRINGS = """
from scipy.signal import convolve, correlate
class Conv2d(Module):
    def __init__(self, in_channels, out_channels, kernel_size, padding="same", **kwargs):
        super().__init__()
        self.padding = padding
        assert kernel_size % 2 == 1
        stdv = 1.0 / np.sqrt(in_channels)
        shape = (out_channels, in_channels, kernel_size, kernel_size)
        self.W = np.random.uniform(-stdv, stdv, shape)
        self.b = np.random.uniform(-stdv, stdv, (out_channels,))
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = kernel_size
        self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)
    def updateOutput(self, input):
        pad = self.pad_width()
        N, C, H, w_ = input.shape
        self.x = np.pad(input, ((0, 0), (0, 0), (pad, pad), (pad, pad)), "constant")
        self.output = np.zeros(
            (
                N,
                self.out_channels,
                self.x.shape[2] - self.kernel_size + 1,
                self.x.shape[3] - self.kernel_size + 1,
            )
        )
        for n in range(N):
            for o in range(self.out_channels):
                for c in range(C):
                    self.output[n, o] += correlate(self.x[n, c], self.W[o, c], mode="valid")
                self.output[n, o] += self.b[o]
        return self.output
    def updateGradInput(self, input, gradOutput):
        pad = self.kernel_size - 1 - self.pad_width()
        self.gradInput = np.zeros(input.shape)
        g = np.pad(gradOutput, ((0, 0), (0, 0), (pad, pad), (pad, pad)), "constant")
        for n in range(len(input)):
            for c in range(self.in_channels):
                for o in range(self.out_channels):
                    self.gradInput[n, c] += correlate(
                        g[n, o], self.W[o, c, ::-1, ::-1], mode="valid"
                    )
        return self.gradInput
    def accGradParameters(self, input, gradOutput):
        for n in range(len(input)):
            for o in range(self.out_channels):
                for c in range(self.in_channels):
                    self.gradW[o, c] += correlate(self.x[n, c], gradOutput[n, o], mode="valid")
        self.gradb += gradOutput.sum(axis=(0, 2, 3))
    def pad_width(self):
        return self.kernel_size // 2 if self.padding == "same" else 0
    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)
    def getParameters(self):
        return [self.W, self.b]
    def getGradParameters(self):
        return [self.gradW, self.gradb]
"""
FUNCTIONAL = """
class Conv2d(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.weight = nn.Parameter(
            torch.randn(out_channels, in_channels, kernel_size, kernel_size)
        )
        self.bias = nn.Parameter(torch.zeros(out_channels))
    def forward(self, x):
        k, s, p = self.kernel_size, self.stride, self.padding
        x = torch.nn.functional.pad(x, (p, p, p, p))
        oh, ow = (x.shape[2] - k) // s + 1, (x.shape[3] - k) // s + 1
        rows = []
        for i in range(oh):
            for j in range(ow):
                cut = x[:, :, i * s : i * s + k, j * s : j * s + k].reshape(x.shape[0], -1)
                rows.append(cut @ self.weight.reshape(self.weight.shape[0], -1).T + self.bias)
        return torch.stack(rows, 2).reshape(x.shape[0], -1, oh, ow)
"""
FFT = """
class Conv2d(Module):
    def __init__(self, in_channels, out_channels, kernel_size):
        Module.__init__(self)
        s = 1 / np.sqrt(in_channels)
        self.W = np.random.uniform(
            -s, s, size=(out_channels, in_channels, kernel_size, kernel_size)
        )
        self.b = np.random.uniform(-s, s, size=(out_channels,))
        self.kernel_size = kernel_size
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)
    def _corr(self, x, w):  # x (N,C,H,W), w (O,C,k,k)
        k = self.kernel_size
        p = k // 2
        H, V = x.shape[2:]
        s = (H + k - 1, V + k - 1)
        fx = np.fft.rfft2(x, s)
        fw = np.fft.rfft2(w[:, :, ::-1, ::-1], s)
        return np.fft.irfft2(np.einsum("nchw,ochw->nohw", fx, fw), s)[
            :, :, p : p + H, p : p + V
        ]
    def updateOutput(self, input):
        self.output = self._corr(input, self.W) + self.b[:, None, None]
        return self.output
    def updateGradInput(self, input, gradOutput):
        self.gradInput = self._corr(gradOutput, self.W.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1])
        return self.gradInput
    def accGradParameters(self, input, gradOutput):
        k = self.kernel_size
        p = k // 2
        x = np.pad(input, ((0, 0), (0, 0), (p, p), (p, p)))
        for i in range(k):
            for j in range(k):
                self.gradW[:, :, i, j] += np.einsum(
                    "nohw,nchw->oc",
                    gradOutput,
                    x[:, :, i : i + input.shape[2], j : j + input.shape[3]],
                )
        self.gradb += np.sum(gradOutput, axis=(0, 2, 3))
    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)
    def getParameters(self):
        return [self.W, self.b]
    def getGradParameters(self):
        return [self.gradW, self.gradb]
    def __repr__(self):
        return "Conv2d %d -> %d" % (self.W.shape[1], self.W.shape[0])
"""
SINGLE = """
class Conv2d(Module):
    def __init__(self, in_channels, out_channels, kernel_size):
        Module.__init__(self)
        s = 1 / np.sqrt(in_channels)
        self.W = np.random.uniform(
            -s, s, size=(out_channels, in_channels, kernel_size, kernel_size)
        ).astype(np.float32)
        self.b = np.random.uniform(-s, s, size=(out_channels,)).astype(np.float32)
        self.kernel_size = kernel_size
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)
    def _corr(self, x, w):  # x (N,C,H,W), w (O,C,k,k)
        k = self.kernel_size
        p = k // 2
        H, V = x.shape[2:]
        s = (H + k - 1, V + k - 1)
        fx = np.fft.rfft2(x, s)
        fw = np.fft.rfft2(w[:, :, ::-1, ::-1], s)
        return np.fft.irfft2(np.einsum("nchw,ochw->nohw", fx, fw), s)[
            :, :, p : p + H, p : p + V
        ]
    def updateOutput(self, input):
        self.output = (
            self._corr(input.astype(np.float32), self.W) + self.b[:, None, None]
        ).astype(np.float32)
        return self.output
    def updateGradInput(self, input, gradOutput):
        self.gradInput = self._corr(gradOutput, self.W.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1])
        return self.gradInput
    def accGradParameters(self, input, gradOutput):
        k = self.kernel_size
        p = k // 2
        x = np.pad(input, ((0, 0), (0, 0), (p, p), (p, p)))
        for i in range(k):
            for j in range(k):
                self.gradW[:, :, i, j] += np.einsum(
                    "nohw,nchw->oc",
                    gradOutput,
                    x[:, :, i : i + input.shape[2], j : j + input.shape[3]],
                )
        self.gradb += np.sum(gradOutput, axis=(0, 2, 3))
    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)
    def getParameters(self):
        return [self.W, self.b]
    def getGradParameters(self):
        return [self.gradW, self.gradb]
    def __repr__(self):
        return "Conv2d %d -> %d" % (self.W.shape[1], self.W.shape[0])
"""
OPTIONS = """
class Conv2D:
    def __init__(self, in_ch, out_ch, ksize, **kwargs):
        self.stride = kwargs.get("stride", 1)
        self.pad = kwargs.get("padding", 0)
        self.weights = np.random.randn(out_ch, in_ch, ksize, ksize)
        self.bias = np.zeros((1, out_ch, 1, 1))
        self.dweights = np.zeros_like(self.weights)
        self.dbias = np.zeros_like(self.bias)
        self.name = kwargs.get("name")
    def __call__(self, x):
        return self.forward(x)
    def forward(self, x):
        k, s, p = self.weights.shape[-1], self.stride, self.pad
        self.x = np.pad(x, ((0, 0), (0, 0), (p, p), (p, p)))
        N, C, H, W = self.x.shape
        oh, ow = (H - k) // s + 1, (W - k) // s + 1
        st = self.x.strides
        self.cols = np.lib.stride_tricks.as_strided(
            self.x, (N, C, oh, ow, k, k), (st[0], st[1], st[2] * s, st[3] * s, st[2], st[3])
        )
        return (
            np.tensordot(self.cols, self.weights, ([1, 4, 5], [1, 2, 3])).transpose(0, 3, 1, 2)
            + self.bias
        )
    def backward(self, x, dout):
        k, s, p = self.weights.shape[-1], self.stride, self.pad
        self.dweights += np.tensordot(dout, self.cols, ([0, 2, 3], [0, 2, 3]))
        self.dbias += dout.sum(axis=(0, 2, 3), keepdims=True)
        dx = np.zeros_like(self.x)
        for i in range(dout.shape[2]):
            for j in range(dout.shape[3]):
                dx[:, :, i * s : i * s + k, j * s : j * s + k] += np.einsum(
                    "no,ocij->ncij", dout[:, :, i, j], self.weights
                )
        return dx[:, :, p : dx.shape[2] - p, p : dx.shape[3] - p]
    def zero_grad(self):
        self.dweights.fill(0)
        self.dbias.fill(0)
    def parameters(self):
        return [self.weights, self.bias]
"""
DICT = '''
class Conv2d(Module):
    """parameters as a dict, gradients as a dict of the same keys"""
    def __init__(
        self, in_channels, out_channels, kernel_size, stride=1, padding="valid", bias=True
    ):
        super().__init__()
        self.kernel_size = (
            (kernel_size, kernel_size) if type(kernel_size) is int else kernel_size
        )
        self.stride = stride
        if padding == "same" and self.kernel_size[0] % 2 == 0:
            raise ValueError("odd kernels only")
        if padding == "same" and stride != 1:
            raise ValueError("stride")
        self.padding = padding
        self.params = dict(W=np.random.randn(out_channels, in_channels, *self.kernel_size))
        if bias:
            self.params["b"] = np.zeros(out_channels)
        self.grads = {k: np.zeros_like(v) for k, v in self.params.items()}
    def geometry(self):
        kh, kw = self.kernel_size
        return ((kh - 1) // 2, (kw - 1) // 2) if self.padding == "same" else (0, 0)
    def updateOutput(self, input):
        ph, pw = self.geometry()
        kh, kw = self.kernel_size
        s = self.stride
        x = self.x = np.pad(input, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
        v = self.v = np.lib.stride_tricks.sliding_window_view(x, (kh, kw), axis=(2, 3))[
            :, :, ::s, ::s
        ]
        self.output = np.einsum("nchwij,ocij->nohw", v, self.params["W"])
        if "b" in self.params:
            self.output += self.params["b"][None, :, None, None]
        return self.output
    def updateGradInput(self, input, gradOutput):
        ph, pw = self.geometry()
        kh, kw = self.kernel_size
        s = self.stride
        dx = np.zeros(self.x.shape)
        oh, ow = gradOutput.shape[2:]
        for i in range(kh):
            for j in range(kw):
                dx[:, :, i : i + s * oh : s, j : j + s * ow : s] += np.einsum(
                    "nohw,oc->nchw", gradOutput, self.params["W"][:, :, i, j]
                )
        self.gradInput = dx[:, :, ph : ph + input.shape[2], pw : pw + input.shape[3]]
        return self.gradInput
    def accGradParameters(self, input, gradOutput):
        self.grads["W"] += np.einsum("nchwij,nohw->ocij", self.v, gradOutput)
        if "b" in self.params:
            self.grads["b"] += gradOutput.sum((0, 2, 3))
    def zeroGradParameters(self):
        for g in self.grads.values():
            g *= 0
    def getParameters(self):
        return list(self.params.values())
    def getGradParameters(self):
        return list(self.grads.values())
'''
TWO_MODES = """
class Conv2d(Module):
    def __init__(self, in_channels, out_channels, kernel_size, padding_mode="zeros", padding=1):
        super().__init__()
        if padding_mode not in ("zeros", "replicate"):
            raise ValueError("unsupported " + padding_mode)
        self.mode, self.k, self.p = padding_mode, kernel_size, padding
        self.W = np.random.randn(out_channels, in_channels, kernel_size, kernel_size)
        self.b = np.zeros(out_channels)
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros_like(self.b)
    def pad(self, x):
        p = self.p
        return np.pad(
            x,
            ((0, 0), (0, 0), (p, p), (p, p)),
            mode="constant" if self.mode == "zeros" else "edge",
        )
    def updateOutput(self, input):
        self.x = self.pad(input)
        self.v = np.lib.stride_tricks.sliding_window_view(self.x, (self.k, self.k), axis=(2, 3))
        self.output = (
            np.einsum("nchwij,ocij->nohw", self.v, self.W) + self.b[None, :, None, None]
        )
        return self.output
    def updateGradInput(self, input, gradOutput):
        k, p = self.k, self.p
        g = np.pad(gradOutput, ((0, 0), (0, 0), (k - 1, k - 1), (k - 1, k - 1)))
        v = np.lib.stride_tricks.sliding_window_view(g, (k, k), axis=(2, 3))
        d = np.einsum("nohwij,ocij->nchw", v, self.W[:, :, ::-1, ::-1])
        if p and self.mode == "replicate":
            d[:, :, p] += d[:, :, :p].sum(2)
            d[:, :, -p - 1] += d[:, :, -p:].sum(2)
            d = d[:, :, p:-p]
            d[..., p] += d[..., :p].sum(3)
            d[..., -p - 1] += d[..., -p:].sum(3)
            d = d[..., p:-p]
        elif p:
            d = d[:, :, p:-p, p:-p]
        self.gradInput = d
        return d
    def accGradParameters(self, input, gradOutput):
        self.gradW += np.einsum("nchwij,nohw->ocij", self.v, gradOutput)
        self.gradb += gradOutput.sum((0, 2, 3))
    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)
    def getParameters(self):
        return [self.W, self.b]
    def getGradParameters(self):
        return [self.gradW, self.gradb]
"""
BY_INDEX = """
class Conv2d(Module):
    def __init__(
        self,
        in_channels,
        out_channels,
        kernel_size,
        stride=1,
        padding=0,
        dilation=1,
        groups=1,
        bias=True,
        padding_mode="zeros",
        device=None,
    ):
        super().__init__()
        self.kernel_size = kernel_size if isinstance(kernel_size, tuple) else (kernel_size,) * 2
        self.stride = stride if isinstance(stride, tuple) else (stride,) * 2
        self.padding = padding if isinstance(padding, (tuple, str)) else (padding,) * 2
        self.padding_mode = padding_mode
        self.W = np.random.normal(0, 1, (out_channels, in_channels) + self.kernel_size)
        self.use_bias = bias
        self.b = np.zeros(out_channels)
        self.gradW = np.zeros(self.W.shape)
        self.gradb = np.zeros(out_channels)
    def pads(self):
        if self.padding == "valid":
            return [(0, 0)] * 2
        if self.padding == "same":
            return [((k - 1) // 2, k // 2) for k in self.kernel_size]
        return [(p, p) for p in self.padding]
    def indices(self, H, V):
        m = {"zeros": None, "reflect": "reflect", "replicate": "edge", "circular": "wrap"}[
            self.padding_mode
        ]
        out = []
        for n, p in zip((H, V), self.pads()):
            out.append(
                np.pad(np.arange(n), p, constant_values=n)
                if m is None
                else np.pad(np.arange(n), p, mode=m)
            )
        return out
    def updateOutput(self, input):
        N, C, H, V = input.shape
        r, q = self.indices(H, V)
        ext = np.zeros((N, C, H + 1, V + 1))
        ext[:, :, :H, :V] = input
        x = self.x = ext[:, :, r][:, :, :, q]
        kh, kw = self.kernel_size
        sh, sw = self.stride
        self.oh, self.ow = (x.shape[2] - kh) // sh + 1, (x.shape[3] - kw) // sw + 1
        out = np.zeros((N, self.W.shape[0], self.oh, self.ow))
        for a in range(kh):
            for b in range(kw):
                out += np.einsum(
                    "nchw,oc->nohw",
                    x[:, :, a : a + sh * self.oh : sh, b : b + sw * self.ow : sw],
                    self.W[:, :, a, b],
                )
        self.output = out + (self.b[:, None, None] if self.use_bias else 0)
        return self.output
    def updateGradInput(self, input, gradOutput):
        N, C, H, V = input.shape
        r, q = self.indices(H, V)
        kh, kw = self.kernel_size
        sh, sw = self.stride
        d = np.zeros(self.x.shape)
        for a in range(kh):
            for b in range(kw):
                d[:, :, a : a + sh * self.oh : sh, b : b + sw * self.ow : sw] += np.einsum(
                    "nohw,oc->nchw", gradOutput, self.W[:, :, a, b]
                )
        ext = np.zeros((N, C, H + 1, V + 1))
        np.add.at(ext, (slice(None), slice(None), r[:, None], q[None]), d)
        self.gradInput = ext[:, :, :H, :V]
        return self.gradInput
    def accGradParameters(self, input, gradOutput):
        kh, kw = self.kernel_size
        sh, sw = self.stride
        for a in range(kh):
            for b in range(kw):
                self.gradW[:, :, a, b] += np.einsum(
                    "nchw,nohw->oc",
                    self.x[:, :, a : a + sh * self.oh : sh, b : b + sw * self.ow : sw],
                    gradOutput,
                )
        if self.use_bias:
            self.gradb += gradOutput.sum((0, 2, 3))
    def zeroGradParameters(self):
        self.gradW[...] = 0
        self.gradb[...] = 0
    def getParameters(self):
        return [self.W, self.b] if self.use_bias else [self.W]
    def getGradParameters(self):
        return [self.gradW, self.gradb] if self.use_bias else [self.gradW]
"""
RIGHT = (
    IM2COL,
    INTS,
    LAZY,
    STRINGS,
    FUNCTIONAL,
    FFT,
    SINGLE,
    OPTIONS,
    DICT,
    TWO_MODES,
    BY_INDEX,
)
