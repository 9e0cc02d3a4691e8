import numpy as np


def adam_optimizer(variables, gradients, config, state):
    state.setdefault('m', {})
    state.setdefault('v', {})
    state.setdefault('t', 0)

    var_index = 0
    state['t'] += 1
    lr_t = config['learning_rate'] * np.sqrt(1 - config['beta2']**state['t']) / (1 - config['beta1']**state['t'])
    for layer_vars, layer_grads in zip(variables, gradients):
        for j in range(len(layer_vars)):
            g = layer_grads[j]
            m = state['m'].setdefault(var_index, np.zeros_like(g))
            v = state['v'].setdefault(var_index, np.zeros_like(g))
            m[:] = config['beta1'] * m + (1 - config['beta1']) * g
            v[:] = config['beta2'] * v + (1 - config['beta2']) * g ** 2
            layer_vars[j] = layer_vars[j] - lr_t * m / (np.sqrt(v) + config['epsilon'])
            var_index += 1
