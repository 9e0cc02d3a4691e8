import numpy as np


def sgd_momentum(variables, gradients, config, state):
    if 'accumulated_grads' not in state:
        state['accumulated_grads'] = {}
    acc = state['accumulated_grads']
    for layer_vars, layer_grads in zip(variables, gradients):
        for i, (w, g) in enumerate(zip(layer_vars, layer_grads)):
            if i not in acc:
                acc[i] = np.zeros_like(g)
            acc[i] = config['momentum'] * acc[i] + config['learning_rate'] * g
            w -= acc[i]
    return state
