"""Module: the base of every layer and model."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn, Self, TypeAlias

from rushlight.arrays import is_float
from rushlight.autograd import no_grad
from rushlight.errors import DtypeError, explain
from rushlight.nn.hooks import CallHooks, add, call_with_hooks
from rushlight.nn.registry import edits, yielding
from rushlight.nn.state import Hook, Stateful
from rushlight.tape import quietly, state
from rushlight.tensor import Tensor
from rushlight.tensor.convert import conversion
from rushlight.tensor.tensor import Handle

if TYPE_CHECKING:
    from rushlight.nn.summary import Summary

__all__ = ["Module", "Steady"]


Relinked: TypeAlias = tuple[
    dict[str, Any],
    Callable[[Any], dict[str, Any]] | None,
    Callable[[Any, tuple[Any, ...]], None] | None,
]


def _forward_unimplemented(self: Module, *args: Any, **kwargs: Any) -> NoReturn:
    raise NotImplementedError(
        f'Module [{type(self).__name__}] is missing the required "forward" function'
    )


class Module(Stateful):
    """A function with state: `module(x)` runs `forward(x)`, with its hooks.

    Subclasses call `super().__init__()` first, assign Parameters, Buffers and Modules as
    attributes, and define `forward`.

    Attributes:
        training: bool, True until `eval()`; what dropout and batch normalization go by.

    Raises:
        AttributeError: if members are assigned before `super().__init__()`.

    Example:
        >>> import rushlight as rl
        >>> class Scale(rl.nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.factor = rl.nn.Parameter(rl.tensor([2.0]))
        ...     def forward(self, x):
        ...         return self.factor * x
        >>> model = Scale()
        >>> model(rl.tensor([1.0, 3.0])).tolist()
        [2.0, 6.0]
        >>> dict(model.state_dict())
        {'factor': tensor([2.])}

    Source: https://docs.pytorch.org/docs/stable/generated/torch.nn.Module.html
    """

    _call_hooks: CallHooks | None = None
    _in_row: ClassVar[bool] = False  # its layers stand for it in the row of a Sequential around it
    forward: Callable[..., Any] = _forward_unimplemented

    def _relink(self, options: dict[str, Any]) -> Relinked | None:
        """Say how the layer is linked with others (`tape.Link`): its options, prepare and follow.

        Asked after a forward that was one call of an op, with these options. None: it is not
        linked, so forward is called each time.
        """
        return None

    # ---- the call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            if self._call_hooks is None:
                if state.quiet:
                    return self.forward(*args, **kwargs)
                return quietly(self.forward, *args, **kwargs)
            return quietly(call_with_hooks, self, self._call_hooks, args, kwargs)
        except Exception as error:
            with contextlib.suppress(Exception):  # the user's error comes first
                self._note(error)
            raise

    def _note(self, error: Any) -> None:
        """Note on an error which module raised it, and on the way out the path to that module."""
        inner, path, note = getattr(error, "_rushlight_module", (None, "", None))
        if inner is None:
            title = f"{type(self).__name__}({self.extra_repr()})"
        else:
            if inner is self:  # forward called forward of super through __call__
                return
            name = next((n for n, m in self.named_modules() if m is inner), "")
            steps = "".join(f"[{s}]" if s.isdigit() else f".{s}" for s in name.split(".") if s)
            path = (steps or " > " + type(inner).__name__) + path
            title = error._rushlight_title
            error.__notes__.remove(note)
        note = (
            f"in module {title}" if not path else f"in module {type(self).__name__}{path} {title}"
        )
        error.add_note(note)
        error._rushlight_module = (self, path, note)
        error._rushlight_title = title

    def _hooks(self) -> CallHooks:
        hooks = self._call_hooks
        if hooks is None:
            self._call_hooks = hooks = CallHooks()
        return hooks

    def _without_hooks(self) -> None:
        """Hold no empty hooks: without any the module may be part of a chain, or of a plan."""
        if self._call_hooks is not None and not any(vars(self._call_hooks).values()):
            self._call_hooks = None

    def register_forward_pre_hook(
        self, hook: Hook, *, prepend: bool = False, with_kwargs: bool = False
    ) -> Handle:
        """Call `hook(module, args)` before forward; what it returns replaces the arguments.

        Args:
            hook: `hook(module, args)`, or `hook(module, args, kwargs)` with `with_kwargs`, which
                may then return (args, kwargs).
            prepend: call it before the hooks that are there; default False.
            with_kwargs: default False.
        """
        return add(self, "before", (hook, with_kwargs), prepend)

    def register_forward_hook(
        self,
        hook: Hook,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> Handle:
        """Call `hook(module, args, output)` after forward; what it returns replaces the output.

        Args:
            hook: `hook(module, args, output)`, or `hook(module, args, kwargs, output)` with
                `with_kwargs`.
            prepend: call it before the hooks that are there; default False.
            with_kwargs: default False.
            always_call: not supported.

        Raises:
            NotImplementedError: if `always_call`.
        """
        if always_call:
            raise NotImplementedError(
                "register_forward_hook(always_call=True) is not supported: "
                "catch the error around the call"
            )
        return add(self, "after", (hook, with_kwargs), prepend)

    def register_full_backward_pre_hook(self, hook: Hook, prepend: bool = False) -> Handle:
        """Call `hook(module, grad_output)` before the module's backward; what it returns
        replaces the gradients of the outputs."""
        return add(self, "before_backward", hook, prepend)

    def register_full_backward_hook(self, hook: Hook, prepend: bool = False) -> Handle:
        """Call `hook(module, grad_input, grad_output)` when the gradients by the positional
        arguments are there; what it returns replaces them."""
        return add(self, "after_backward", hook, prepend)

    # ---- dtype and device

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replace the data of every parameter (and its gradient) and every buffer by fn of it."""
        if recurse:
            for child in self.children():
                child._apply(fn)
        for parameter in self._parameters.values():
            if parameter is not None:
                with no_grad():
                    parameter.data = fn(parameter.data)
                    if parameter.grad is not None:
                        parameter.grad = fn(parameter.grad.data)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        edits.bump()
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Convert floating parameters and buffers in place, by dtype, device ('cpu') or a tensor.

        Raises:
            TypeError: for a dtype that is not floating.
            DeviceError: for another device than the CPU.
        """
        dtype, _ = conversion(None, args, dict(kwargs))
        if dtype is None:
            return self
        if not is_float(dtype):
            raise DtypeError(explain("Module.to", got=dtype.name, expected="a floating dtype"))
        return self._apply(lambda t: t.to(dtype) if t.is_floating_point() else t)

    def type(self, dst_type: Any) -> Self:
        """Convert all parameters and buffers to a dtype."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self) -> Self:
        """Convert floating parameters and buffers to float32."""
        return self.to("float32")

    def double(self) -> Self:
        """Convert floating parameters and buffers to float64."""
        return self.to("float64")

    def half(self) -> Self:
        """Convert floating parameters and buffers to float16."""
        return self.to("float16")

    def cpu(self) -> Self:
        """Return the module, which is on the CPU already."""
        return self

    # ---- modes

    def train(self, mode: bool = True) -> Self:
        """Set training mode here and in all modules below."""
        if not isinstance(mode, bool):
            raise ValueError(explain("train", got=repr(mode), expected="a bool"))
        self.training = mode
        for child in self.children():
            child.train(mode)
        return self

    def eval(self) -> Self:
        """Set evaluation mode here and in all modules below."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Set `requires_grad` of all parameters."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with 0."""
        for parameter in self.parameters():
            if set_to_none:
                parameter.grad = None
            elif parameter.grad is not None:
                parameter.grad.detach_().zero_()

    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Call `fn` on every module below and then on this one."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # ---- the whole of it

    @yielding
    def summary(
        self,
        input_shape: Any = None,
        *,
        input_data: Any = None,
        dtypes: Any = None,
        depth: int | None = None,
    ) -> Summary:
        """Call the module once and return a table of its layers and a drawing of its graph.

        The call is in evaluation mode and without gradients; parameters, buffers, modes, hooks and
        the state of the random numbers are afterwards as before, and lazy layers remain lazy.
        A member of the name `summary` goes before this method.

        Args:
            input_shape: of the input, with a batch or without: it is tried as it stands, then with
                a batch of 1 before it; None in the first place says where the batch is. Several
                inputs: a list of shapes, or a dict by the names of the arguments.
            input_data: tensors in place of shapes: one, a tuple or list of the arguments, or a dict
                by their names.
            dtypes: of the inputs, one for all, a list, or a dict by names: 'int64' for indices,
                which are then 0. Default that of the parameters.
            depth: how many levels of layers to tell apart; what is below counts to the level above.
                0 is the module alone. Default None, all.

        Returns:
            a `rushlight.nn.summary.Summary`: `print` shows the table, a notebook the drawing, too;
            `rows` and `graph` are the data, `to_svg()` and `to_html()` text for files.

        Raises:
            TypeError, ValueError: for arguments that are no shapes, dtypes or depth.
            Exception: what forward raised, with a note of the layer and its input.

        Example:
            >>> import rushlight as rl
            >>> model = rl.nn.Sequential(rl.nn.Linear(4, 3), rl.nn.ReLU(), rl.nn.Linear(3, 2))
            >>> print(model.summary((1, 4)))
            Input (1, 4)
            ──────────────────────────────────────────────
            Layer        Output  Parameters  Multiply-adds
            ──────────────────────────────────────────────
            Sequential   (1, 2)           -              -
            ├─ 0 Linear  (1, 3)          15             12
            ├─ 1 ReLU    (1, 3)           -              -
            └─ 2 Linear  (1, 2)           8              6
            ──────────────────────────────────────────────
            Parameters     23
              trainable    23
              frozen       0
            Multiply-adds  18
            Memory         parameters 92 bytes, activations 32 bytes
        """
        from rushlight.nn.summary import summarize

        return summarize(self, input_shape, input_data=input_data, dtypes=dtypes, depth=depth)

    # ---- text

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """Return the text in the parentheses of the module's repr."""
        return ""

    def __repr__(self) -> str:
        own = self.extra_repr().splitlines()
        below = [f"({name}): {_indent(repr(child))}" for name, child in self._modules.items()]
        if len(own) == 1 and not below:
            return f"{self._get_name()}({own[0]})"
        body = "\n  ".join([*own, *below])
        return f"{self._get_name()}(\n  {body}\n)" if body else f"{self._get_name()}()"


class Steady(Module):
    """A layer whose forward is one op, with options that hold for all inputs of a shape."""

    def _relink(self, options: dict[str, Any]) -> Relinked | None:
        return options, None, None


def _indent(text: str) -> str:
    return text.replace("\n", "\n  ")
