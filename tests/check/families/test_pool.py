"""MaxPool2d and AvgPool2d: each mistake gets its name, right layers get none."""

import pytest
from tests.check.families.pools import RIGHT
from tests.check.families.students import first, student

from rushlight.check.layer import check_layer

MAX = """
def pair(v):
    return tuple(v) if isinstance(v, (tuple, list)) else (v, v)

class MaxPool2d(Module):
    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        self.k = pair(kernel_size)
        self.s = self.k if stride is None else pair(stride)
        self.p = pair(padding)
    def updateOutput(self, input):
        (kh, kw), (sh, sw), (ph, pw) = self.k, self.s, self.p
        n, c, h, w = input.shape
        x = np.pad(input, ((0, 0), (0, 0), (ph, ph), (pw, pw)), constant_values=-np.inf)
        oh, ow = (x.shape[2] - kh) // sh + 1, (x.shape[3] - kw) // sw + 1
        self.output = np.zeros((n, c, oh, ow))
        self.chosen = np.zeros((n, c, oh, ow), int)
        for i in range(oh):
            for j in range(ow):
                cut = x[:, :, i * sh:i * sh + kh, j * sw:j * sw + kw].reshape(n, c, -1)
                self.chosen[:, :, i, j] = cut.argmax(-1)
                self.output[:, :, i, j] = cut.max(-1)
        self.x = x
        return self.output
    def updateGradInput(self, input, gradOutput):
        (kh, kw), (sh, sw), (ph, pw) = self.k, self.s, self.p
        big, g = np.zeros(self.x.shape), gradOutput
        n, c, oh, ow = g.shape
        for a in range(n):
            for b in range(c):
                for i in range(oh):
                    for j in range(ow):
                        at = self.chosen[a, b, i, j]
                        big[a, b, i * sh + at // kw, j * sw + at % kw] += g[a, b, i, j]
        H, V = input.shape[2:]
        self.gradInput = big[:, :, ph:ph + H, pw:pw + V]
        return self.gradInput
"""
BY_MASK = """
class MaxPool2d(Module):
    def __init__(self, kernel_size=2, stride=2, padding=0):
        super().__init__()
        self.k, self.s, self.p = kernel_size, stride, padding
    def updateOutput(self, input):
        k, s, p = self.k, self.s, self.p
        self.x = x = np.pad(input, ((0, 0), (0, 0), (p, p), (p, p)), constant_values=-1e30)
        oh, ow = (x.shape[2] - k) // s + 1, (x.shape[3] - k) // s + 1
        self.output = np.empty(x.shape[:2] + (oh, ow))
        for i in range(oh):
            for j in range(ow):
                self.output[:, :, i, j] = x[:, :, i*s:i*s+k, j*s:j*s+k].max((2, 3))
        return self.output
    def updateGradInput(self, input, gradOutput):
        k, s, p = self.k, self.s, self.p
        big = np.zeros(self.x.shape)
        for i in range(gradOutput.shape[2]):
            for j in range(gradOutput.shape[3]):
                cut = self.x[:, :, i*s:i*s+k, j*s:j*s+k]
                mask = cut == self.output[:, :, i:i+1, j:j+1]
                mask = mask & (mask.reshape(*mask.shape[:2], -1).cumsum(-1).reshape(cut.shape) == 1)
                big[:, :, i*s:i*s+k, j*s:j*s+k] += mask * gradOutput[:, :, i:i+1, j:j+1]
        self.gradInput = big[:, :, p:big.shape[2] - p, p:big.shape[3] - p]
        return self.gradInput
"""
RESHAPED = """
class MaxPool2d(Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.kernel_size = kernel_size
    def updateOutput(self, input):
        k = self.kernel_size
        n, c, h, w = input.shape
        assert h % k == 0 and w % k == 0
        x = input.reshape(n, c, h // k, k, w // k, k).transpose(0, 1, 2, 4, 3, 5)
        flat = x.reshape(n, c, h // k, w // k, k * k)
        self.max_indices = flat.argmax(axis=-1)
        self.output = flat.max(axis=-1)
        return self.output
    def updateGradInput(self, input, gradOutput):
        k = self.kernel_size
        n, c, h, w = input.shape
        flat = np.zeros((n, c, h // k, w // k, k * k))
        np.put_along_axis(flat, self.max_indices[..., None], gradOutput[..., None], axis=-1)
        x = flat.reshape(n, c, h // k, w // k, k, k).transpose(0, 1, 2, 4, 3, 5)
        self.gradInput = x.reshape(input.shape)
        return self.gradInput
"""
PURE = """
class MaxPool2d(Module):
    def __init__(self, kernel_size=2):
        super(MaxPool2d, self).__init__()
        self.kernel_size = kernel_size
        self.gradInput = None
    def updateOutput(self, input):
        k = self.kernel_size
        N, C, H, W = input.shape
        out = np.zeros((N, C, H // k, W // k))
        self.max_indices = {}
        for n in range(N):
            for c in range(C):
                for i in range(H // k):
                    for j in range(W // k):
                        best, at = None, None
                        for p in range(k):
                            for q in range(k):
                                v = input[n, c, i * k + p, j * k + q]
                                if best is None or v > best:
                                    best, at = v, (i * k + p, j * k + q)
                        out[n, c, i, j] = best
                        self.max_indices[n, c, i, j] = at
        self.output = out
        return self.output
    def updateGradInput(self, input, gradOutput):
        self.gradInput = np.zeros(input.shape)
        for (n, c, i, j), (p, q) in self.max_indices.items():
            self.gradInput[n, c, p, q] += gradOutput[n, c, i, j]
        return self.gradInput
"""
MODULE = """
class AvgPool2d(nn.Module):
    def __init__(self, kernel_size, stride=None):
        super().__init__()
        self.k, self.s = kernel_size, stride or kernel_size
    def forward(self, x):
        k, s = self.k, self.s
        oh, ow = (x.shape[2] - k) // s + 1, (x.shape[3] - k) // s + 1
        total = 0
        for p in range(k):
            for q in range(k):
                total = total + x[:, :, p:p + s * (oh - 1) + 1:s, q:q + s * (ow - 1) + 1:s]
        return total / (k * k)
"""
AVG = """
def pair(v):
    return tuple(v) if isinstance(v, (tuple, list)) else (v, v)

class AvgPool2d(Module):
    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        self.kernel_size = pair(kernel_size)
        self.stride = pair(stride if stride is not None else kernel_size)
        self.padding = pair(padding)
    def updateOutput(self, input):
        (kh, kw), (sh, sw), (ph, pw) = self.kernel_size, self.stride, self.padding
        x = np.pad(input, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
        oh, ow = (x.shape[2] - kh) // sh + 1, (x.shape[3] - kw) // sw + 1
        self.output = np.zeros((x.shape[0], x.shape[1], oh, ow))
        for i in range(oh):
            for j in range(ow):
                cut = x[:, :, i * sh:i * sh + kh, j * sw:j * sw + kw]
                self.output[:, :, i, j] = cut.sum((2, 3)) / (kh * kw)
        return self.output
    def updateGradInput(self, input, gradOutput):
        (kh, kw), (sh, sw), (ph, pw) = self.kernel_size, self.stride, self.padding
        n, c, h, w = input.shape
        big = np.zeros((n, c, h + 2 * ph, w + 2 * pw))
        for i in range(gradOutput.shape[2]):
            for j in range(gradOutput.shape[3]):
                big[:, :, i * sh:i * sh + kh, j * sw:j * sw + kw] += (
                    gradOutput[:, :, i, j][:, :, None, None] / (kh * kw))
        self.gradInput = big[:, :, ph:ph + h, pw:pw + w]
        return self.gradInput
"""
KRON = """
class AvgPool2d(Module):
    def __init__(self, kernel_size):
        super().__init__()
        self.kernel_size = kernel_size
    def updateOutput(self, input):
        k = self.kernel_size
        n, c, h, w = input.shape
        self.output = input.reshape(n, c, h // k, k, w // k, k).mean(axis=(3, 5))
        return self.output
    def updateGradInput(self, input, gradOutput):
        k = self.kernel_size
        self.gradInput = np.repeat(np.repeat(gradOutput, k, axis=2), k, axis=3) / k**2
        return self.gradInput
"""


def changed(text, *changes):
    """Return the layer with parts of its text replaced: (old, new, ...)."""
    for old, new in zip(changes[::2], changes[1::2], strict=True):
        assert old in text, old
        text = text.replace(old, new)
    return student(text)


OUT = "oh, ow = (x.shape[2] - kh) // sh + 1, (x.shape[3] - kw) // sw + 1"
BROKEN = {
    "zero_padding_in_max_pool": [
        (MAX, ", constant_values=-np.inf", ""),
        (BY_MASK, "constant_values=-1e30", "constant_values=0"),
        (MAX, "constant_values=-np.inf", "constant_values=-1"),
    ],
    "padding_not_shifted_back": [
        (MAX, "big[:, :, ph:ph + H, pw:pw + V]", "big"),
        (MAX, "big[:, :, ph:ph + H, pw:pw + V]", "big[:, :, :H, :V]"),
        (MAX, "np.zeros(self.x.shape), g", "np.zeros(input.shape), g"),
        (BY_MASK, "big[:, :, p:big.shape[2] - p, p:big.shape[3] - p]", "big"),
        (AVG, "big[:, :, ph:ph + h, pw:pw + w]", "big[:, :, :h, :w]"),
        (AVG, "big[:, :, ph:ph + h, pw:pw + w]", "big[:, :, 2 * ph:, 2 * pw:]"),
        (AVG, "big[:, :, ph:ph + h, pw:pw + w]", "big[:, :, ph:-ph, pw:-pw] if ph else big"),
    ],
    "overlap_overwritten": [
        (MAX, "at % kw] +=", "at % kw] ="),
        (BY_MASK, "k] += mask", "k] = mask"),
        (AVG, "kw] += (", "kw] = ("),
    ],
    "ties_to_all": [
        (BY_MASK, "mask = mask & (", "unused = mask & ("),
        (BY_MASK, "mask = mask & (", "mask = mask / mask.sum((2, 3), keepdims=True); unused = ("),
        (RESHAPED, "np.put_along_axis(flat, self.max_indices[..., None], gradOutput[..., None], "
         "axis=-1)", "self.flat = input.reshape(n, c, h // k, k, w // k, k).transpose("
         "0, 1, 2, 4, 3, 5).reshape(flat.shape); flat = (self.flat == self.flat.max(-1, "
         "keepdims=True)) * gradOutput[..., None]"),
    ],
    "ties_to_last": [
        (MAX, "cut.argmax(-1)", "kh * kw - 1 - cut[..., ::-1].argmax(-1)"),
        (BY_MASK, "mask = mask & (mask.reshape(*mask.shape[:2], -1)",
         "mask = mask & (mask[:, :, ::-1, ::-1].reshape(*mask.shape[:2], -1)",
         "reshape(cut.shape) == 1)", "reshape(cut.shape)[:, :, ::-1, ::-1] == 1)"),
    ],
    "window_axes_swapped": [
        (RESHAPED, ".transpose(0, 1, 2, 4, 3, 5)\n        flat", "\n        flat"),
        (RESHAPED, ".transpose(0, 1, 2, 4, 3, 5)\n        self.grad", "\n        self.grad"),
        (MAX, "at // kw, j * sw + at % kw", "at % kw, j * sw + at // kw"),
        (MAX, "at // kw, j * sw + at % kw", "at // kh, j * sw + at % kh"),
        (MAX, "self.x = x", "self.output = self.output.swapaxes(2, 3).reshape(n, c, oh, ow)"
         "; self.x = x"),
        (MAX, "big, g = np.zeros(self.x.shape), gradOutput", "big = np.zeros(self.x.shape); "
         "g = gradOutput.swapaxes(2, 3).reshape(gradOutput.shape)"),
        (MAX, "self.k = pair(kernel_size)", "self.k = pair(kernel_size)[::-1]"),
        (MAX, "pair(stride)", "(pair(stride)[0], pair(stride)[0])"),
        (MAX, "self.p = pair(padding)", "self.p = pair(padding)[::-1]"),
        (AVG, "/ (kh * kw)\n        return", "/ (kh * kh)\n        return"),
        (AVG, "self.padding = pair(padding)", "self.padding = pair(padding)[::-1]"),
        (KRON, "np.repeat(np.repeat(gradOutput, k, axis=2), k, axis=3)",
         "np.tile(gradOutput, (1, 1, k, k))"),
    ],
    "padding_counted": [
        (AVG, "cut.sum((2, 3)) / (kh * kw)", "cut.sum((2, 3)) / np.pad(np.ones(input.shape[2:]),"
         "((ph, ph), (pw, pw)))[i * sh:i * sh + kh, j * sw:j * sw + kw].sum()"),
    ],
    "times_n": [
        (AVG, "cut.sum((2, 3)) / (kh * kw)", "cut.sum((2, 3))"),
        (AVG, "[:, :, None, None] / (kh * kw)", "[:, :, None, None]"),
        (KRON, "axis=3) / k**2", "axis=3)"),
    ],
    "option_ignored": [
        (MAX, "self.s = self.k if stride is None else pair(stride)", "self.s = self.k"),
        (MAX, "self.p = pair(padding)", "self.p = (0, 0)"),
        (AVG, "pair(stride if stride is not None else kernel_size)", "pair(kernel_size)"),
        (AVG, "self.padding = pair(padding)", "self.padding = (0, 0)"),
    ],
    "output_size": [
        (MAX, OUT, OUT.replace(" + 1", "")),
        (BY_MASK, "for i in range(gradOutput.shape[2])", "for i in range(gradOutput.shape[2] - 1)"),
        (AVG, OUT, OUT.replace(" + 1", "")),
        (MAX, OUT, "oh, ow = -(-(x.shape[2] - kh) // sh) + 1, -(-(x.shape[3] - kw) // sw) + 1",
         "constant_values=-np.inf)", "constant_values=-np.inf); y = x; x = np.pad(x, ((0, 0), "
         "(0, 0), (0, 5), (0, 5)), constant_values=-np.inf); f = x; x = y",
         "cut = x[", "cut = f[", "self.x = x", "self.x = f"),
    ],
    "wrong_constant": [
        (MAX, "] = cut.max(-1)", "] = np.maximum(cut.max(-1), 0)"),
        (PURE, "best, at = None, None", "best, at = -1, (i * k, j * k)"),
    ],
    "wrong_axis": [
        (MAX, "] = cut.max(-1)", "] = cut.max((1, 2))[:, None]"),
        (MAX, "] = cut.max(-1)", "] = cut.max()"),
    ],
    "local_derivative": [(MAX, "self.output[:, :, i, j] = cut.max(-1)",
                          "self.output[:, :, i, j] = np.where(cut == -np.inf, 0, cut).mean(-1)")],
    "returns_none": [(KRON, "        return self.output", ""),
                     (RESHAPED, "        return self.output", "")],
    "overwritten": [(MODULE, "total = total + ", "total = 0 * total + ")],
    "early_return": [
        (MAX, "+= g[a, b, i, j]", "+= g[a, b, i, j]\n                H, V = input.shape[2:]; "
         "self.gradInput = big[:, :, ph:ph + H, pw:pw + V]\n                return self.gradInput"),
    ],
    "factor": [(KRON, "/ k**2", "/ k")],
    "stale_buffer": [
        (BY_MASK, "self.output = np.empty(x.shape[:2] + (oh, ow))", "shape = *x.shape[:2], oh, ow; "
         "self.output = self.output if np.shape(self.output) == shape else np.empty(shape)"),
        (KRON, "self.gradInput = np.rep", "self.gradInput = (self.gradInput if "
         "np.shape(self.gradInput) == input.shape else 0) + np.rep"),
        (RESHAPED, "self.max_indices = flat", "self.max_indices = self.max_indices if "
                      "hasattr(self, 'max_indices') and self.max_indices.shape == flat.shape[:-1] "
                      "else flat")],
    "upstream_ignored": [
        (KRON, "np.repeat(gradOutput, k", "np.repeat(np.ones(gradOutput.shape), k")
    ],
    "sign": [(KRON, "np.repeat(gradOutput, k", "np.repeat(-gradOutput, k")],
    "input_modified": [
        (MAX, "        self.x = x\n", "        self.x = x\n        input[input < 0] = 0\n"),
        (KRON, "        k = self.kernel_size\n        self.gradInput =",
         "        k = self.kernel_size\n        gradOutput /= k**2\n        self.gradInput =",
         "axis=3) / k**2", "axis=3)"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("cause", BROKEN)
def test_a_mistake_gets_its_name(cause):
    made = [first(changed(*one)) for one in BROKEN[cause]]
    assert made == [cause] * len(made)


# --- right layers, written otherwise

GATHERED = """
class MaxPooling2D:
    def __init__(self, pool_size, strides=None):
        self.k = pool_size
        self.s = strides or pool_size
    def forward(self, x):
        k, s = self.k, self.s
        view = np.lib.stride_tricks.sliding_window_view(x, (k, k), (2, 3))[:, :, ::s, ::s]
        self.shape, flat = x.shape, view.reshape(*view.shape[:4], k * k)
        self.best = flat.argmax(-1)
        return flat.max(-1).astype(x.dtype)
    def backward(self, x, g):
        out = np.zeros(self.shape)
        n, c, i, j = np.indices(g.shape)
        np.add.at(out, (n, c, i * self.s + self.best // self.k, j * self.s + self.best % self.k), g)
        return out
"""
LOOPS = """
class AvgPool2d(Module):
    def __init__(self, kernel_size, padding=0):
        self.k, self.p = kernel_size, padding
    def updateOutput(self, input):
        k, p = self.k, self.p
        x = np.zeros((*input.shape[:2], input.shape[2] + 2 * p, input.shape[3] + 2 * p))
        x[:, :, p:p + input.shape[2], p:p + input.shape[3]] = input
        self.output = np.array([[[[np.mean(plane[i:i + k, j:j + k])
            for j in range(0, plane.shape[1] - k + 1, k)]
            for i in range(0, plane.shape[0] - k + 1, k)] for plane in image] for image in x])
        return self.output
    def updateGradInput(self, input, gradOutput):
        k, p = self.k, self.p
        self.gradInput = np.zeros_like(input)
        for (n, c, h, w), _ in np.ndenumerate(input):
            i, j = (h + p) // k, (w + p) // k
            if i < gradOutput.shape[2] and j < gradOutput.shape[3]:
                self.gradInput[n, c, h, w] = gradOutput[n, c, i, j] / k / k
        return self.gradInput
"""
SINGLE = MAX.replace("np.zeros((n, c, oh, ow))", "np.zeros((n, c, oh, ow), np.float32)")
TIES = """
class MaxPool2d(nn.Module):
    def __init__(self, kernel_size, stride=None, padding=0):
        super().__init__()
        self.k, self.s, self.p = kernel_size, stride or kernel_size, padding
    def forward(self, x):
        k, s, p = self.k, self.s, self.p
        x = torch.nn.functional.pad(x, (p, p, p, p), value=float("-inf"))
        oh, ow = (x.shape[2] - k) // s + 1, (x.shape[3] - k) // s + 1
        cuts = [
            x[:, :, a : a + s * (oh - 1) + 1 : s, b : b + s * (ow - 1) + 1 : s]
            for a in range(k)
            for b in range(k)
        ]
        return torch.stack(cuts, -1).amax(-1)
"""


@pytest.mark.parametrize(
    "text", [MAX, BY_MASK, RESHAPED, AVG, KRON, GATHERED, LOOPS, PURE, TIES, MODULE, *RIGHT]
)
def test_a_right_layer_gives_nothing(text):
    report = check_layer(student(text))
    assert report.status == "ok" and report.findings == () and report.checks > 15


def test_float32_inside_is_a_note():
    report = check_layer(student(SINGLE))
    assert report.status == "ok" and [f.cause for f in report.findings] == ["dtype_changed"]


def test_the_dialect_is_told_by_the_stride():
    assert check_layer(student(RESHAPED)).like == "practical_dl.MaxPool2d"
    assert check_layer(student(MAX)).like == "torch_like.MaxPool2d"


def test_padding_alone_tells_torch_like():
    """A layer without a stride: what it does to the padding is seen all the same."""
    assert check_layer(student(LOOPS)).like == "torch_like.AvgPool2d"
    assert first(changed(LOOPS, "i, j = (h + p) // k", "i, j = (h - p) // k")) != "ok"


EXACT = "        assert (x.shape[2] - kh) % sh == 0 == (x.shape[3] - kw) % sw; oh, ow ="


def test_sizes_that_cannot_be_divided_may_be_refused_unless_torch_is_demanded():
    for text in (MAX, AVG):
        cls = changed(text, "        oh, ow =", EXACT)
        assert first(cls) == "ok"
        assert first(cls, "torch_like") == "crash"
