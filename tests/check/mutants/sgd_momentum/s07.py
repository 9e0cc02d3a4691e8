import numpy as np


def sgd_momentum(variables, gradients, config, state):
    # config: learning_rate, momentum
    # state: accumulated_grads, по одному массиву на параметр
    state.setdefault('accumulated_grads', {})
    assert 'learning_rate' in config and 'momentum' in config

    var_index = 0
    for layer_vars, layer_grads in zip(variables, gradients):
        for var, grad in zip(layer_vars, layer_grads):
            state['accumulated_grads'][var_index] = config['learning_rate'] * grad
            np.subtract(var, state['accumulated_grads'][var_index], out=var)
            var_index += 1
