"""Optimizers: each mistake gets its name, right ones get none."""

import pytest
from tests.check.families.students import findings, first, student

from rushlight.check.layer import check_layer

SGD = """
def sgd_momentum(variables, gradients, config, state):
    state.setdefault('accumulated_grads', {})
    var_index = 0
    for current_layer_vars, current_layer_grads in zip(variables, gradients):
        for current_var, grad in zip(current_layer_vars, current_layer_grads):
            old_grad = state['accumulated_grads'].setdefault(var_index, np.zeros_like(grad))
            np.add(config['momentum'] * old_grad, config['learning_rate'] * grad, out=old_grad)
            current_var -= old_grad
            var_index += 1
"""
FLAT_SGD = """
def sgd_momentum(params, grads, config, state):
    if not state:
        state['v'] = [np.zeros_like(p) for p in params]
    for i, (p, g) in enumerate(zip(params, grads)):
        state['v'][i] = config['momentum'] * state['v'][i] + g
        p[...] = p - config['learning_rate'] * state['v'][i]
"""
ADAM = """
def adam_optimizer(variables, gradients, config, state):
    state.setdefault('m', {})
    state.setdefault('v', {})
    state.setdefault('t', 0)
    state['t'] += 1
    for p in ['learning_rate', 'beta1', 'beta2', 'epsilon']:
        assert p in config, p
    i = 0
    b1, b2, t = config['beta1'], config['beta2'], state['t']
    lr_t = config['learning_rate'] * np.sqrt(1 - b2 ** t) / (1 - b1 ** t)
    for layer_vars, layer_grads in zip(variables, gradients):
        for w, g in zip(layer_vars, layer_grads):
            m = state['m'].setdefault(i, np.zeros_like(g))
            v = state['v'].setdefault(i, np.zeros_like(g))
            np.add(b1 * m, (1 - b1) * g, out=m)
            np.add(b2 * v, (1 - b2) * g ** 2, out=v)
            w -= lr_t * m / (np.sqrt(v) + config['epsilon'])
            i += 1
"""
HATTED = """
def adam(variables, gradients, config, state):
    if not state:
        state.update(t=0, m={}, v={})
    state['t'] += 1
    b1, b2 = config['beta1'], config['beta2']
    for i, (w, g) in enumerate(zip(variables, gradients)):
        state['m'][i] = b1 * state['m'].get(i, 0) + (1 - b1) * g
        state['v'][i] = b2 * state['v'].get(i, 0) + (1 - b2) * g * g
        m_hat = state['m'][i] / (1 - b1 ** state['t'])
        v_hat = state['v'][i] / (1 - b2 ** state['t'])
        w -= config['learning_rate'] * m_hat / (np.sqrt(v_hat) + config['epsilon'])
"""
OBJECT = """
class SGD:
    def __init__(self, params, lr=0.01, momentum=0.9):
        self.params, self.lr, self.momentum = list(params), lr, momentum
        self.v = [np.zeros_like(p.data) for p in self.params]
    def zero_grad(self):
        for p in self.params:
            p.grad = None
    def step(self):
        for i, p in enumerate(self.params):
            self.v[i] = self.momentum * self.v[i] + p.grad
            p.data = p.data - self.lr * self.v[i]
"""
ARRAYS = """
class Adam:
    def __init__(self, params, grads, lr=1e-3, beta1=0.9, beta2=0.999):
        self.params, self.grads, self.lr, self.b1, self.b2 = params, grads, lr, beta1, beta2
        self.m, self.v, self.t = [0] * len(params), [0] * len(params), 0
    def step(self):
        self.t += 1
        for i, (w, g) in enumerate(zip(self.params, self.grads)):
            self.m[i] = self.b1 * self.m[i] + (1 - self.b1) * g
            self.v[i] = self.b2 * self.v[i] + (1 - self.b2) * g ** 2
            rate = self.lr * np.sqrt(1 - self.b2 ** self.t) / (1 - self.b1 ** self.t)
            w -= rate * self.m[i] / (np.sqrt(self.v[i]) + 1e-8)
"""
BASES = {
    "sgd": SGD,
    "flat": FLAT_SGD,
    "adam": ADAM,
    "hatted": HATTED,
    "object": OBJECT,
    "arrays": ARRAYS,
}
ADDED = "np.add(config['momentum'] * old_grad, config['learning_rate'] * grad, out=old_grad)"
RATE = "config['learning_rate'] * np.sqrt(1 - b2 ** t) / (1 - b1 ** t)"

RIGHT = [
    ("sgd",),
    (
        "sgd",
        (
            "state.setdefault('accumulated_grads', {})",
            "assert 'm' not in state; state.setdefault('accumulated_grads', {})",
        ),
    ),
    ("sgd", ("    state.setdefault('accumulated_grads', {})\n", "")),
    (
        "sgd",
        (
            ADDED,
            "old_grad *= config['momentum']; old_grad += config['learning_rate'] * grad",
        ),
    ),
    ("sgd", ("current_var -= old_grad", "np.subtract(current_var, old_grad, out=current_var)")),
    (
        "sgd",
        (
            "def sgd_momentum(variables, gradients, config, state)",
            "def sgd_momentum(variables, gradients, config, state=None)",
        ),
    ),
    ("flat",),
    ("adam",),
    (
        "adam",
        (
            "    state.setdefault('t', 0)\n",
            "    state.setdefault('t', 0)\n    config = dict(config)\n",
        ),
    ),
    ("hatted",),
    ("hatted", ("np.sqrt(v_hat)", "v_hat ** 0.5")),
    ("object",),
    ("object", ("momentum=0.9", "momentum=0.9, weight_decay=0")),
    ("arrays",),
    ("arrays", ("lr=1e-3", "alpha=1e-3"), ("grads, lr, beta1", "grads, alpha, beta1")),
]

WRONG = [
    ("factor_two", "sgd", ("current_var -= old_grad", "current_var -= 2 * old_grad")),
    ("factor", "adam", ("w -= lr_t", "w -= 3 * lr_t")),
    ("bias_correction", "adam", ("np.sqrt(1 - b2 ** t)", "np.sqrt(1 - b2 / t)")),
    ("bias_correction", "hatted", ("(1 - b1 ** state['t'])", "(1 - b1 / state['t'])")),
    (
        "input_modified",
        "adam",
        ("            i += 1\n", "            i += 1\n    config['learning_rate'] *= 0.9\n"),
    ),
    (
        "input_modified",
        "adam",
        ("            i += 1\n", "            i += 1\n            g.fill(0)\n"),
    ),
    ("sign", "sgd", ("current_var -=", "current_var +=")),
    (
        "momentum_rule",
        "sgd",
        (
            "config['learning_rate'] * grad",
            "(1 - config['momentum']) * config['learning_rate'] * grad",
        ),
    ),
    (
        "momentum_rule",
        "sgd",
        ("config['learning_rate'] * grad", "(1 - config['momentum']) * grad"),
        ("-= old_grad", "-= config['learning_rate'] * old_grad"),
    ),
    (
        "momentum_rule",
        "sgd",
        ("np.add(config['momentum'] * old_grad", "np.add(-config['momentum'] * old_grad"),
    ),
    (
        "momentum_rule",
        "sgd",
        (
            "-= old_grad",
            "-= config['momentum'] * old_grad + config['learning_rate'] * grad",
        ),
    ),
    ("option_ignored", "sgd", (ADDED, "old_grad = config['learning_rate'] * grad")),
    ("option_ignored", "sgd", ("config['learning_rate'] * grad", "grad")),
    ("option_ignored", "sgd", ("config['learning_rate']", "0.01")),
    (
        "state_not_kept",
        "sgd",
        (
            ADDED,
            "old_grad = config['momentum'] * old_grad + config['learning_rate'] * grad",
        ),
    ),
    ("state_not_kept", "sgd", ("            var_index += 1\n", "")),
    (
        "state_not_kept",
        "sgd",
        ("        for current_var,", "        var_index = 0\n        for current_var,"),
    ),
    (
        "state_not_kept",
        "sgd",
        ("state.setdefault('accumulated_grads', {})", "state['accumulated_grads'] = {}"),
    ),
    ("state_not_kept", "sgd", ("var_index, np", "current_var.shape, np")),
    ("not_in_place", "sgd", ("current_var -= old_grad", "current_var = current_var - old_grad")),
    ("not_in_place", "flat", ("p[...] = p -", "params[i] = p -")),
    (
        "input_modified",
        "sgd",
        (
            ADDED,
            "grad *= config['learning_rate']; old_grad *= config['momentum']; old_grad += grad",
        ),
    ),
    ("sign", "adam", ("w -=", "w +=")),
    (
        "epsilon_misplaced",
        "adam",
        ("(np.sqrt(v) + config['epsilon'])", "np.sqrt(v + config['epsilon'])"),
    ),
    ("epsilon_misplaced", "adam", ("(np.sqrt(v) + config['epsilon'])", "np.sqrt(v)")),
    (
        "epsilon_misplaced",
        "hatted",
        ("(np.sqrt(v_hat) + config['epsilon'])", "np.sqrt(v_hat + config['epsilon'])"),
    ),
    ("bias_correction", "adam", (RATE, "config['learning_rate']")),
    ("bias_correction", "adam", (" * np.sqrt(1 - b2 ** t)", "")),
    ("bias_correction", "adam", (" / (1 - b1 ** t)", "")),
    (
        "bias_correction",
        "adam",
        ("    state['t'] += 1\n", ""),
        ("state.setdefault('t', 0)", "state.setdefault('t', 1)"),
    ),
    ("bias_correction", "adam", ("    state['t'] += 1\n", "")),
    ("bias_correction", "adam", ("np.sqrt(1 - b2 ** t)", "(1 - b2 ** t)")),
    ("bias_correction", "hatted", ("/ (1 - b1 ** state['t'])", "")),
    ("bias_correction", "hatted", ("/ (1 - b2 ** state['t'])", "")),
    (
        "bias_correction",
        "hatted",
        ("    state['t'] += 1\n", ""),
        ("g * g\n", "g * g\n        state['t'] += 1\n"),
    ),
    ("squared_gradient", "adam", ("g ** 2", "g")),
    ("squared_gradient", "adam", ("np.sqrt(v) +", "v +")),
    ("momentum_rule", "adam", ("(1 - b1) * g,", "g,")),
    ("averaging_swapped", "adam", ("np.add(b1 * m, (1 - b1) * g", "np.add((1 - b1) * m, b1 * g")),
    ("state_not_kept", "adam", ("            i += 1\n", "")),
    (
        "state_not_kept",
        "hatted",
        ("[i] = b1 * state['m'].get(i, 0)", "[i] = b1 * 0"),
        ("[i] = b2 * state['v'].get(i, 0)", "[i] = b2 * 0"),
    ),
    ("not_in_place", "adam", ("w -= lr_t", "w = w - lr_t")),
    (  # the next step stumbles over what stands in the list then
        "not_in_place",
        "adam",
        ("for w, g in zip(layer_vars, layer_grads)", "for j, g in enumerate(layer_grads)"),
        ("w -= lr_t", "layer_vars[j] = layer_vars[j] - lr_t"),
        ("np.add(b1 * m, (1 - b1) * g, out=m)", "m[:] = b1 * m + (1 - b1) * g"),
    ),
    ("not_in_place", "flat", ("p[...] = p -", "params[i] = p -")),
    ("state_not_kept", "sgd", ("var_index += 1", "var_index = 1")),
    ("option_ignored", "adam", ("config['beta1']", "0.9")),
    ("crash", "adam", ("state['m'].set", "state['mm'].set")),
    ("not_zeroed", "object", ("p.grad = None", "p = None")),
    ("sign", "object", ("p.data -", "p.data +")),
    ("not_in_place", "object", ("p.data = p.data -", "p = p.data -")),
    ("momentum_rule", "object", ("+ p.grad", "+ (1 - self.momentum) * p.grad")),
    ("crash", "object", ("self.momentum * self.v", "self.mu * self.v")),
    ("bias_correction", "arrays", ("self.t += 1", "self.t = 1")),
    ("bias_correction", "arrays", ("self.t += 1", "self.t += 2")),
    ("not_in_place", "arrays", ("w -= rate", "w = w - rate")),
    ("squared_gradient", "arrays", ("g ** 2", "g")),
]


def made(base, *changes):
    source = BASES[base]
    for old, new in changes:
        assert old in source, old
        source = source.replace(old, new)
    return student(source)


@pytest.mark.parametrize("parts", RIGHT)
def test_a_right_optimizer_gives_nothing(parts):
    assert first(made(*parts)) == "ok"


@pytest.mark.parametrize(("cause", "parts"), [(one[0], one[1:]) for one in WRONG])
def test_a_mistake_gets_its_name(cause, parts):
    assert findings(made(*parts))[:1] == [cause]


def test_epsilon_in_torchs_place_is_a_note_in_the_other_dialect():
    report = check_layer(made("hatted"), "practical_dl")
    assert report.ok
    assert [(f.severity, f.cause) for f in report.findings] == [("note", "dialect_convention")]
    assert check_layer(made("hatted"), "torch_like").findings == ()


def test_the_parameter_is_named():
    changed = "current_var -= old_grad if var_index != 2 else 2 * old_grad"
    found = check_layer(made("sgd", ("current_var -= old_grad", changed))).findings[0]
    assert found.details["name"] == "variables[1][0]"
    assert found.tensor == "W" and found.index == (0, 0)


@pytest.mark.parametrize(
    "changes",
    [
        (("momentum=0.9", "momentum=0.9, decay=0.1"),),  # a rule of its own
        (("params, lr", "model, lr"), ("list(params)", "model.parameters()")),
        (("def step(self)", "def step(self, x, y, z)"),),
        (("p.grad", "p.gradient"), ("p.data", "p.value")),  # parameters of its own
    ],
)
def test_a_class_of_another_shape_is_left_out(changes):
    report = check_layer(made("object", *changes))
    assert (report.status, report.reason) == ("skipped", "no_constructor")


def test_a_gradient_that_is_written_into_is_no_argument_of_a_layer():
    changed = made("adam", ("            i += 1\n", "            i += 1\n            g *= 2\n"))
    text = str(check_layer(changed))
    assert "the step writes into gradients" in text.replace("\n   ", "").lower()
