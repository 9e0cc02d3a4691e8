import numpy as np


def adam(variables, gradients, config, state):
    """Adam, step by step as in the lecture."""
    def flat(seq):
        out = []
        for item in seq:
            out += flat(item) if isinstance(item, (list, tuple)) else [item]
        return out

    lr = config['learning_rate']
    b1, b2 = config['beta1'], config['beta2']
    m, v = state.setdefault('m', {}), state.setdefault('v', {})
    t = state.get('t', 0) + 1
    state['t'] = t
    lr *= (1 - b2 ** t) ** 0.5 / (1 - b1 ** t)
    for i, (p, g) in enumerate(zip(flat(variables), flat(gradients))):
        m[i] = g * (1 - b1) + (b1 * m[i] if i in m else 0.0)
        v[i] = g * g * (1 - b2) + (b2 * v[i] if i in v else 0.0)
        p[...] = p - lr * m[i] / (v[i] ** 0.5 + config['epsilon'])
