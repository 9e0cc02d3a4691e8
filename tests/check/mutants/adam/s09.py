import numpy as np


def adam_optimizer(variables, gradients, config, state):
    for key in ('m', 'v'):
        state.setdefault(key, {})
    state['t'] = state.get('t', 0) + 1
    b1, b2, t = config['beta1'], config['beta2'], state['t']
    lr_t = config['learning_rate'] * np.sqrt(1 - b2 ** t) / (1 - b1 ** t)
    pairs = [(w, g) for ws, gs in zip(variables, gradients) for w, g in zip(ws, gs)]
    for i, (w, g) in enumerate(pairs):
        if t == 1:
            state['m'][i], state['v'][i] = np.zeros_like(w), np.zeros_like(w)
        state['m'][i] = b1 * state['m'][i] + (1 - b1) * g
        state['v'][i] = b2 * state['v'][i] + (1 - b2) * g ** 2
        delta = lr_t * state['m'][i] / (np.sqrt(state['v'][i]) + config['epsilon'])
        w += delta
