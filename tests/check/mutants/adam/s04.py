import numpy as np


def _flatten(params):
    result = []
    for p in params:
        result.extend(p if isinstance(p, (list, tuple)) else [p])
    return result


def adam_optimizer(variables, gradients, config, state):
    state.setdefault('m', {})
    state.setdefault('v', {})
    t = state['t'] = state.get('t', 0) + 1
    lr_t = config['learning_rate'] * (1 - config['beta2'] ** t) ** 0.5 / (1 - config['beta1'] ** t)
    for idx, (w, g) in enumerate(zip(_flatten(variables), _flatten(gradients))):
        m = state['m'].setdefault(idx, np.zeros_like(w))
        v = state['v'].setdefault(idx, np.zeros_like(w))
        m += (1 - config['beta1']) * (g - m)
        v += (1 - config['beta2']) * (g ** 2 - v)
        w -= lr_t * m / (v + config['epsilon'])
