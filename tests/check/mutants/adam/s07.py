import numpy as np


def adam_optimizer(variables, gradients, config, state):
    state.setdefault('m', {})
    state.setdefault('v', {})
    state.setdefault('t', 0)
    state['t'] += 1
    t = state['t']
    lr, b1, b2, eps = (config[k] for k in ('learning_rate', 'beta1', 'beta2', 'epsilon'))
    lr_t = lr * np.sqrt(1 - b2 ** t) / (1 - b1 ** t)
    var_index = 0
    for layer_vars, layer_grads in zip(variables, gradients):
        for var, grad in zip(layer_vars, layer_grads):
            m = state['m'].setdefault(var_index, np.zeros_like(grad))
            v = state['v'].setdefault(var_index, np.zeros_like(grad))
            m = b1 * m + (1 - b1) * grad
            v = b2 * v + (1 - b2) * grad ** 2
            var -= lr_t * m / (np.sqrt(v) + eps)
            var_index += 1
