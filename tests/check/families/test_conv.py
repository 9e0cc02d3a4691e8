"""Conv2d: each mistake gets its name, right layers get none, in both dialects."""

import textwrap

import pytest
from tests.check.families.students import first, student

from rushlight.check.layer import check_layer

# --- torch_like, by windows: x padded, cut, multiplied; gradients put back window by window

HEAD = """
def pair(v):
    return tuple(v) if isinstance(v, (tuple, list)) else (v, v)

NAMES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}

class Conv2d(Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0, bias=True,
                 padding_mode="zeros"):
        super().__init__()
        self.k, self.s, self.mode = pair(kernel_size), pair(stride), padding_mode
        if padding == "same":
            padding = tuple(k // 2 for k in self.k)
        self.p = (0, 0) if padding == "valid" else pair(padding)
        scale = np.sqrt(2 / (in_channels * self.k[0] * self.k[1]))
        self.W = np.random.randn(out_channels, in_channels, *self.k) * scale
        self.b = np.zeros(out_channels) if bias else None
        self.gradW = np.zeros_like(self.W)
        self.gradb = np.zeros(out_channels) if bias else None
    def zeroGradParameters(self):
        self.gradW.fill(0)
        if self.b is not None:
            self.gradb.fill(0)
    def getParameters(self):
        return [self.W] if self.b is None else [self.W, self.b]
    def getGradParameters(self):
        return [self.gradW] if self.b is None else [self.gradW, self.gradb]
    def pad(self, x):
        ph, pw = self.p
        return np.pad(x, ((0, 0), (0, 0), (ph, ph), (pw, pw)), mode=NAMES[self.mode])
    def updateOutput(self, input):
        W, b = self.W, self.b
        (kh, kw), (sh, sw) = self.k, self.s
        self.padded = x = self.pad(input)
        oh, ow = (x.shape[2] - kh) // sh + 1, (x.shape[3] - kw) // sw + 1
        y = np.zeros((len(x), len(W), oh, ow))
        for i in range(oh):
            for j in range(ow):
                cut = x[:, :, i * sh:i * sh + kh, j * sw:j * sw + kw]
                y[:, :, i, j] = np.tensordot(cut, W, ((1, 2, 3), (1, 2, 3)))
        if b is not None:
            y += b[None, :, None, None]
        self.output = y
        return self.output
    def updateGradInput(self, input, gradOutput):
        W, g, x = self.W, gradOutput, self.padded
        (kh, kw), (sh, sw), (ph, pw) = self.k, self.s, self.p
        H, w_ = input.shape[2:]
        full = np.zeros(x.shape)
        for i in range(g.shape[2]):
            for j in range(g.shape[3]):
                full[:, :, i * sh:i * sh + kh, j * sw:j * sw + kw] += np.tensordot(
                    g[:, :, i, j], W, (1, 0))
        for n, p, axis in ((H, ph, 2), (w_, pw, 3)):
            index = np.pad(np.arange(n), p, mode=NAMES[self.mode])
            if self.mode == "zeros":
                full = np.take(full, np.arange(p, p + n), axis)
            else:
                part = np.zeros(full.shape[:axis] + (n,) + full.shape[axis + 1:])
                for at, to in enumerate(index):
                    place = [slice(None)] * 4
                    place[axis] = to
                    part[tuple(place)] += np.take(full, at, axis)
                full = part
        self.gradInput = full
        return self.gradInput
    def accGradParameters(self, input, gradOutput):
        g, x = gradOutput, self.padded
        (kh, kw), (sh, sw) = self.k, self.s
        for i in range(g.shape[2]):
            for j in range(g.shape[3]):
                cut = x[:, :, i * sh:i * sh + kh, j * sw:j * sw + kw]
                self.gradW += np.tensordot(g[:, :, i, j], cut, (0, 0))
        if self.b is not None:
            self.gradb += g.sum(axis=(0, 2, 3))
"""


def torch_like(*changes):
    """Return the layer above with parts of its text replaced: (old, new, ...)."""
    text = HEAD
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in text, old
        text = text.replace(old, new)
    return student(text)


# --- practical_dl, by scipy, image by image

SAME = """
import scipy.signal

class Conv2d(Module):
    def __init__(self, in_channels, out_channels, kernel_size):
        super().__init__()
        assert kernel_size % 2 == 1
        stdv = 1.0 / np.sqrt(in_channels)
        self.W = np.random.uniform(-stdv, stdv, (out_channels, in_channels, kernel_size, kernel_size))
        self.b = np.random.uniform(-stdv, stdv, (out_channels,))
        self.in_channels, self.out_channels = in_channels, out_channels
        self.kernel_size = kernel_size
        self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)
    def updateOutput(self, input):
        pad = self.kernel_size // 2
        N, C, H, w_ = input.shape
        self.x = np.pad(input, ((0, 0), (0, 0), (pad, pad), (pad, pad)), "constant")
        self.output = np.zeros((N, self.out_channels, H, w_))
        for n in range(N):
            for o in range(self.out_channels):
                for c in range(C):
                    self.output[n, o] += scipy.signal.correlate(self.x[n, c], self.W[o, c], mode="valid")
                self.output[n, o] += self.b[o]
        return self.output
    def updateGradInput(self, input, gradOutput):
        pad = self.kernel_size // 2
        self.gradInput = np.zeros(input.shape)
        g = np.pad(gradOutput, ((0, 0), (0, 0), (pad, pad), (pad, pad)), "constant")
        for n in range(len(input)):
            for c in range(self.in_channels):
                for o in range(self.out_channels):
                    self.gradInput[n, c] += scipy.signal.correlate(g[n, o], self.W[o, c, ::-1, ::-1], mode="valid")
        return self.gradInput
    def accGradParameters(self, input, gradOutput):
        for n in range(len(input)):
            for o in range(self.out_channels):
                for c in range(self.in_channels):
                    self.gradW[o, c] += scipy.signal.correlate(self.x[n, c], gradOutput[n, o], mode="valid")
        self.gradb += gradOutput.sum(axis=(0, 2, 3))
    def zeroGradParameters(self):
        self.gradW.fill(0)
        self.gradb.fill(0)
    def getParameters(self):
        return [self.W, self.b]
    def getGradParameters(self):
        return [self.gradW, self.gradb]
"""


def practical_dl(*changes):
    text = SAME
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in text, old
        text = text.replace(old, new)
    return student(text)


BROKEN_TORCH = {
    "kernel_flipped": [
        ("(cut, W,", "(cut, W[:, :, ::-1, ::-1],"),
        ("(g[:, :, i, j], W,", "(g[:, :, i, j], W[:, :, ::-1, ::-1],")
        if "(g[:, :, i, j], W," in HEAD
        else ("g[:, :, i, j], W, (1, 0)", "g[:, :, i, j], W[:, :, ::-1, ::-1], (1, 0)"),
        ("np.tensordot(g[:, :, i, j], cut, (0, 0))",
         "np.tensordot(g[:, :, i, j], cut[..., ::-1, ::-1], (0, 0))"),
    ],
    "window_axes_swapped": [
        ("(cut, W,", "(cut, W.swapaxes(2, 3) if kh == kw else W,"),
        ("self.k[0] * self.k[1]", "self.k[0] * self.k[1]", ", *self.k)", ", *self.k[::-1])"),
        ("self.s = pair(kernel_size), pair(stride)", "self.s = pair(kernel_size), pair(stride)[::-1]")
        if "self.s = pair(kernel_size)" in HEAD
        else ("pair(stride)", "pair(stride)[::-1]"),
        ("y = np.zeros((len(x), len(W), oh, ow))", "y = np.zeros((len(x), len(W), oh, ow))",
         "self.output = y", "self.output = y.transpose(0, 2, 3, 1).reshape(y.shape)"),
        ("W, g, x = self.W, gradOutput", "W, g, x = self.W.swapaxes(2, 3), gradOutput",
         "i * sh + kh, j * sw:j * sw + kw] += np.t", "i * sh + kw, j * sw:j * sw + kh] += np.t"),
    ],
    "bias_ignored": [("y += b[None", "y += 0 * b[None")],
    "overlap_overwritten": [
        ("+= np.tensordot(\n", "= np.tensordot(\n"),
    ],
    "padding_not_shifted_back": [
        ("np.arange(p, p + n)", "np.arange(n)"),
        ("full = np.take(full, np.arange(p, p + n), axis)", "pass"),
    ],
    "border_not_folded": [
        ('if self.mode == "zeros"', "if True"),
        ('if self.mode == "zeros"', 'if self.mode != "reflect"'),
        ('if self.mode == "zeros"', 'if self.mode == "zeros" or axis == 3'),
        ("part[tuple(place)] += np.take", "part[tuple(place)] = np.take"),
    ],
    "padding_mode_ignored": [
        ("mode=NAMES[self.mode])\n    def", 'mode="constant")\n    def'),
        ('"reflect": "reflect"', '"reflect": "symmetric"'),
        ("g, x = gradOutput, self.padded", "self.mode, m = 'zeros', self.mode; g, x = gradOutput, self.pad(input); self.mode = m"),
        ("index = np.pad(np.arange(n), p, mode=NAMES[self.mode])",
         "index = np.pad(np.arange(n), p, mode='edge')"),
    ],
    "option_ignored": [
        ("pair(stride)", "(1, 1)"),
        ("else pair(padding)", "else (0, 0)"),
    ],
    "overwritten": [
        ("self.gradW += np.tensordot(g[:, :, i, j], cut, (0, 0))",
         "self.gradW = np.tensordot(g[:, :, i, j], cut, (0, 0))"),
        ("self.gradb +=", "self.gradb ="),
        ("g, x = gradOutput, self.padded", "g, x = gradOutput, self.padded; self.gradW[...] = 0"),
    ],
    "array_replaced": [("self.gradb +=", "self.gradb = self.gradb +")],
    "divided_by_n": [
        ("(g[:, :, i, j], cut, (0, 0))", "(g[:, :, i, j], cut, (0, 0)) / len(g)"),
        ("g.sum(axis=(0, 2, 3))", "g.mean(axis=(0, 2, 3))"),
        ("g.sum(axis=(0, 2, 3))", "g.sum(axis=(2, 3)).mean(axis=0)"),
    ],
    "missing_gradient": [
        ("self.gradW += np.tensordot(g[:, :, i, j], cut, (0, 0))", "pass"),
        ("self.gradb += g.sum(axis=(0, 2, 3))", "pass"),
    ],
    "wrong_shape": [
        ("self.gradb += g.sum(axis=(0, 2, 3))",
         "self.gradb = self.gradb + g.sum(axis=(0, 2, 3), keepdims=True)"),
    ],
    "output_size": [
        ("oh, ow = (x.shape[2] - kh) // sh + 1, (x.shape[3] - kw) // sw + 1",
         "oh, ow = (x.shape[2] - kh) // sh, (x.shape[3] - kw) // sw"),
        ("oh, ow = (x.shape[2] - kh) // sh + 1, (x.shape[3] - kw) // sw + 1",
         "oh, ow = -(-(x.shape[2] - kh) // sh) + 1, -(-(x.shape[3] - kw) // sw) + 1; "
         "x = np.pad(x, ((0, 0), (0, 0), (0, 9), (0, 9)))"),
    ],
    "returns_none": [("self.output = y\n        return self.output", "self.output = y")],
    "early_return": [
        ("                y[:, :, i, j] = np.tensordot(cut, W, ((1, 2, 3), (1, 2, 3)))",
         "                y[:, :, i, j] = np.tensordot(cut, W, ((1, 2, 3), (1, 2, 3)))\n"
         "            return y"),
    ],
    "stale_buffer": [
        ("self.padded = x = self.pad(input)", "self.padded = getattr(self, 'padded', self.pad(input));"
         " self.padded = self.padded if self.padded.shape == self.pad(input).shape else self.pad(input); x = self.pad(input)"),
    ],
}  # fmt: skip
BROKEN_SAME = {
    "kernel_flipped": [
        ("[n, c], self.W[o, c], mode", "[n, c], self.W[o, c, ::-1, ::-1], mode"),
        ("signal.correlate(self.x[n, c], self.W", "signal.convolve(self.x[n, c], self.W"),
        ("self.W[o, c, ::-1, ::-1]", "self.W[o, c]"),
    ],
    "window_axes_swapped": [("self.W[o, c, ::-1, ::-1]", "self.W[o, c, ::-1, ::-1].T")],
    "overwritten": [
        ("self.gradW[o, c] +=", "self.gradW[o, c] ="),
        ("self.output[n, o] += scipy", "self.output[n, o] = scipy"),
        ("self.gradInput[n, c] +=", "self.gradInput[n, c] ="),
        ("self.gradb +=", "self.gradb[...] ="),
    ],
    "padding_mode_ignored": [
        ('(pad, pad), (pad, pad)), "constant")\n        self.output',
         '(pad, pad), (pad, pad)), "edge")\n        self.output'),
    ],
    "bias_ignored": [("self.output[n, o] += self.b[o]", "pass")],
    "missing_gradient": [("self.gradb += ", "unused = ")],
    "divided_by_n": [("sum(axis=(0, 2, 3))", "mean(axis=(0, 2, 3))")],
    "wrong_shape": [
        ("self.gradb += gradOutput.sum(axis=(0, 2, 3))", "self.gradb = gradOutput.sum(axis=(0, 2))")
    ],
}  # fmt: skip


@pytest.mark.parametrize("cause", BROKEN_TORCH)
def test_a_mistake_gets_its_name(cause):
    made = [first(torch_like(*changes)) for changes in BROKEN_TORCH[cause]]
    assert made == [cause] * len(made)


@pytest.mark.parametrize("cause", BROKEN_SAME)
def test_a_mistake_of_practical_dl_gets_its_name(cause):
    made = [first(practical_dl(*changes)) for changes in BROKEN_SAME[cause]]
    assert made == [cause] * len(made)


def test_right_layers_give_nothing():
    report = check_layer(torch_like())
    assert (report.status, report.findings, report.like) == ("ok", (), "torch_like.Conv2d")
    assert report.checks > 80
    report = check_layer(practical_dl())
    assert (report.status, report.findings, report.like) == ("ok", (), "practical_dl.Conv2d")


# --- right layers, written otherwise

IM2COL = """
class MyConv2D:
    def __init__(self, c_in, c_out, k, strides=(1, 1), pad=0):
        k, s = (k, k) if isinstance(k, int) else k, strides
        self.k, self.s, self.pad = k, (s, s) if isinstance(s, int) else s, pad
        self.params = {"W": np.random.randn(c_out, c_in * k[0] * k[1]), "b": np.zeros((c_out, 1))}
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
        return out[:, :, p:p + x.shape[2], p:p + x.shape[3]]
    def zero_grad(self):
        for g in self.grads.values():
            g[...] = 0
"""
INTS = """
class Conv2d(Module):
    '''Knows ints alone, and pads to the same size unless told otherwise.'''
    def __init__(self, in_channels, out_channels, kernel_size=3, stride=1, padding=1, bias=True):
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.W = np.random.randn(out_channels, in_channels, kernel_size, kernel_size).astype("f")
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
        spread[:, :, k - 1:k - 1 + s * h:s, k - 1:k - 1 + s * w:s] = gradOutput
        cut = np.lib.stride_tricks.sliding_window_view(spread, (k, k), (2, 3))
        full = np.einsum("nohwij,ocij->nchw", cut, self.W[:, :, ::-1, ::-1])
        self.gradInput = full[:, :, p:H - p, p:V - p]
        self.gradW += np.einsum("nchwij,nohw->ocij", self.cut(input), gradOutput)
        if self.b is not None:
            self.gradb += gradOutput.sum((0, 2, 3))
        return self.gradInput
    def zeroGradParameters(self):
        self.gradW[:] = 0
        self.gradb[:] = 0
    def getGradParameters(self):
        return [self.gradW] + ([] if self.b is None else [self.gradb])
"""
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
        self.output = sum(
            np.einsum("nchw,co->nohw", input[:, :, p:p + h, q:q + w], self.W[p, q])
            for p in range(k) for q in range(k)) + self.b[:, None, None]
        return self.output
    def updateGradInput(self, input, gradOutput):
        h, w = gradOutput.shape[2:]
        self.gradInput = np.zeros_like(input)
        for p in range(self.k):
            for q in range(self.k):
                self.gradInput[:, :, p:p + h, q:q + w] += np.einsum(
                    "nohw,co->nchw", gradOutput, self.W[p, q])
        return self.gradInput
    def accGradParameters(self, input, gradOutput):
        h, w = gradOutput.shape[2:]
        for p in range(self.k):
            for q in range(self.k):
                self.gradW[p, q] += np.einsum("nchw,nohw->co", input[:, :, p:p + h, q:q + w], gradOutput)
        self.gradb += gradOutput.sum((0, 2, 3))
    def zeroGradParameters(self):
        if self.W is not None:
            self.gradW.fill(0); self.gradb.fill(0)
    def getParameters(self): return [self.W, self.b]
    def getGradParameters(self): return [self.gradW, self.gradb]
"""
STRINGS = SAME.replace("kernel_size):", "kernel_size, padding='same', **kwargs):", 1).replace(
    "super().__init__()", "super().__init__(); self.padding = padding"
).replace("pad = self.kernel_size // 2\n        N", "pad = self.pad_width()\n        N").replace(
    "np.zeros((N, self.out_channels, H, w_))",
    "np.zeros((N, self.out_channels, self.x.shape[2] - self.kernel_size + 1, "
    "self.x.shape[3] - self.kernel_size + 1))",
).replace("pad = self.kernel_size // 2\n        self.grad",
          "pad = self.kernel_size - 1 - self.pad_width()\n        self.grad",
).replace("    def zeroGrad", "    def pad_width(self):\n        return self.kernel_size // 2 "
          "if self.padding == 'same' else 0\n    def zeroGrad")  # fmt: skip
FUNCTIONAL = """
class Conv2d(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, padding=0):
        super().__init__()
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, kernel_size, kernel_size))
        self.bias = nn.Parameter(torch.zeros(out_channels))
    def forward(self, x):
        k, s, p = self.kernel_size, self.stride, self.padding
        x = torch.nn.functional.pad(x, (p, p, p, p))
        oh, ow = (x.shape[2] - k) // s + 1, (x.shape[3] - k) // s + 1
        rows = []
        for i in range(oh):
            for j in range(ow):
                cut = x[:, :, i * s:i * s + k, j * s:j * s + k].reshape(x.shape[0], -1)
                rows.append(cut @ self.weight.reshape(self.weight.shape[0], -1).T + self.bias)
        return torch.stack(rows, 2).reshape(x.shape[0], -1, oh, ow)
"""


@pytest.mark.parametrize("text", [IM2COL, INTS, LAZY, STRINGS, FUNCTIONAL])
def test_right_layers_written_otherwise_give_nothing(text):
    report = check_layer(student(textwrap.dedent(text)))
    assert report.status == "ok" and report.findings == () and report.checks > 15
