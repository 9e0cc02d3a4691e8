import numpy as np


def adam_optimizer(variables, gradients, config, state):
    m_all, v_all = state.setdefault('m', {}), state.setdefault('v', {})
    state['t'] = state.get('t', 0) + 1
    t = state['t']
    beta1, beta2, eps = config['beta1'], config['beta2'], config['epsilon']
    lr_t = config['learning_rate'] * np.sqrt(1 - beta2 ** t) / (1 - beta1 ** t)
    i = 0
    for vs, gs in zip(variables, gradients):
        for w, g in zip(vs, gs):
            m_all[i] = beta1 * m_all.get(i, 0) + (1 - beta1) * g
            v_all[i] = beta2 * v_all.get(i, 0) + (1 - beta2) * np.square(g)
            w -= lr_t * m_all[i] / np.sqrt(v_all[i] + eps)
            i += 1
