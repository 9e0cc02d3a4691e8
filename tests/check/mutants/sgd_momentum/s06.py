import numpy as np


def sgd_momentum(variables, gradients, config, state):
    lr = config['learning_rate']
    momentum = config['momentum']
    cache = state.setdefault('accumulated_grads', {})

    def flat(items):
        for item in items:
            if isinstance(item, np.ndarray):
                yield item
            else:
                yield from flat(item)

    for idx, (w, dw) in enumerate(zip(flat(variables), flat(gradients))):
        if idx not in cache:
            cache[idx] = np.zeros_like(w)
        cache[idx] *= momentum
        cache[idx] += lr * dw
        w -= momentum * cache[idx] + lr * dw
