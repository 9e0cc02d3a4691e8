"""What a pickle of torch's may name: containers, dtypes, and functions that make tensors.

None of these is torch's, or Python's, function of that name: each is written here for what
torch.save writes, checks its arguments, and makes a tensor, a container or a number.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from rushlight.arrays import DType
from rushlight.io.stored import refuse
from rushlight.io.torch_file import numpy_values
from rushlight.io.torch_file.content import shown
from rushlight.io.torch_file.machine import Name
from rushlight.io.torch_file.storage import KINDS, UNFIT, Kind, Storage, as_parameter
from rushlight.tensor import Tensor

__all__ = ["Allowed", "Foreign", "StorageType", "kind_of", "storage_type"]

_DTYPES = "bool, uint8, int8 to int64, float16 to float64 or bfloat16"


class Foreign(NamedTuple):
    """A dtype of torch's that no tensor of ours has; it may be named, but not be in the result."""

    name: str


class StorageType(NamedTuple):
    """A storage class; `kind` is None for bytes, of which tensors say what they are."""

    kind: Kind | None


def kind_of(dtype: Any, where: str) -> Kind:
    """Return what elements of a dtype are; one that we have not is refused."""
    if isinstance(dtype, Foreign):
        if dtype.name == "bfloat16":
            return KINDS["BFloat16"]
        _unfit(where, dtype.name)
    if not isinstance(dtype, np.dtype):
        refuse(where, f"a {type(dtype).__name__} as a dtype", "a dtype")
    return next(kind for kind in KINDS.values() if kind.stored == dtype)


def _unfit(where: str, kind: str) -> Any:
    fix = "convert it in torch before it is saved"
    refuse(where, f"a {kind} tensor", f"a dense one of {_DTYPES}", fix)


# ---- tensors


def _tensor(
    where: str,
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any = False,
    hooks: Any = None,
    metadata: Any = None,
    *,
    kind: Kind | None = None,
) -> Tensor:
    if not isinstance(storage, Storage) or type(size) is not tuple or type(stride) is not tuple:
        refuse(where, "a tensor without a storage, sizes or strides", "all three")
    if not (metadata is None or (type(metadata) is dict and not metadata)):
        _unfit(where, "conjugated or negated")
    kind = storage.kind if kind is None else kind
    if kind is None or storage.kind not in (None, kind):
        refuse(where, "a storage of another dtype", "that of the tensor")
    out = storage.tensor(kind, offset, size, stride, where)
    return _grad(where, out, requires_grad)


def _grad(where: str, tensor: Tensor, requires_grad: Any) -> Tensor:
    if type(requires_grad) is not bool or (requires_grad and tensor.dtype.kind != "f"):
        refuse(where, f"requires_grad={shown(requires_grad)} of {tensor.dtype}", "True for floats")
    tensor._requires_grad = requires_grad
    return tensor


def _tensor_v3(
    where: str,
    storage: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
    hooks: Any,
    dtype: Any,
    metadata: Any = None,
) -> Tensor:
    kind = kind_of(dtype, where)
    return _tensor(where, storage, offset, size, stride, requires_grad, hooks, metadata, kind=kind)


def _parameter(where: str, data: Any, requires_grad: Any, hooks: Any, state: Any = None) -> Any:
    """Make a Parameter; attributes that somebody gave it (`state`) are left out."""
    if not isinstance(data, Tensor):
        refuse(where, f"a Parameter of a {type(data).__name__}", "of a tensor")
    _grad(where, data, requires_grad)
    data._requires_grad = False
    return as_parameter(data, requires_grad)


def _from_type(where: str, function: Any, kind: Any, args: Any, state: Any) -> Any:
    """Make a tensor that has attributes; they are left out."""
    known = isinstance(function, Name) and function.text in _TENSORS
    if not known or not (kind is _TENSOR or kind is _PARAMETER):
        refuse(where, "a tensor of a class of its own", "torch.Tensor", "convert it in torch")
    if type(args) is not tuple:
        refuse(where, f"a {type(args).__name__} of arguments", "a tuple")
    return function.call(where, *args)


def _from_cpu(where: str, data: Any, dtype: Any, device: Any, requires_grad: Any) -> Tensor:
    if not isinstance(data, Tensor) or kind_of(dtype, where).made != data.dtype:
        refuse(where, f"a tensor of a {type(data).__name__}", "a tensor of the dtype stated")
    return _grad(where, data, requires_grad)


def _from_numpy(where: str, data: Any, dtype: Any, device: Any, requires_grad: Any) -> Tensor:
    from rushlight.tensor import from_numpy

    kind = kind_of(dtype, where)
    if type(data) is not np.ndarray or data.dtype.kind not in "biuf":
        refuse(where, f"a tensor of a {type(data).__name__}", "an array")
    return _grad(where, from_numpy(data.astype(kind.made)), requires_grad)


def _refused(kind: str, where: str, *args: Any) -> Any:
    return _unfit(where, kind)


# ---- containers and small things


def _ordered(where: str, pairs: Any = ()) -> OrderedDict[Any, Any]:
    return OrderedDict(_pairs(where, pairs))


def _pairs(where: str, pairs: Any) -> list[tuple[Any, Any]]:
    """Return keys, checked, and values, which may come as a dict or as pairs."""
    items = pairs.items() if type(pairs) in (dict, OrderedDict) else pairs
    found = [(key, value) for key, value in items]
    for key, _ in found:
        if type(key) not in (str, int, float, bool, type(None)):
            refuse(where, f"a {type(key).__name__} as a key", "text or a number")
        if type(key) is int and key.bit_length() > 64:
            refuse(where, "a key beyond 2**64", "a smaller one")
    return found


def _counter(where: str, counts: Any = ()) -> Counter[Any]:
    return Counter(dict(_pairs(where, counts)))


def _default(where: str, factory: Any = None, pairs: Any = ()) -> defaultdict[Any, Any]:
    if not (factory is None or (isinstance(factory, Name) and factory.text in _FACTORIES)):
        refuse(where, "a defaultdict of another function", f"of one of {', '.join(_FACTORIES)}")
    made = None if factory is None else _FACTORIES[factory.text]
    return defaultdict(made, _pairs(where, pairs))


def _set(where: str, items: Any = ()) -> set[Any]:
    if type(items) is not list:
        refuse(where, f"a set of a {type(items).__name__}", "of a list")
    return {key for key, _ in _pairs(where, [(item, None) for item in items])}


def _size(where: str, sizes: Any = ()) -> tuple[Any, ...]:
    if type(sizes) is not tuple or any(type(size) is not int for size in sizes):
        refuse(where, "a torch.Size of something else", "of a tuple of integers")
    return sizes


def _device(where: str, kind: Any, index: Any = None) -> str:
    """Return the name of a device: there need be none of this kind here."""
    if type(kind) is not str or not (index is None or type(index) is int):
        refuse(where, "a device without a name", "its kind and its number")
    return kind if index is None else f"{kind}:{index}"


def _complex(where: str, real: Any, imaginary: Any) -> complex:
    if type(real) is not float or type(imaginary) is not float:
        refuse(where, "a complex number of something else", "of two floats")
    return complex(real, imaginary)


def _encode(where: str, text: Any, encoding: Any) -> bytes:
    """Return bytes: protocol 2 has none of its own."""
    if type(text) is not str or type(encoding) is not str or encoding != "latin1":
        refuse(where, f"text in {shown(encoding)}", "latin1, in which pickles hold bytes")
    return text.encode("latin1")


def _bytes(where: str) -> bytes:
    return b""  # all others are made by `_encode`


def _bytearray(where: str, content: Any = b"") -> bytearray:
    if type(content) is not bytes:
        refuse(where, f"a bytearray of a {type(content).__name__}", "of bytes")
    return bytearray(content)


# ---- the table


def _named(prefix: str, **functions: Callable[..., Any]) -> dict[str, Name]:
    return {f"{prefix}.{name}": Name(f"{prefix}.{name}", f) for name, f in functions.items()}


_FACTORIES: dict[str, Any] = {
    f"builtins.{kind.__name__}": kind for kind in (list, dict, set, int, float, str, bool)
}
_TENSORS: dict[str, Name] = _named(
    "torch._utils",
    _rebuild_tensor=_tensor,
    _rebuild_tensor_v2=_tensor,
    _rebuild_tensor_v3=_tensor_v3,
    _rebuild_parameter=_parameter,
    _rebuild_parameter_with_state=_parameter,
    _rebuild_device_tensor_from_numpy=_from_numpy,
    _rebuild_device_tensor_from_cpu_tensor=_from_cpu,
    _rebuild_xla_tensor=_from_numpy,
    _rebuild_qtensor=partial(_refused, "quantized"),
    _rebuild_sparse_tensor=partial(_refused, "sparse"),
    _rebuild_sparse_csr_tensor=partial(_refused, "sparse"),
    _rebuild_nested_tensor=partial(_refused, "nested"),
    _rebuild_meta_tensor_no_storage=partial(_refused, "meta (without values)"),
    _rebuild_wrapper_subclass=partial(_refused, "subclassed"),
)
_TENSOR = Name("torch.Tensor", partial(_refused, "bare"))
_PARAMETER = Name("torch.nn.parameter.Parameter", partial(_refused, "bare"))
_FUNCTIONS: dict[str, Any] = {
    **_TENSORS,
    **_named("torch._tensor", _rebuild_from_type_v2=_from_type),
    **_named("collections", OrderedDict=_ordered, Counter=_counter, defaultdict=_default),
    **_named("torch", Size=_size, device=_device),
    **_named("_codecs", encode=_encode),
    **_named("builtins", set=_set, complex=_complex, bytes=_bytes, bytearray=_bytearray),
    **{name: Name(name, partial(_refused, "bare")) for name in _FACTORIES if name[9:] != "set"},
    **numpy_values.NAMES,
    "torch.Tensor": _TENSOR,
    "torch.nn.parameter.Parameter": _PARAMETER,
}
_FUNCTIONS["torch.serialization._get_layout"] = Name("", partial(_refused, "sparse"))
_SHORT = {"double": "float64", "float": "float32", "long": "int64"}
_OLD = {"__builtin__": "builtins", "UserDict": "collections"}  # modules as Python 2 called them

_NATIVE: dict[str, DType] = {
    kind.name: kind.made for kind in KINDS.values() if kind.name != "bfloat16"
}
_NATIVE |= {short: _NATIVE[name] for short, name in _SHORT.items()}
_FOREIGN = {
    *("bfloat16", "uint16", "uint32", "uint64", "complex32", "complex64", "complex128"),
    *("qint8", "quint8", "qint32", "quint4x2", "quint2x4"),
    *("float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"),
    *("float4_e2m1fn_x2", *(f"{sign}int{n}" for sign in ("", "u") for n in range(1, 8))),
    *("bits8", "bits16", "bits1x8", "bits2x4", "bits4x2"),
}


class Allowed:
    """The names that a pickle may use, and the states that its objects may take.

    What persistent ids mean is another matter in each format.
    """

    def find(self, module: str, name: str) -> Any:
        """Return what stands for a name of a pickle; None if it is not on the list."""
        module = _OLD.get(module, module)
        found = _FUNCTIONS.get(f"{module}.{name}")
        if found is not None:
            return found
        if module == "torch" and name in _NATIVE:
            return _NATIVE[name]
        if module == "torch" and name in _FOREIGN:
            return Foreign(name)
        if module in ("torch", "torch.cuda", "torch.storage") and name.endswith("Storage"):
            return _storage_class(name.removesuffix("Storage"))
        return None

    def build(self, target: Any, state: Any) -> bool:
        """Give an object the state that BUILD has for it, if it takes one."""
        if type(target) is OrderedDict and type(state) is dict and set(state) == {"_metadata"}:
            if not isinstance(state["_metadata"], dict):
                return False
            target._metadata = state["_metadata"]  # type: ignore[attr-defined]  # of a state dict
            return True
        return numpy_values.build(target, state)

    def persistent(self, key: Any, where: str) -> Any:
        """Return what a persistent id means; of itself, none means anything."""
        refuse(where, "a persistent id", "plain data")


def _storage_class(name: str) -> Any:
    if name in KINDS:
        return StorageType(KINDS[name])
    if name == "Untyped":
        return StorageType(None)
    return Foreign(UNFIT[name]) if name in UNFIT else None


def storage_type(found: Any, where: str) -> StorageType:
    """Return the storage class that a persistent id has; one that we have not is refused."""
    if isinstance(found, Foreign):
        _unfit(where, found.name)
    if not isinstance(found, StorageType):
        refuse(where, f"a {type(found).__name__} as a storage class", "one of torch's")
    return found
