import numpy as np


def adam_optimizer(variables, gradients, config, state):
    state.setdefault('m', {})
    state.setdefault('v', {})
    state.setdefault('t', 0)
    state['t'] += 1

    var_index = 0
    for current_layer_vars, current_layer_grads in zip(variables, gradients):
        for current_var, current_grad in zip(current_layer_vars, current_layer_grads):
            m = state['m'].setdefault(var_index, np.zeros_like(current_grad))
            v = state['v'].setdefault(var_index, np.zeros_like(current_grad))
            np.add(config['beta1'] * m, (1 - config['beta1']) * current_grad, out=m)
            np.add(config['beta2'] * v, (1 - config['beta2']) * current_grad ** 2, out=v)
            current_var -= config['learning_rate'] * m / (np.sqrt(v) + config['epsilon'])
            var_index += 1
