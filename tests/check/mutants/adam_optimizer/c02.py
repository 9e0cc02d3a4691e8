import numpy as np


def _pairs(variables, gradients):
    for vs, gs in zip(variables, gradients):
        if isinstance(vs, np.ndarray):
            yield vs, gs
        else:
            yield from zip(vs, gs)


def adam_optimizer(variables, gradients, config, state):
    for key in ('m', 'v'):
        state.setdefault(key, {})
    t = state['t'] = state.get('t', 0) + 1
    beta1, beta2 = config['beta1'], config['beta2']
    step = config['learning_rate'] * (1 - beta2 ** t) ** 0.5 / (1 - beta1 ** t)
    for k, (w, g) in enumerate(_pairs(variables, gradients)):
        state['m'][k] = beta1 * state['m'].get(k, 0.) + (1 - beta1) * g
        state['v'][k] = beta2 * state['v'].get(k, 0.) + (1 - beta2) * g * g
        w -= step * state['m'][k] / np.sqrt(state['v'][k] + config['epsilon'])
