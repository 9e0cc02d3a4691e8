import numpy as np


def _walk(tree):
    if isinstance(tree, np.ndarray):
        yield tree
    else:
        for branch in tree:
            yield from _walk(branch)


def sgd_momentum(variables, gradients, config, state):
    old = state.get('accumulated_grads', {})
    new = {}
    for index, (w, g) in enumerate(zip(_walk(variables), _walk(gradients))):
        step = config['learning_rate'] * g
        if index in old:
            step = step + config['momentum'] * old[index]
        new[index] = step
        np.subtract(w, step, out=w)
    state['accumulated_grads'] = new
    return variables
