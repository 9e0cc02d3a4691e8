"""Functions of functions: their gradients, calls of modules with other parameters, gradients of
each sample."""

from rushlight.func.per_sample import per_sample_grad
from rushlight.func.stateless import functional_call, stack_module_state
from rushlight.func.transforms import grad, grad_and_value, hessian, jacrev, vjp, vmap

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacrev",
    "per_sample_grad",
    "stack_module_state",
    "vjp",
    "vmap",
]
