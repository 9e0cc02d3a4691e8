"""Conv2d: each mistake gets its name, right layers get none, in both dialects."""

import pytest
from tests.check.families.convolutions import RIGHT
from tests.check.families.odd_convolutions import HOLDERS, MIXED_IN
from tests.check.families.odd_convolutions import RIGHT as OTHERWISE
from tests.check.families.students import findings, first, student

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
            assert all(k % 2 for k in self.k)
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
from scipy.signal import convolve, correlate

class Conv2d(Module):
    def __init__(self, in_channels, out_channels, kernel_size):
        super().__init__()
        assert kernel_size % 2 == 1
        stdv = 1.0 / np.sqrt(in_channels)
        shape = (out_channels, in_channels, kernel_size, kernel_size)
        self.W = np.random.uniform(-stdv, stdv, shape)
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
                    self.output[n, o] += correlate(self.x[n, c], self.W[o, c], mode="valid")
                self.output[n, o] += self.b[o]
        return self.output
    def updateGradInput(self, input, gradOutput):
        pad = self.kernel_size // 2
        self.gradInput = np.zeros(input.shape)
        g = np.pad(gradOutput, ((0, 0), (0, 0), (pad, pad), (pad, pad)), "constant")
        for n in range(len(input)):
            for c in range(self.in_channels):
                for o in range(self.out_channels):
                    self.gradInput[n, c] += correlate(
                        g[n, o], self.W[o, c, ::-1, ::-1], mode="valid")
        return self.gradInput
    def accGradParameters(self, input, gradOutput):
        for n in range(len(input)):
            for o in range(self.out_channels):
                for c in range(self.in_channels):
                    self.gradW[o, c] += correlate(
                        self.x[n, c], gradOutput[n, o], mode="valid")
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
        ("g[:, :, i, j], W, (1, 0)", "g[:, :, i, j], W[:, :, ::-1, ::-1], (1, 0)"),
        ("np.tensordot(g[:, :, i, j], cut, (0, 0))",
         "np.tensordot(g[:, :, i, j], cut[..., ::-1, ::-1], (0, 0))"),
    ],
    "window_axes_swapped": [
        ("(cut, W,", "(cut, W.swapaxes(2, 3) if kh == kw else W,"),
        (", *self.k)", ", *self.k[::-1])"),
        ("pair(stride)", "pair(stride)[::-1]"),
        ("self.output = y", "self.output = y.transpose(0, 2, 3, 1).reshape(y.shape)"),
        ("self.output = y", "self.output = y.reshape(*y.shape[:2], y.shape[3], y.shape[2])"),
        ("W, g, x = self.W, gradOutput", "W, g, x = self.W, gradOutput.transpose(0, 2, 3, 1)"
         ".reshape(gradOutput.shape)"),
        ("W, g, x = self.W, gradOutput", "W, g, x = self.W.swapaxes(2, 3), gradOutput",
         "i * sh + kh, j * sw:j * sw + kw] += np.t", "i * sh + kw, j * sw:j * sw + kh] += np.t"),
    ],
    "bias_ignored": [
        ("y += b[None", "y += 0 * b[None"),
        ("self.b = np.zeros(out_channels) if bias else None", "self.b = np.zeros(out_channels)",
         "self.gradb = np.zeros(out_channels) if bias else None",
         "self.gradb = np.zeros(out_channels)"),
    ],
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
        ("g, x = gradOutput, self.padded", "g, m = gradOutput, self.mode; self.mode = 'zeros'; "
         "x = self.pad(input); self.mode = m"),
        ("index = np.pad(np.arange(n), p, mode=NAMES[self.mode])",
         "index = np.pad(np.arange(n), p, mode='edge')"),
    ],
    "option_ignored": [
        ("pair(stride)", "(1, 1)"),
        ("full[:, :, i * sh:i * sh + kh, j * sw:j * sw + kw]", "full[:, :, i:i + kh, j:j + kw]"),
        ("cut = x[:, :, i * sh:i * sh + kh, j * sw:j * sw + kw]\n                self.gradW",
         "cut = x[:, :, i:i + kh, j:j + kw]\n                self.gradW"),
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
    "crash": [("g, x = gradOutput, self.padded", "g, x = gradOutput, input")],
    "output_size": [
        ("for i in range(oh):", "for i in range(oh - 1):"),
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
        ("self.padded = x = self.pad(input)", "x = self.pad(input); self.padded = self.padded if "
         "hasattr(self, 'padded') and self.padded.shape == x.shape else x"),
    ],
}  # fmt: skip
BROKEN_SAME = {
    "kernel_flipped": [
        ("[n, c], self.W[o, c], mode", "[n, c], self.W[o, c, ::-1, ::-1], mode"),
        ("correlate(self.x[n, c], self.W", "convolve(self.x[n, c], self.W"),
        ("self.W[o, c, ::-1, ::-1]", "self.W[o, c]"),
        ("self.W[o, c, ::-1, ::-1]", "np.rot90(self.W[o, c])"),
        ("self.W[o, c, ::-1, ::-1]", "np.rot90(self.W, 2)[o, c]"),
    ],
    "sign": [("+= self.b[o]", "-= self.b[o]")],
    "not_zeroed": [("self.gradb.fill(0)", "self.gradb.fill(1)")],
    "parameters_not_collected": [
        ("return [self.W, self.b]", "return [self.W]"),
        ("return [self.gradW, self.gradb]", "return [self.gradb]"),
    ],
    "padding_not_shifted_back": [
        ('mode="valid")\n        return self.grad', 'mode="full")\n        return self.grad',
         "self.gradInput = np.zeros(input.shape)", "self.gradInput = np.zeros(self.x.shape)",
         '(pad, pad)), "constant")\n        for', '(pad, pad)))[:, :, pad:-pad or None, '
         "pad:-pad or None]\n        for"),
    ],
    "window_axes_swapped": [("self.W[o, c, ::-1, ::-1]", "self.W[o, c, ::-1, ::-1].T")],
    "overwritten": [
        ("self.gradW[o, c] +=", "self.gradW[o, c] ="),
        ("self.output[n, o] += corr", "self.output[n, o] = corr"),
        ("self.output[n, o] += self.b", "self.output[n, o] = self.b"),
        ("self.gradInput[n, c] +=", "self.gradInput[n, c] ="),
        ("self.gradb +=", "self.gradb[...] ="),
    ],
    "padding_mode_ignored": [
        ('(pad, pad), (pad, pad)), "constant")\n        self.output',
         '(pad, pad), (pad, pad)), "edge")\n        self.output'),
    ],
    "bias_ignored": [("self.output[n, o] += self.b[o]", "pass")],
    "missing_gradient": [("self.gradb += ", "unused = ")],
    "missing_term": [("for c in range(C):", "for c in range(1):")],
    "times_n": [("                self.output[n, o] += self.b",
                 "                    self.output[n, o] += self.b")],
    "wrong_axis": [("sum(axis=(0, 2, 3))", "sum()")],
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


@pytest.mark.parametrize("text", (*RIGHT, *OTHERWISE))
def test_right_layers_written_otherwise_give_nothing(text):
    report = check_layer(student(text))
    assert report.status == "ok" and report.findings == () and report.checks > 15


# --- 'same' with an even kernel, and demands

EVEN = next(text for text in RIGHT if "k // 2) for k in self.kernel_size" in text)
ASSERTED = "            assert all(k % 2 for k in self.k)\n"


def even(pads):
    assert "((k - 1) // 2, k // 2)" in EVEN
    return check_layer(student(EVEN.replace("((k - 1) // 2, k // 2)", pads)))


def test_same_with_an_even_kernel():
    for pads in ("(k // 2, k // 2)", "((k - 1) // 2, (k - 1) // 2)"):
        found = even(pads).findings[0]
        assert (found.cause, found.details["value"]) == ("output_size", "4")
    assert even("(k // 2, (k - 1) // 2)").findings[0].cause == "wrong_constant"
    late = "np.roll(r, self.W.shape[2] % 2 == 0)[:, None], q"
    assert first(student(EVEN.replace("r[:, None], q", late))) == "padding_not_shifted_back"
    assert first(torch_like(ASSERTED, "")) == "output_size"


def test_a_layer_that_pads_to_the_same_size_by_default_has_odd_kernels():
    assert first(torch_like(ASSERTED, "", "padding=0, bias", "padding='same', bias")) == "ok"


def test_what_torch_documents_may_be_refused_unless_torch_is_demanded():
    for changes in (
        ("assert all(k % 2 for k in self.k)", "raise NotImplementedError(padding)"),
        ('(0, 0) if padding == "valid" else pair(padding)', "pair(padding)"),
        ("oh, ow =", "assert (x.shape[2] - kh) % sh == 0 == (x.shape[3] - kw) % sw; oh, ow ="),
        ("scale = np", "assert padding_mode != 'circular'; scale = np"),
    ):
        cls = torch_like(*changes)
        assert first(cls) == "ok"
        report = check_layer(cls, "torch_like")
        assert [f.cause for f in report.findings] == ["crash"]


def test_slots_and_objects_that_hold_parameters_are_looked_into():
    lost = HOLDERS.replace("self.W.grad += ", "self.W.grad = ")
    assert lost != HOLDERS and findings(student(lost)) == ["overwritten"]
    lost = MIXED_IN.replace("self.gradb += ", "self.gradb = ")
    assert lost != MIXED_IN and findings(student(lost))[0] == "overwritten"
    assert first(student(HOLDERS.replace("return [self.W, self.b]", "return self.lost"))) == "crash"
