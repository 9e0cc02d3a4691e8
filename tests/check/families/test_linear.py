"""Linear: each mistake gets its name, right layers get none."""

import pytest
from tests.check.families.students import first, student

from rushlight.check.layer import check_layer

OUTPUT = "self.output = input @ self.W.T + self.b; return self.output"
INPUT = "self.gradInput = gradOutput @ self.W; return self.gradInput"
PARAMETERS = "self.gradW += gradOutput.T @ input; self.gradb += gradOutput.sum(axis=0)"
ZERO = "self.gradW.fill(0); self.gradb.fill(0)"


def linear(output=OUTPUT, gradient=INPUT, parameters=PARAMETERS, zero=ZERO):
    return student(f"""
        class Linear(Module):
            def __init__(self, n_in, n_out):
                super().__init__()
                self.W = np.random.uniform(-1, 1, (n_out, n_in)) / np.sqrt(n_in)
                self.b = np.zeros(n_out)
                self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)
            def updateOutput(self, input):
                {output}
            def updateGradInput(self, input, gradOutput):
                {gradient}
            def accGradParameters(self, input, gradOutput):
                {parameters}
            def zeroGradParameters(self):
                {zero}
            def getParameters(self):
                return [self.W, self.b]
            def getGradParameters(self):
                return [self.gradW, self.gradb]
        """)


BROKEN = {
    "overwritten": [
        {"parameters": "self.gradW = gradOutput.T @ input; self.gradb = gradOutput.sum(axis=0)"},
        {"parameters": "self.gradW[...] = gradOutput.T @ input; self.gradb += gradOutput.sum(0)"},
        {"parameters": "self.gradW += gradOutput.T @ input; self.gradb = gradOutput.sum(0)"},
    ],
    "array_replaced": [
        {"parameters": PARAMETERS.replace("gradW +=", "gradW = self.gradW +")},
        {"zero": "self.gradW = np.zeros_like(self.W); self.gradb = np.zeros_like(self.b)"},
    ],
    "bias_ignored": [{"output": OUTPUT.replace(" + self.b", "")}],
    "transposed": [
        {"output": OUTPUT.replace(".T", "")},
        {"gradient": INPUT.replace("self.W;", "self.W.T;")},
    ],
    "divided_by_n": [
        {"parameters": PARAMETERS.replace("@ input", "@ input / len(input)")},
        {"parameters": PARAMETERS.replace("sum", "mean")},
    ],
    "wrong_axis": [{"parameters": PARAMETERS.replace("sum(axis=0)", "sum()")}],
    "missing_gradient": [{"parameters": "pass"}, {"parameters": PARAMETERS.partition(";")[0]}],
    "returns_none": [
        {"output": OUTPUT.partition(";")[0]},
        {"gradient": "return None", "output": OUTPUT},
    ],
    "not_zeroed": [{"zero": "pass"}, {"zero": "self.gradW.fill(0)"}],
    "sign": [{"gradient": INPUT.replace("gradOutput", "-gradOutput")}],
    "input_modified": [{"output": "input *= 2; input /= 4; self.output = 2 * input @ self.W.T; "
                                  "self.output += self.b; return self.output"}],
    "stale_buffer": [
        {"output": "self.x = getattr(self, 'x', input); " + OUTPUT,
         "parameters": PARAMETERS.replace("input", "self.x")},
    ],
}  # fmt: skip


@pytest.mark.parametrize("cause", BROKEN)
def test_a_mistake_gets_its_name(cause):
    assert [first(linear(**parts)) for parts in BROKEN[cause]] == [cause] * len(BROKEN[cause])


def test_a_right_layer_gives_nothing():
    report = check_layer(linear())
    assert report.ok
    assert report.findings == ()
    assert report.checks > 20


def test_numbers_and_place_of_the_error():
    found = check_layer(linear(parameters=PARAMETERS.replace("sum", "mean"))).findings[0]
    assert (found.tensor, found.index, found.region.kind) == ("gradb", (0,), "all")
    assert found.got == pytest.approx(found.expected / 5)
    assert found.max_error >= abs(found.expected - found.got)
    assert found.case == "Linear(3, 4), input (5, 3)"


def test_a_nested_method_is_named():
    cls = student("""
        class Linear(Module):
            def __init__(self, n_in, n_out):
                super().__init__()
                self.W, self.b = np.zeros((n_out, n_in)), np.zeros(n_out)
                def updateOutput(self, input):
                    return input @ self.W.T + self.b
        """)
    found = check_layer(cls).findings[0]
    assert (found.cause, found.details["method"]) == ("nested_def", "updateOutput")


def test_a_return_in_a_loop_is_named():
    cls = linear(
        output="""
                self.output = np.zeros((len(input), len(self.W)))
                for i in range(len(input)):
                    self.output[i] = self.W @ input[i] + self.b
                    return self.output"""
    )
    found = check_layer(cls).findings[0]
    assert found.cause == "early_return"
    assert found.details["line"]


TENSOR = """
    class Linear(nn.Module):
        def __init__(self, in_features, out_features):
            super().__init__()
            {made}
        def forward(self, x):
            return {output}
    """
MADE = "self.weight = nn.Parameter(torch.randn(out_features, in_features)); " \
       "self.bias = nn.Parameter(torch.zeros(out_features))"  # fmt: skip


@pytest.mark.parametrize(
    ("made", "output", "cause"),
    [
        (MADE, "x @ self.weight.T + self.bias", "ok"),
        (MADE, "x @ self.weight.T", "bias_ignored"),
        (MADE.replace("nn.Parameter(torch.zeros(out_features))", "torch.zeros(out_features)"),
         "x @ self.weight.T + self.bias", "missing_gradient"),
        ("self.inner = nn.Linear(in_features, out_features)", "self.inner(x)", "delegated"),
    ],
)  # fmt: skip
def test_modules_in_the_style_of_torch(made, output, cause):
    assert first(student(TENSOR.format(made=made, output=output))) == cause


KEPT = {
    "transposed": ("(n_in, n_out)", "input @ self.W + self.b", "g @ self.W.T", "input.T @ g"),
    "ok": ("(n_out, n_in), 'f4'", "input @ self.W.T + self.b", "g @ self.W", "g.T @ input"),
}


@pytest.mark.parametrize("kept", KEPT)
def test_other_ways_to_keep_the_weight(kept):
    shape, output, gradient, weight = KEPT[kept]
    cls = student(f"""
        class Linear:
            def __init__(self, n_in, n_out):
                self.W = np.zeros({shape})
                self.b = np.zeros(n_out, self.W.dtype)
                self.gradW, self.gradb = np.zeros_like(self.W), np.zeros_like(self.b)
            def forward(self, input):
                return {output}
            def backward(self, input, g):
                self.gradW += {weight}
                self.gradb += g.sum(axis=0)
                return {gradient}
            def zeroGradParameters(self):
                self.gradW[:] = 0
                self.gradb[:] = 0
        """)
    assert first(cls) == kept


def test_parameters_made_at_the_first_input():
    cls = student("""
        class Linear(Module):
            def __init__(self, n_in, n_out):
                super().__init__()
                self.sizes, self.p, self.g = (n_out, n_in), {}, {}
            def updateOutput(self, input):
                if not self.p:
                    self.p["W"], self.p["b"] = np.ones(self.sizes), np.zeros(self.sizes[0])
                    self.g["W"], self.g["b"] = np.zeros(self.sizes), np.zeros(self.sizes[0])
                return input @ self.p["W"].T + self.p["b"]
            def updateGradInput(self, input, gradOutput):
                self.gradInput = gradOutput @ self.p["W"]
            def accGradParameters(self, input, gradOutput):
                self.g["W"] += gradOutput.T @ input
                self.g["b"] += gradOutput.sum(0)
            def zeroGradParameters(self):
                for g in self.g.values():
                    g.fill(0)
            def getParameters(self):
                return list(self.p.values())
            def getGradParameters(self):
                return list(self.g.values())
        """)
    assert first(cls) == "ok"
