import numpy as np


def flatten(items):
    for item in items:
        if isinstance(item, (list, tuple)):
            yield from flatten(item)
        else:
            yield item


def adam_optimizer(variables, gradients, config, state):
    m_all, v_all = state.setdefault('m', {}), state.setdefault('v', {})
    state['t'] = state.setdefault('t', 0) + 1
    beta1, beta2 = config['beta1'], config['beta2']
    correction = np.sqrt(1 - np.power(beta2, state['t'])) / (1 - np.power(beta1, state['t']))
    for i, (value, grad) in enumerate(zip(flatten(variables), flatten(gradients))):
        if i not in m_all:
            m_all[i], v_all[i] = np.zeros_like(value), np.zeros_like(value)
        m, v = m_all[i], v_all[i]
        m += (1 - beta1) * (grad - m)
        v += (1 - beta2) * (np.square(grad) - v)
        denominator = np.sqrt(v)
        denominator += config['epsilon']
        np.subtract(value, config['learning_rate'] * correction * m / denominator, out=value)


adam = adam_optimizer
