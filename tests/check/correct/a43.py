import numpy as np


def adam_optimizer(variables, gradients, config, state):
    # 'variables' and 'gradients' have complex structure, moments will be stored in a simpler one
    state.setdefault('m', {})  # first moment vars
    state.setdefault('v', {})  # second moment vars
    state.setdefault('t', 0)   # timestamp
    state['t'] += 1
    for k in ['learning_rate', 'beta1', 'beta2', 'epsilon']:
        assert k in config, config.keys()

    var_index = 0
    lr_t = config['learning_rate'] * np.sqrt(1 - config['beta2']**state['t']) / (1 - config['beta1']**state['t'])
    for current_layer_vars, current_layer_grads in zip(variables, gradients):
        for current_var, current_grad in zip(current_layer_vars, current_layer_grads):
            m = state['m'].setdefault(var_index, np.zeros_like(current_grad))
            v = state['v'].setdefault(var_index, np.zeros_like(current_grad))

            np.add(config['beta1'] * m, (1 - config['beta1']) * current_grad, out=m)
            np.add(config['beta2'] * v, (1 - config['beta2']) * current_grad ** 2, out=v)
            current_var -= lr_t * m / (np.sqrt(v) + config['epsilon'])
            var_index += 1
