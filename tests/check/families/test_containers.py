"""Sequential: each mistake gets its name, right containers get none."""

import pytest
from tests.check.families.students import findings, first, student

SEQUENTIAL = """
class Sequential(Module):
    def __init__(self):
        super().__init__()
        self.modules = []
    def add(self, module):
        self.modules.append(module)
    def updateOutput(self, input):
        self.inputs = []
        y = input
        for module in self.modules:
            self.inputs.append(y)
            y = module.forward(y)
        self.output = y
        return self.output
    def backward(self, input, gradOutput):
        g = gradOutput
        for module, x in zip(self.modules[::-1], self.inputs[::-1]):
            g = module.backward(x, g)
        self.gradInput = g
        return self.gradInput
    def zeroGradParameters(self):
        for module in self.modules:
            module.zeroGradParameters()
    def getParameters(self):
        return [module.getParameters() for module in self.modules]
    def getGradParameters(self):
        return [module.getGradParameters() for module in self.modules]
    def __getitem__(self, i):
        return self.modules[i]
    def train(self):
        self.training = True
        for module in self.modules:
            module.train()
    def evaluate(self):
        self.training = False
        for module in self.modules:
            module.evaluate()
"""
MODULE = """
class Sequential(nn.Module):
    def __init__(self, *layers):
        super().__init__()
        self.layers = nn.ModuleList(layers)
    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return x
"""
RUN = """for module, x in zip(self.modules[::-1], self.inputs[::-1]):
            g = module.backward(x, g)
"""

RIGHT = [
    (),
    (
        ("def __init__(self)", "def __init__(self, *modules)"),
        ("self.modules = []", "self.modules = list(modules)"),
        ("    def add(self, module):\n        self.modules.append(module)\n", ""),
    ),
    (
        ("def __init__(self)", "def __init__(self, modules)"),
        ("self.modules = []", "self.modules = modules"),
        ("    def add(self, module):\n        self.modules.append(module)\n", ""),
    ),
    (
        (
            RUN,
            "for i in range(len(self.modules) - 1, 0, -1):\n"
            "            g = self.modules[i].backward(self.modules[i - 1].output, g)\n"
            "        g = self.modules[0].backward(input, g)\n",
        ),
    ),
    (
        (
            "[module.getParameters() for module in self.modules]",
            "[p for m in self.modules for p in m.getParameters()]",
        ),
        (
            "[module.getGradParameters() for module in self.modules]",
            "[p for m in self.modules for p in m.getGradParameters()]",
        ),
    ),
    (
        (
            "self.modules.append(module)",
            "assert isinstance(module, Module); self.modules.append(module)",
        ),
    ),
    (
        ("class Sequential(Module)", "class Sequential(object)"),
        ("super().__init__()", "pass"),
        ("updateOutput", "forward"),
    ),
    (("    def __getitem__(self, i):\n        return self.modules[i]\n", ""),),
]

WRONG = [
    (  # dropout draws another mask then
        "wrong_inputs",
        (
            "        g = gradOutput\n",
            "        self.updateOutput(input)\n        g = gradOutput\n",
        ),
    ),
    (
        "wrong_order",
        (
            "for module in self.modules:\n            self.inputs",
            "for module in self.modules[1:]:\n            self.inputs",
        ),
    ),
    ("crash", ("self.modules = []", "self.module = []")),
    ("missing_gradient", ("g = module.backward(x, g)", "g = module.updateGradInput(x, g)")),
    (
        "overwritten",
        ("        g = gradOutput\n", "        self.zeroGradParameters()\n        g = gradOutput\n"),
    ),
    (
        "factor_two",
        (
            "g = module.backward(x, g)",
            "module.accGradParameters(x, g)\n            g = module.backward(x, g)",
        ),
    ),
    (
        "wrong_order",
        (
            "for module in self.modules:\n            self.inputs",
            "for module in self.modules[::-1]:\n            self.inputs",
        ),
    ),
    ("wrong_inputs", ("y = module.forward(y)", "y = module.forward(input)")),
    (
        "wrong_order",
        ("zip(self.modules[::-1], self.inputs[::-1])", "zip(self.modules, self.inputs)"),
    ),
    ("wrong_inputs", ("g = module.backward(x, g)", "g = module.backward(input, g)")),
    ("wrong_inputs", ("g = module.backward(x, g)", "g = module.backward(module.output, g)")),
    ("wrong_inputs", ("g = module.backward(x, g)", "g = module.backward(x, gradOutput)")),
    (
        "wrong_inputs",
        ("        self.inputs = []\n", ""),
        ("self.modules = []", "self.modules = []; self.inputs = []"),
        ("self.inputs[::-1]", "self.inputs"),
    ),
    (
        "wrong_inputs",
        ("        self.inputs = []\n", ""),
        ("self.modules = []", "self.modules = []; self.inputs = []"),
        ("self.inputs[::-1]", "self.inputs[:len(self.modules)][::-1]"),
    ),
    (
        "missing_gradient",
        (
            RUN,
            "for i in range(len(self.modules) - 1, 0, -1):\n"
            "            g = self.modules[i].backward(self.modules[i - 1].output, g)\n",
        ),
    ),
    (
        "returns_none",
        ("        self.output = y\n        return self.output\n", "        self.output = y\n"),
    ),
    (
        "returns_none",
        (
            "        self.gradInput = g\n        return self.gradInput\n",
            "        self.gradInput = g\n",
        ),
    ),
    (
        "early_return",
        (
            "            y = module.forward(y)\n",
            "            y = module.forward(y)\n            return y\n",
        ),
    ),
    (
        "early_return",
        (
            "            g = module.backward(x, g)\n",
            "            g = module.backward(x, g)\n            return g\n",
        ),
    ),
    ("mode_not_propagated", ("            module.evaluate()", "            pass")),
    ("mode_not_propagated", ("            module.train()", "            pass")),
    (
        "mode_not_propagated",
        ("module.evaluate()", "module.training = False"),
        ("module.train()", "module.training = True"),
    ),
    (
        "mode_not_propagated",
        (
            "for module in self.modules:\n            module.evaluate()",
            "pass",
        ),
    ),
    ("parameters_not_collected", ("            module.zeroGradParameters()", "            pass")),
    (
        "parameters_not_collected",
        ("[module.getParameters() for module in self.modules]", "self.modules[0].getParameters()"),
    ),
    ("parameters_not_collected", ("[module.getGradParameters() for module in self.modules]", "[]")),
    (
        "parameters_not_collected",
        (
            "getGradParameters() for module in self.modules]",
            "getParameters() for module in self.modules]",
        ),
    ),
    (
        "array_replaced",
        (
            "[module.getGradParameters() for module in self.modules]",
            "[p.copy() for m in self.modules for p in m.getGradParameters()]",
        ),
    ),
    ("wrong_order", ("return self.modules[i]", "return self.modules[-1 - i]")),
    ("crash", ("            y = module.forward(y)", "            y = module.forwards(y)")),
    ("input_modified", ("        y = input\n", "        input *= 2; input /= 4; y = 2 * input\n")),
]


def made(changes):
    source = SEQUENTIAL
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    return student(source)


@pytest.mark.parametrize("changes", RIGHT)
def test_a_right_container_gives_nothing(changes):
    assert first(made(changes)) == "ok"


@pytest.mark.parametrize(("cause", "changes"), [(one[0], one[1:]) for one in WRONG])
def test_a_mistake_gets_its_name(cause, changes):
    assert findings(made(changes))[:1] == [cause]


def test_containers_in_torchs_style():
    assert first(student(MODULE)) == "ok"
    assert (
        first(student(MODULE.replace("in self.layers", "in reversed(self.layers)")))
        == "wrong_order"
    )
    listed = MODULE.replace("nn.ModuleList(layers)", "tuple(layers)")
    assert first(student(listed)) == "parameters_not_collected"
