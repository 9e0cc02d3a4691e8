"""What a torch module's forward calls: a graph of torch.fx, recorded without values.

The module is copied (its tensors are not), and the copy's forward is called with stand-ins, which
note what is done with them. Layers that Rushlight has are noted as calls; everything else is
followed inside.
"""

from __future__ import annotations

import contextlib
import copy
import dis
import inspect
import operator
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from traceback import extract_tb
from types import FrameType
from typing import Any
from unittest import mock

from rushlight.errors import explain

__all__ = ["TraceError", "arguments_of", "line_of", "skeleton", "trace"]

_MAKERS = ("arange", "eye", "full", "linspace", "logspace", "ones", "tensor", "zeros")
_RANDOM = ("rand", "randint", "randn", "randperm", "bernoulli", "multinomial", "normal")
_SEQUENCES = ("pack_padded_sequence", "pad_packed_sequence", "pack_sequence", "pad_sequence")
_IN_PLACE = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul", "and", "or", "xor")


class TraceError(Exception):
    """A forward cannot be recorded; the text says why."""


def skeleton(torch: Any, module: Any) -> Any:
    """Copy a module whose forward will be followed; tensors stay the same ones."""
    memo: dict[int, Any] = {}
    for part in module.modules():
        for tensor in (*part._parameters.values(), *part._buffers.values(), *vars(part).values()):
            if isinstance(tensor, torch.Tensor):
                memo[id(tensor)] = tensor
    try:
        return copy.deepcopy(module, memo)
    except Exception as error:
        raise TraceError(f"the module cannot be copied: {error}") from error


def arguments_of(torch: Any, module: Any, example: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Return the names of forward's arguments, in order, and the values of those that do not vary.

    Args:
        torch: the library.
        module: the module.
        example: its arguments: a tuple, or a dict by name; tensors in them vary. None: all
            arguments without a default vary.
    """
    signature = inspect.signature(module.forward)
    several = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    names = tuple(n for n, p in signature.parameters.items() if p.kind not in several)
    open_ended = len(names) < len(signature.parameters)
    if example is None:
        if not names and open_ended:
            raise TraceError("forward takes any arguments; give from_torch an example of them")
        defaults = {name: signature.parameters[name].default for name in names}
        return names, {n: v for n, v in defaults.items() if v is not inspect.Parameter.empty}
    by_name = isinstance(example, dict)
    try:
        bound = signature.bind(**example) if by_name else signature.bind(*example)
    except TypeError as error:
        raise TraceError(f"the example does not fit forward: {error}") from error
    bound.apply_defaults()
    if any(value for name, value in bound.arguments.items() if name not in names):
        raise TraceError("forward takes any number of arguments (*args, **kwargs)")
    given = {name: bound.arguments[name] for name in names}
    return names, {n: v for n, v in given.items() if not _holds_tensor(torch, v)}


def _holds_tensor(torch: Any, value: Any) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return any(_holds_tensor(torch, item) for item in value)
    return isinstance(value, torch.Tensor)


def trace(
    torch: Any,
    module: Any,
    leaf: Callable[[Any], bool],
    inputs: tuple[str, ...],
    fixed: Mapping[str, Any],
) -> Any:
    """Return the torch.fx graph of a module's forward, in the mode it is in.

    Args:
        torch: the library.
        module: a `skeleton`.
        leaf: tells which modules are noted as calls.
        inputs: the names of the arguments that vary.
        fixed: the values of the others.

    Raises:
        TraceError: forward does what depends on values or cannot be followed.
    """
    tracer = _tracer(torch, leaf, inputs, dict(fixed))
    before = _numbers(module)
    try:
        with _noted(torch, tracer), torch.enable_grad():
            graph = tracer.trace(module)
    except Exception as error:  # whatever forward raises of stand-ins
        text = str(error).strip().partition("\n")[0]
        frames = [(f.filename, f.lineno or 0) for f in extract_tb(error.__traceback__)]
        none = ", ".join(name for name, value in fixed.items() if value is None)
        given = f"give from_torch an example with a tensor for {none}, or " if none else ""
        raise TraceError(
            explain(
                "recording its forward",
                got=f"{type(error).__name__}: {text}{line_of(torch, frames)}",
                expected="calls that do not depend on values or shapes (no if, for or int of "
                "them) and write to no part of a tensor (no x[i] = y)",
                fix=f"{given}write this module with rushlight.nn and load the state dict",
            )
        ) from error
    after = _numbers(module)
    for place, value in before.items():
        if place in after and after[place] != value:
            raise TraceError(f"forward changes self.{place}, and later calls would see it")
    for path, part in module.named_modules():
        for name, value in vars(part).items():
            if name not in ("_parameters", "_buffers", "_modules") and _proxied(torch, value):
                place = f"{path}.{name}" if path else name
                raise TraceError(f"forward keeps what it computes in self.{place} for later calls")
    return graph


def _numbers(module: Any) -> dict[str, Any]:
    """Return the plain attributes of a module and those below it: path -> value."""
    return {
        f"{path}.{name}" if path else name: value
        for path, part in module.named_modules()
        for name, value in vars(part).items()
        if type(value) in (bool, int, float, str)
    }


def line_of(torch: Any, frames: list[tuple[str, int]]) -> str:
    """Return the last of some places in files that is neither torch's nor ours, for a message."""
    inside = tuple(str(Path(file).parent) for file in (torch.__file__, __file__))
    mine = [frame for frame in frames if not frame[0].startswith((*inside, "<"))]
    return f" (at {mine[-1][0]}, line {mine[-1][1]})" if mine else ""


def _proxied(torch: Any, value: Any) -> bool:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple | set):
        return any(_proxied(torch, item) for item in value)
    return isinstance(value, torch.fx.Proxy)


def _tracer(
    torch: Any, leaf: Callable[[Any], bool], inputs: tuple[str, ...], fixed: dict[str, Any]
) -> Any:
    """Return a torch.fx.Tracer; its class is made here as torch is not imported above."""

    class Proxy(torch.fx.Proxy):  # type: ignore[misc]
        """A stand-in that notes `a += b` as what it is; torch.fx notes `a = a + b`."""

        def __bool__(self) -> bool:
            frame = inspect.currentframe()
            line = _asserted(frame.f_back if frame else None)
            if not line:
                return bool(self.tracer.to_bool(self))
            args = (self, f"assertion failed ({line})")
            self.tracer.create_proxy("call_function", torch._assert, args, {})
            return True

    def noted(function: Callable[..., Any]) -> Callable[..., Any]:
        def method(self: Any, other: Any) -> Any:
            return self.tracer.create_proxy("call_function", function, (self, other), {})

        return method

    for name in _IN_PLACE:
        setattr(Proxy, f"__i{name}__", noted(getattr(operator, f"i{name}")))

    class Tracer(torch.fx.Tracer):  # type: ignore[misc]
        proxy_buffer_attributes = True
        record_stack_traces = True  # messages say where

        def __init__(self) -> None:
            rnn = torch.nn.utils.rnn
            super().__init__(autowrap_functions=tuple(getattr(rnn, n) for n in _SEQUENCES))

        def is_leaf_module(self, module: Any, path: str) -> bool:
            return leaf(module)

        def create_node(self, *args: Any, **options: Any) -> Any:
            node = super().create_node(*args, **options)
            node.meta["grad"] = torch.is_grad_enabled()  # forward may have no_grad() in it
            return node

        def iter(self, obj: Any) -> Any:
            count = _pieces(obj.node)
            return super().iter(obj) if count is None else iter([obj[i] for i in range(count)])

        def proxy(self, node: Any) -> Any:
            return Proxy(node, self)

        def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: Any) -> Any:
            # shapes of parameters are known; torch.fx cannot say so of buffers
            self.param_shapes_constant = isinstance(attr_val, torch.nn.Parameter)
            return super().getattr(attr, attr_val, parameter_proxy_cache)

        def create_args_for_root(self, root_fn: Any, is_module: bool, concrete_args: Any) -> Any:
            given = [self.create_proxy("placeholder", name, (), {}) for name in inputs]

            def run(root: Any, *values: Any) -> Any:
                return root.forward(**dict(zip(inputs, values, strict=True)), **fixed)

            return run, [self.root, *given]

    return Tracer()


def _pieces(node: Any) -> int | None:
    """Return how many tensors a call makes, where its arguments say so."""
    name = str(getattr(node.target, "__name__", node.target))
    word = {"chunk": "chunks", "split": "split_size_or_sections", "split_with_sizes": "split_sizes"}
    if name not in word:
        return None
    given = node.args[1] if len(node.args) > 1 else node.kwargs.get(word[name])
    if name == "chunk":
        return given if isinstance(given, int) else None
    return len(given) if isinstance(given, list | tuple) else None


def _asserted(frame: FrameType | None) -> str:
    """Return the place of an `assert` that asks for a truth value just now; empty if none does."""
    if frame is None:
        return ""
    code = list(dis.get_instructions(frame.f_code))
    asking = next((i for i, step in enumerate(code) if step.offset >= frame.f_lasti), len(code))
    jump = next((i for i in range(asking, len(code)) if "JUMP" in code[i].opname), None)
    if jump is None or any(code[i].opname != "TO_BOOL" for i in range(asking, jump)):
        return ""
    follows = code[jump + 1] if "IF_TRUE" in code[jump].opname else None
    if "IF_FALSE" in code[jump].opname:
        follows = next((step for step in code if step.offset == code[jump].argval), None)
    if follows is None:
        return ""
    if follows.opname != "LOAD_ASSERTION_ERROR" and follows.argval is not AssertionError:
        return ""
    return f"{frame.f_code.co_filename}, line {frame.f_lineno}"


@contextlib.contextmanager
def _noted(torch: Any, tracer: Any) -> Iterator[None]:
    """Note calls that make tensors of stand-ins (of a length, say) or of random numbers."""

    def wrapped(function: Any, always: bool) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            if always or _proxied(torch, args) or _proxied(torch, options):
                return tracer.create_proxy("call_function", function, args, options)
            return function(*args, **options)

        return call

    with contextlib.ExitStack() as stack:
        for name in (*_MAKERS, *_RANDOM):
            function = wrapped(getattr(torch, name), name in _RANDOM)
            stack.enter_context(mock.patch.object(torch, name, function))
        for name in _SEQUENCES:
            function = wrapped(getattr(torch.nn.utils.rnn, name), False)
            stack.enter_context(mock.patch.object(torch.nn.utils.rnn, name, function))
        yield
