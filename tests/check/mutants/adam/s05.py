import numpy as np


def adam_optimizer(variables, gradients, config, state):
    state.setdefault('m', {})
    state.setdefault('v', {})
    state.setdefault('t', 0)
    state['t'] += 1
    lr_t = config['learning_rate'] * np.sqrt(1 - config['beta2']**state['t']) / (1 - config['beta1']**state['t'])

    var_index = 0
    for layer_vars, layer_grads in zip(variables, gradients):
        for w, g in zip(layer_vars, layer_grads):
            m = state['m'].setdefault(var_index, np.zeros_like(g))
            v = state['v'].setdefault(var_index, np.zeros_like(g))
            np.add(config['beta1'] * m, (1 - config['beta1']) * g, out=m)
            np.add(config['beta2'] * v, (1 - config['beta2']) * np.abs(g), out=v)
            w -= lr_t * m / (np.sqrt(v) + config['epsilon'])
            var_index += 1
