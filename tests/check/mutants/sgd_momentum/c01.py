import numpy as np


def sgd_momentum(variables, gradients, config, state):
    state.setdefault('accumulated_grads', {})
    acc = state['accumulated_grads']
    lr, mom = config['learning_rate'], config['momentum']

    idx = 0
    for layer_vars, layer_grads in zip(variables, gradients):
        for var, grad in zip(layer_vars, layer_grads):
            old = acc.setdefault(idx, np.zeros_like(grad))
            np.add(mom * old, lr * (1 - mom) * grad, out=old)
            var -= old
            idx += 1
