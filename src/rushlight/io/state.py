"""State dicts in files: nested values of Python and tensors, exactly as they were.

Tensors and arrays are the payload of a safetensors file; the structure around them is JSON in its
metadata, and so are checksums of both. A flat dict of name -> Tensor is therefore an ordinary
safetensors file that other tools read, and any ordinary safetensors file loads as such a dict.
"""

from __future__ import annotations

import math
import os
from collections import OrderedDict
from collections.abc import Mapping
from functools import partial
from typing import Any, NoReturn, TypeAlias

import numpy as np

from rushlight.arrays import Array
from rushlight.errors import FileFormatError, explain
from rushlight.functional.creation import check_device
from rushlight.io.mapped import Source
from rushlight.io.safetensors import header
from rushlight.io.safetensors.header import CODES, Entry
from rushlight.io.safetensors.index import ENDING, locate, read_index
from rushlight.io.safetensors.reading import fetch, read_shards
from rushlight.io.safetensors.writing import save_file
from rushlight.io.sums import SUMS, WHOLE, compare, compare_whole, read_sums, sums_of
from rushlight.io.torch_file.reading import is_torch_file, load_torch_file
from rushlight.io.torch_file.storage import KINDS, Storage, c_strides
from rushlight.tensor import Tensor, from_numpy

__all__ = ["load", "pack", "save", "unpack"]

Path: TypeAlias = str | os.PathLike[str]

_STATE = "rushlight.state"
_DEPTH = 100
_KEYS = (bool, int, float, str)  # types of keys, besides None
_BITS, _LONG = 64, 1000  # so many keys may be longer: hashes of long integers can be made equal
_KINDS = {
    "BF16" if name == "BFloat16" else CODES[kind.stored.kind, kind.stored.itemsize]: kind
    for name, kind in KINDS.items()
}
_TORCH = (".pt", ".pth", ".ckpt", ".bin", ".pth.tar")  # what torch users call their files


def save(state: Any, path: Path, *, format: str | None = None) -> None:
    """Write a state dict to a file, atomically.

    A path that ends in .pt, .pth, .ckpt, .bin or .pth.tar gets torch's format, which
    `torch.load(path, weights_only=True)` reads; every other a safetensors file. Both come back
    from `load`.

    In a safetensors file dicts and OrderedDicts (keys: text, int, float, bool, None), lists,
    tuples, Tensors, NumPy arrays, ints, floats, bools, text and None come back as the types they
    are, in their order; NumPy scalars come back as Python scalars. Of a tensor the values are
    kept, not the graph, not `requires_grad` and not that another tensor shares its memory.

    In torch's format Parameters come back as Parameters, `requires_grad` is kept and tensors that
    share memory share it again; Counters, sets, bytes, complex numbers and dtypes may be there,
    too, and the whole need not be a dict. NumPy arrays come back as Tensors, and must be of a
    dtype that tensors have.

    Args:
        state: the (nested) dict, such as `model.state_dict()` or `optimizer.state_dict()`.
        path: the file to write.
        format: 'torch' or 'safetensors'; default None, as the path ends.

    Raises:
        TypeError: a value of another type; the message names its place.
        ValueError: another format.
        OSError: the file cannot be written.

    Example:
        >>> import os, tempfile
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = os.path.join(folder.name, "optimizer.safetensors")
        >>> save({"state": {0: {"step": 3}}, "betas": (0.9, 0.999)}, path)
        >>> load(path)
        {'state': {0: {'step': 3}}, 'betas': (0.9, 0.999)}
        >>> path = os.path.join(folder.name, "optimizer.pt")
        >>> save({"state": {0: {"step": 3}}, "betas": (0.9, 0.999)}, path)
        >>> load(path)
        {'state': {0: {'step': 3}}, 'betas': (0.9, 0.999)}
        >>> folder.cleanup()

    Source: https://docs.pytorch.org/docs/stable/generated/torch.save.html
    """
    if format is None:
        format = "torch" if os.fspath(path).lower().endswith(_TORCH) else "safetensors"
    if format == "torch":
        from rushlight.io.torch_file.writing import save_torch_file  # of no use to who reads

        save_torch_file(state, path)
    elif format == "safetensors":
        _save_safetensors(state, path)
    else:
        expected = "'torch', 'safetensors' or None"
        raise ValueError(explain("save", got=f"format={format!r}", expected=expected))


def _save_safetensors(state: Any, path: Path) -> None:
    if type(state) not in (dict, OrderedDict):
        _unfit("the state", state, "a dict or an OrderedDict")
    arrays, structure = pack(state)
    metadata = {_STATE: structure, SUMS: sums_of(arrays, structure)}
    if all(type(key) is str and isinstance(value, Tensor) for key, value in state.items()):
        metadata["format"] = "pt"  # what tools that read flat files of tensors ask for
    save_file(arrays, path, metadata)


def load(
    path: Path, map_location: Any = None, *, weights_only: bool = True, mmap: bool | None = None
) -> Any:
    """Read a file that `save` or torch.save wrote, or any safetensors file.

    What a file is, its first bytes say, not its name. A file larger than 16 MB is mapped: its
    tensors cost nothing until they are used (`rushlight.io.load_file` says what that asks of
    you). Of a safetensors file that `save` wrote the checksums are compared: of the structure and
    of NumPy arrays at once, and so of all tensors in a small file; of a tensor in a mapped file
    when it is first used, for which all of it is read. Files by versions that stated one checksum
    for everything are read whole.

    Of torch's files (.pt, .pth; of every version, Parameters and optimizer states included) the
    containers, numbers, text and tensors are read, without torch, by a reader that can build
    nothing else; tensors of any device are put on the CPU. bfloat16 becomes float32, which holds
    it exactly; in a mapped file, when a tensor is first used.

    Args:
        path: the file to read; or an index (`*.safetensors.index.json`) or a folder that holds
            one, or one safetensors file.
        map_location: the device of the tensors; None (default) or the CPU, the one there is. A
            dict of devices, as torch takes, may name no other; a function is not called.
        weights_only: no effect: no file that is read here can run code, whatever is given, and
            what torch would need `weights_only=False` for (whole modules) is not read.
        mmap: True maps every file and leaves the checksums of values alone, so that of a tensor,
            too, only what is used is read; False copies all into memory and compares them at
            once. Default None: as said above.

    Returns:
        The state as it was saved; for a safetensors file of another tool, a dict of name -> Tensor.

    Raises:
        FileFormatError: the file is truncated, altered, or of another format; a torch file with
            anything but plain data in it; a tensor of a dtype that there is not here. The first
            use of a tensor of a mapped file raises it, too, if its values were altered.
        OSError: the file cannot be opened.
        DeviceError: map_location is another device.

    Example:
        >>> import os, tempfile
        >>> from rushlight.tensor import from_numpy
        >>> folder = tempfile.TemporaryDirectory()
        >>> path = os.path.join(folder.name, "model.safetensors")
        >>> save({"weight": from_numpy(np.ones((2, 3), "float32"))}, path)
        >>> load(path)["weight"].shape
        (2, 3)
        >>> folder.cleanup()

    Source: https://docs.pytorch.org/docs/stable/generated/torch.load.html
    """
    if not callable(map_location):
        for place in map_location.values() if isinstance(map_location, dict) else [map_location]:
            check_device(place)
    where = locate(path)
    with open(where, "rb") as file:
        start = file.read(512)
    if is_torch_file(start) and start[8:9] != b"{":  # where the header of a safetensors file begins
        return load_torch_file(where, mmap)
    arrays, structure = _arrays(where, mmap)
    if structure is None:
        return {name: _tensor(array, where, name) for name, array in arrays.items()}
    return unpack(structure, arrays, where)


def _arrays(where: str, mmap: bool | None) -> tuple[dict[str, Any], str | None]:
    """Read a file's arrays, tensors where it is mapped, and its structure; compare checksums."""
    if where.endswith(ENDING):
        arrays, metadata = read_shards(read_index(where), mmap, _made)
        return arrays, metadata.get(_STATE)
    with Source.of_path(where, mmap) as source:
        entries, metadata = header.read(source)
        structure, sums = metadata.get(_STATE), dict[str, str]()
        whole = WHOLE in metadata and SUMS not in metadata and not mmap
        if SUMS in metadata:
            sums = read_sums(entries, metadata, structure or "", where)
        if whole:
            source.unmap()  # what is compared must not change afterwards
        arrays = {
            name: _made(source, entry, f"{where}, array {name!r}", None if mmap else sums.get(name))
            for name, entry in entries.items()
        }
    if whole:
        compare_whole(arrays, metadata, structure or "", where)
    return arrays, structure


def _made(source: Source, entry: Entry, where: str, stated: str | None = None) -> Any:
    """Return an array whose checksum is as stated; of a mapping a tensor, which asks when used."""
    kind = _KINDS.get(entry.code)
    if kind is None or not source.mapped:
        array = fetch(source, entry, where)
        if stated is not None:
            compare(array, stated, where)
        return array
    storage = Storage(entry.last - entry.first, kind, where, source.size)
    storage.raw = source.view(entry.first, entry.last)
    storage.check = None if stated is None else partial(compare, stated=stated, where=where)
    return storage.tensor(kind, 0, entry.shape, c_strides(entry.shape), where)


class _Shared(dict[str, Array]):
    """Arrays by name, each memory once: what stands twice in a state is kept once."""

    def __init__(self, arrays: Mapping[str, Array] | None = None) -> None:
        super().__init__(arrays or {})
        self.names: dict[Any, str] = {}
        self.taken: dict[str, Array] = {}


def pack(state: Mapping[Any, Any], share: bool = False) -> tuple[dict[str, Array], str]:
    """Return the arrays of a state, each under the path it lies at, and the rest of it as JSON.

    With `share`, an array that lies at several paths is there once, and `unpack` copies it.
    """
    import json

    arrays: dict[str, Array] = _Shared() if share else {}
    return arrays, json.dumps(_encode(state, "", arrays, 0), separators=(",", ":"))


def unpack(structure: str, arrays: dict[str, Array], where: str, share: bool = False) -> Any:
    """Undo `pack`; every array is taken out of `arrays`."""
    import json

    if share:
        arrays = _Shared(arrays)
    try:
        state = _decode(json.loads(structure), where, arrays)
    except FileFormatError:
        raise
    except (ValueError, TypeError, RecursionError) as error:
        _broken(where, f"a structure that cannot be read ({error})")
    if arrays:
        _broken(where, f"arrays that no place refers to: {', '.join(map(repr, arrays))[:80]}")
    return state


# ---- the structure: JSON values stand for themselves, everything else is {tag: content}


def _encode(value: Any, place: str, arrays: dict[str, Array], depth: int) -> Any:
    """Turn a value into JSON, moving its arrays into `arrays` under the path they lie at."""
    if depth > _DEPTH:
        _unfit(place, value, f"at most {_DEPTH} levels (does the state contain itself?)")
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, Tensor):
        return {"tensor": _store(value.detach().numpy(), place, arrays)}
    if isinstance(value, np.generic):
        plain = value.item()
        if type(plain) not in (bool, int, float, str):
            _unfit(place, value)
        return _encode(plain, place, arrays, depth)
    if type(value) is np.ndarray:
        if value.dtype.kind not in "biuf" or value.dtype.itemsize > 8:
            _unfit(place, value)
        return {"array": _store(value, place, arrays)}
    if type(value) in (list, tuple):
        items = [_encode(v, f"{place}.{i}", arrays, depth + 1) for i, v in enumerate(value)]
        return items if type(value) is list else {"tuple": items}
    if type(value) in (dict, OrderedDict):
        pairs = []
        for key, item in value.items():
            if not (key is None or type(key) in _KEYS):
                _unfit(f"a key of {place or 'the state'}", key, "text, int, float, bool or None")
            below = f"{place}.{key}" if place else str(key)
            pairs.append([_encode(key, below, arrays, 0), _encode(item, below, arrays, depth + 1)])
        return {"dict" if type(value) is dict else "ordered": pairs}
    _unfit(place, value)


def _store(array: Array, place: str, arrays: dict[str, Array]) -> str:
    """Keep an array under its path; where two paths read alike (1 and "1"), number them."""
    if isinstance(arrays, _Shared) and array.size:
        memory = array.__array_interface__["data"][0], array.strides, array.shape, array.dtype.str
        if memory in arrays.names:
            return arrays.names[memory]
    name, count = place, 1
    while name in arrays or name == "__metadata__":
        name, count = f"{place}#{count}", count + 1
    arrays[name] = array
    if isinstance(arrays, _Shared) and array.size:
        arrays.names[memory] = name
    return name


def _decode(tree: Any, where: str, arrays: dict[str, Array]) -> Any:
    """Undo `_encode`; every array is taken out of `arrays`."""
    if isinstance(tree, list):
        return [_decode(item, where, arrays) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if len(tree) != 1:
        _broken(where, f"an entry of {len(tree)} tags in its structure")
    ((tag, content),) = tree.items()
    if tag == "float" and content in ("inf", "-inf", "nan"):
        return float(content)
    if tag in ("tensor", "array") and isinstance(content, str):
        array: Any = _take(content, where, arrays)
        if tag == "tensor":
            return _tensor(array, where, content)
        return array.numpy() if isinstance(array, Tensor) else array
    if tag == "tuple" and isinstance(content, list):
        return tuple(_decode(item, where, arrays) for item in content)
    if tag in ("dict", "ordered") and isinstance(content, list):
        pairs = [(_key(k, where), _decode(v, where, arrays)) for k, v in content]
        if sum(type(k) is int and k.bit_length() > _BITS for k, _ in pairs) > _LONG:
            _broken(where, f"more than {_LONG:,} keys beyond 2**{_BITS}")
        return dict(pairs) if tag == "dict" else OrderedDict(pairs)
    _broken(where, f"the unknown tag {tag[:40]!r} in its structure")


def _key(tree: Any, where: str) -> Any:
    """Return a key of a dict; nothing else than `_encode` makes of one."""
    key = _decode(tree, where, {})
    if not (key is None or type(key) in _KEYS):
        _broken(where, f"a {type(key).__name__} as a key in its structure")
    return key


def _tensor(array: Any, where: str, name: str) -> Tensor:
    if isinstance(array, Tensor):
        return array
    if array.dtype.kind == "u" and array.dtype.itemsize > 1:
        raise FileFormatError(
            explain(
                f"{where}, array {name!r}",
                got=array.dtype,
                expected="a dtype that tensors have",
                fix="read it as an array: rushlight.io.load_file(path)",
            )
        )
    return from_numpy(array)


def _take(name: str, where: str, arrays: dict[str, Array]) -> Array:
    shared = arrays.taken if isinstance(arrays, _Shared) else {}
    if name in shared:
        return shared[name].copy()
    if name not in arrays:
        _broken(where, f"no array {name!r}, to which its structure refers")
    array = shared[name] = arrays.pop(name)
    return array


def _unfit(
    place: str,
    value: object,
    expected: str = "a Tensor, NumPy array, number, text, None, list, tuple or dict",
) -> NoReturn:
    kind = type(value).__name__
    if isinstance(value, np.ndarray | np.generic):
        kind += f" of {value.dtype}"
    raise TypeError(
        explain(
            f"save, at {place}",
            got=kind,
            expected=expected,
            fix="leave it out or turn it into one of these",
        )
    )


def _broken(where: str, got: str) -> NoReturn:
    raise FileFormatError(
        explain(
            where,
            got=got,
            expected="a structure as rushlight.save writes it",
            fix="the file was altered, or written by a newer version; save it again",
        )
    )
