import numpy as np


def adam_optimizer(variables, gradients, config, state):
    state.setdefault('m', {})
    state.setdefault('v', {})
    state.setdefault('t', 0)
    b1, b2 = config['beta1'], config['beta2']
    var_index = 0
    for layer_vars, layer_grads in zip(variables, gradients):
        for var, grad in zip(layer_vars, layer_grads):
            state['t'] += 1
            lr_t = config['learning_rate'] * np.sqrt(1 - b2 ** state['t']) / (1 - b1 ** state['t'])
            m = state['m'].setdefault(var_index, np.zeros_like(grad))
            v = state['v'].setdefault(var_index, np.zeros_like(grad))
            m[...] = b1 * m + (1 - b1) * grad
            v[...] = b2 * v + (1 - b2) * grad ** 2
            var -= lr_t * m / (np.sqrt(v) + config['epsilon'])
            var_index += 1
