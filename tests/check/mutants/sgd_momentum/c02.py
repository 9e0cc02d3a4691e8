import numpy as np


def sgd_momentum(variables, gradients, config, state):
    """SGD с моментом."""
    if 'accumulated_grads' not in state:
        state['accumulated_grads'] = {}
    i = 0
    for current_layer_vars, current_layer_grads in zip(variables, gradients):
        for current_var, current_grad in zip(current_layer_vars, current_layer_grads):
            prev = state['accumulated_grads'].get(i, np.zeros_like(current_grad))
            new = config['momentum'] * prev + config['learning_rate'] * current_grad
            state['accumulated_grads'][i] = new
            current_var = current_var - new
            i += 1
