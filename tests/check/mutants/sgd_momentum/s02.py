import numpy as np


def sgd_momentum(variables, gradients, config, state):
    state.setdefault('accumulated_grads', {})
    var_index = 0
    for layer_vars, layer_grads in zip(variables, gradients):
        for var, grad in zip(layer_vars, layer_grads):
            acc = state['accumulated_grads'].setdefault(var_index, np.zeros_like(grad))
            acc = config['momentum'] * acc + config['learning_rate'] * grad
            var -= acc
            var_index += 1
