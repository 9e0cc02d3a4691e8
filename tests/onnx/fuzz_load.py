"""Damaged ONNX files by the thousand: each is read, or refused by a FileFormatError.

`python -m tests.onnx.fuzz_load --count 100000 --seed 0` says how many were refused, how many were
read, and the most memory that reading one took. Half of the inputs have damaged bytes, the others
are valid protobuf that says something wrong.
"""

from __future__ import annotations

import argparse
import random
import time
import tracemalloc
from collections import Counter

import numpy as np

import rushlight as rl
from onnx import ModelProto, TensorProto, helper, numpy_helper
from rushlight.errors import FileFormatError

_SPARE = 1 << 20  # bytes that reading may take beside what the size of the file explains
_FACTOR = 400  # a name of one byte becomes an object of Python
_NUMBERS = (0, 1, -1, 2, 5, 7, 1 << 31, (1 << 31) - 1, 1 << 40, (1 << 63) - 1, -(1 << 63))
_TEXTS = ("", "x", "y", "w", "h", "Add", "If", "Cast", "com.microsoft", "ai.onnx", "../x", "a" * 99)


def models() -> list[ModelProto]:
    """Return small valid models that have every kind of part."""
    ones = np.ones((2, 2), np.float32)
    float_ = TensorProto.FLOAT
    made = [
        _model(
            [
                helper.make_node("Gemm", ["x", "w", "b"], ["h"], "fc", transB=1, alpha=0.5),
                helper.make_node("Relu", ["h"], ["y"], doc_string="the end"),
            ],
            {"w": ones, "b": ones[0]},
        ),
        _model(
            [
                helper.make_node("Constant", [], ["s"], value_ints=[-1]),
                helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(ones)),
                helper.make_node("Mul", ["x", "k"], ["h"]),
                helper.make_node("Cast", ["h"], ["c"], to=TensorProto.FLOAT16),
                helper.make_node("Reshape", ["c", "s"], ["y"]),
            ],
            {"idle": np.arange(3), "b": np.array([True, False]), "e": np.zeros((0, 4), np.uint16)},
        ),
        _model(
            [
                helper.make_node("Conv", ["x", "w", ""], ["h"], strides=[1, 1], auto_pad="VALID"),
                helper.make_node("MaxPool", ["h"], ["y"], kernel_shape=[1, 1]),
            ],
            {"w": np.ones((1, 1, 2, 2), np.float32)},
        ),
    ]
    typed = helper.make_tensor("t", TensorProto.INT4, [3], [1, -2, 3])
    floats = helper.make_tensor("f", float_, [2], [1.0, 2.0])
    doubles = helper.make_tensor("d", TensorProto.DOUBLE, [1], [1.0])
    halves = helper.make_tensor("n", TensorProto.BFLOAT16, [2], [1.0, 2.0])
    far = TensorProto(name="far", data_type=float_, dims=[1], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "data.bin"), ("offset", "0"), ("length", "4")):
        far.external_data.add(key=key, value=value)
    made[0].graph.initializer.extend([typed, floats, doubles, halves])
    lying = ModelProto()
    lying.CopyFrom(made[0])
    lying.graph.initializer.append(far)
    function = helper.make_function(
        "own",
        "Twice",
        ["a"],
        ["b"],
        [helper.make_node("Add", ["a", "a"], ["b"]), helper.make_node("Neg", ["b"], ["unused"])],
        [helper.make_opsetid("", 17)],
    )
    calls = [
        helper.make_node("Twice", ["x"], ["h"], domain="own"),
        helper.make_node("Twice", ["h"], ["y"], domain="own"),
    ]
    own = _model(calls, {})
    own.functions.append(function)
    own.opset_import.append(helper.make_opsetid("own", 1))
    branch = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["n"])],
        "branch",
        [],
        [helper.make_empty_tensor_value_info("n")],
    )
    control = _model([helper.make_node("If", ["b"], ["y"], then_branch=branch)], {"b": np.True_})
    return [*made, lying, own, control]


def _model(nodes: list, initializers: dict) -> ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(a, name) for name, a in initializers.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


# ---- damage to bytes


def damaged(content: bytes, other: bytes, rng: random.Random) -> bytes:
    """Return the bytes cut, changed, repeated, or with a part of other bytes."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(data) + 1)
        upto = min(len(data), at + rng.choice((1, 1, 2, 4, 8, 32)))
        how = rng.choice((0, 1, 2, 3, 3, 3, 4, 5))
        if how == 0:
            del data[at:]
        elif how == 1:
            del data[at:upto]
        elif how == 2:
            data[at:upto] = rng.randbytes(upto - at)
        elif how == 3 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif how == 4:
            data[at:at] = data[at:upto] * rng.choice((1, 2, 50))
        else:
            start = rng.randrange(len(other))
            data[at:upto] = other[start : start + rng.choice((2, 8, 64))]
    return bytes(data)


# ---- damage to what is said


def wrong(model: ModelProto, rng: random.Random) -> ModelProto:
    """Return a model in which some fields, anywhere in it, have other values."""
    found = ModelProto()
    found.CopyFrom(model)
    for _ in range(rng.choice((1, 1, 2, 4))):
        _change(found.graph if rng.random() < 0.8 else found, rng)
    return found


def _change(message, rng: random.Random) -> None:
    """Change one field of a message, or of one in it."""
    while True:
        filled = message.ListFields()
        if not filled or rng.random() < 0.1:  # set what was not set
            field = rng.choice(list(message.DESCRIPTOR.fields))
        else:
            field, value = rng.choice(filled)
            if field.type == field.TYPE_MESSAGE and rng.random() < 0.9:
                message = rng.choice(value) if _repeated(field) else value
                continue
        break
    if _repeated(field):
        _change_list(message, field, rng)
    elif field.type == field.TYPE_MESSAGE:
        message.ClearField(field.name)
    else:
        _set(message, field, rng)


def _repeated(field) -> bool:
    return bool(getattr(field, "is_repeated", False))


def _change_list(message, field, rng: random.Random) -> None:
    values = getattr(message, field.name)
    if values and rng.random() < 0.4:
        del values[rng.randrange(len(values))]
    elif field.type == field.TYPE_MESSAGE:
        if values:
            values.add().CopyFrom(rng.choice(values))
        else:
            values.add()
    else:
        value = _value(field, rng)
        if values and rng.random() < 0.6:
            values[rng.randrange(len(values))] = value
        else:
            values.extend([value] * rng.choice((1, 1, 3, 70)))


def _set(message, field, rng: random.Random) -> None:
    setattr(message, field.name, _value(field, rng))


def _value(field, rng: random.Random):
    if field.type == field.TYPE_ENUM:
        return rng.choice(field.enum_type.values).number
    if field.type == field.TYPE_STRING:
        return rng.choice(_TEXTS)
    if field.type == field.TYPE_BYTES:
        return rng.choice((b"", b"\0" * 16, b"SAME", b"\xff\xfe", rng.randbytes(7)))
    if field.type in (field.TYPE_FLOAT, field.TYPE_DOUBLE):
        return rng.choice((0.0, -1.5, float("nan"), float("inf")))
    number = rng.choice(_NUMBERS)
    if field.type == field.TYPE_INT32:
        return max(min(number, (1 << 31) - 1), -(1 << 31))
    return abs(number) if field.type == field.TYPE_UINT64 else number


# ---- the run


def run(count: int, seed: int) -> Counter:
    """Read `count` damaged models; anything but a module or a FileFormatError is an error."""
    rng = random.Random(seed)
    good = models()
    contents = [model.SerializeToString() for model in good]
    counts: Counter = Counter()
    rl.onnx.load(good[0])  # what is imported on the way is no cost of a file
    for i in range(count):
        at = rng.randrange(len(good))
        if i % 2:
            content = damaged(contents[at], rng.choice(contents), rng)
        else:
            content = wrong(good[at], rng).SerializeToString()
        measured = i % 50 < 2
        if measured:
            tracemalloc.start()
        began = time.process_time()
        try:
            rl.onnx.load(content)
            counts["read"] += 1
        except FileFormatError:
            counts["refused"] += 1
        except BaseException:
            print(f"input {i} of seed {seed}: {content!r}")
            raise
        took = time.process_time() - began
        assert took < 30, f"input {i} of seed {seed} took {took:.1f} s of a core"
        if measured:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            counts["most memory"] = max(counts["most memory"], peak)
            allowed = _SPARE + _FACTOR * len(content)
            assert peak < allowed, f"input {i} of seed {seed}: {peak:,} bytes for {len(content):,}"
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="inputs; default 100,000")
    parser.add_argument("--seed", type=int, default=0, help="of the random damage; default 0")
    options = parser.parse_args()
    counts = run(options.count, options.seed)
    print(
        f"{options.count:,} inputs: {counts['refused']:,} refused, {counts['read']:,} read; "
        f"the most memory for one was {counts['most memory']:,} bytes"
    )


if __name__ == "__main__":
    main()
