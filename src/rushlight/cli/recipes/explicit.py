"""A net whose passes run through the explicit methods of `rushlight.classic`."""

from __future__ import annotations

from typing import Any

from rushlight import classic, nn
from rushlight.autograd import Function
from rushlight.tape import wrap
from rushlight.tensor import Tensor

__all__ = ["ExplicitSequential", "explicit"]


def explicit(model: nn.Module) -> nn.Module:
    """Return the net with each nn.Sequential in it replaced by an ExplicitSequential.

    Args:
        model: the net; its layers, parameters and their names stay what they are.
    """
    if type(model) is nn.Sequential:
        return ExplicitSequential(*[explicit(module) for module in model])
    for name, child in list(model.named_children()):
        setattr(model, name, explicit(child))
    return model


class ExplicitSequential(nn.Sequential):
    """nn.Sequential run by `updateOutput`, `updateGradInput` and `accGradParameters`.

    Around each module stands a layer of `rushlight.classic`, all of them in a
    `classic.Sequential`. Parameters, buffers and their names are those of the modules, so weights
    go from one kind to the other; `accGradParameters` adds to their gradients.

    (`classic.as_module` of such layers gives the modules themselves: the passes would be
    autograd's.)

    Args:
        *modules: the modules.

    Shape:
        that of the modules: one Tensor in, one Tensor out

    Example:
        >>> import rushlight as rl
        >>> net = ExplicitSequential(nn.Linear(2, 3), nn.Tanh())
        >>> net(rl.ones(4, 2)).sum().backward()
        >>> net[0].weight.grad.shape
        (3, 2)
    """

    def __init__(self, *modules: nn.Module) -> None:
        super().__init__(*modules)
        # not a module, so it is no member: the modules are
        self.__dict__["layers"] = classic.Sequential(*[classic.wrap(module) for module in modules])

    def forward(self, input: Any) -> Any:
        return _Passes.apply(self.layers, input, *self.parameters())


class _Passes(Function):
    """One forward and its backward; gradients by parameters reach them through the layers.

    The layers remember their last call only. Where another has followed, forward would have to be
    run again, which random layers do not allow: backward refuses.
    """

    @staticmethod
    def forward(ctx: Any, layers: Any, input: Tensor, *parameters: Any) -> Any:
        ctx.layers, ctx.input = layers, input.numpy(force=True)
        return wrap(layers.updateOutput(ctx.input))

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        gradient = grads[0].numpy(force=True)
        none = [None] * (len(ctx.needs_input_grad) - 2)
        if not ctx.needs_input_grad[1]:
            ctx.layers.accGradParameters(ctx.input, gradient)
            return None, None, *none
        found = ctx.layers.backward(ctx.input, gradient)  # both halves, in one walk of each layer
        return None, wrap(found), *none
