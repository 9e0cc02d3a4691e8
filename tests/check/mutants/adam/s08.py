import numpy as np


def adam(variables, gradients, config, state):
    """One step of Adam, parameters may be a flat list or a list for each layer."""
    if not state:
        state.update(m={}, v={}, t=0)
    state['t'] += 1
    beta1, beta2 = config['beta1'], config['beta2']
    scale = np.sqrt(1 - beta1 ** state['t']) / (1 - beta2 ** state['t'])

    index = 0
    for ws, gs in zip(variables, gradients):
        if isinstance(ws, np.ndarray):
            ws, gs = [ws], [gs]
        for w, g in zip(ws, gs):
            if index not in state['m']:
                state['m'][index] = np.zeros_like(w)
                state['v'][index] = np.zeros_like(w)
            m, v = state['m'][index], state['v'][index]
            m *= beta1
            m += (1 - beta1) * g
            v *= beta2
            v += (1 - beta2) * g * g
            w -= config['learning_rate'] * scale * m / (np.sqrt(v) + config['epsilon'])
            index += 1
