import numpy as np


def sgd_momentum(variables, gradients, config, state):
    """Шаг градиентного спуска с моментом."""
    flat_vars = [v for layer in variables for v in (layer if isinstance(layer, (list, tuple)) else [layer])]
    flat_grads = [g for layer in gradients for g in (layer if isinstance(layer, (list, tuple)) else [layer])]
    state.setdefault('accumulated_grads', {})
    for k, (v, g) in enumerate(zip(flat_vars, flat_grads)):
        a = state['accumulated_grads'].get(k)
        step = config['learning_rate'] * g
        if a is not None:
            step = step + config['momentum'] * a
        state['accumulated_grads'][k] = step
        v += step
