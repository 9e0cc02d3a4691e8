"""Attributes of a node: taken from the file, checked against the operator's schema."""

from __future__ import annotations

from typing import Any

from rushlight.onnx.load.tensors import TensorReader, refuse

__all__ = ["attributes", "schema_of", "text"]

_PLAIN = {"FLOAT": "f", "INT": "i"}
_LISTS = {"FLOATS": "floats", "INTS": "ints"}


def text(value: Any, where: str) -> str:
    """Return a string of the file; protobuf hands out bytes where they are no UTF-8."""
    if not isinstance(value, str):
        refuse(where, f"the bytes {bytes(value)[:40]!r}", "text in UTF-8")
    return value


def schema_of(op: str, domain: str, version: int) -> Any:
    """Return the schema of an operator at a version of its set; None where there is none."""
    from onnx import defs

    try:
        return defs.get_schema(op, version, domain)
    except defs.SchemaError:
        return None


def attributes(given: Any, schema: Any, reader: TensorReader, where: str) -> dict[str, Any]:
    """Return the attributes of a node with the schema's defaults.

    Args:
        given: names and AttributeProtos.
        schema: of the operator.
        reader: of the tensors.
        where: what an error names.

    Raises:
        FileFormatError: an attribute twice, one that the operator does not have, one of another
            type than the operator's, or a required one that is not there.
    """
    found: dict[str, Any] = {}
    for title, proto in given:
        name = text(title, f"{where}, name of an attribute")
        here = f"{where}, attribute {name!r}"
        if name in found:
            refuse(here, "it twice", "every attribute once")
        wanted = schema.attributes.get(name)
        if wanted is None:
            refuse(here, "an attribute that the operator does not have", _listed(schema))
        key = id(proto), wanted.type.name
        if key not in reader.values:
            reader.values[key] = proto, value_of(proto, wanted.type.name, reader, here)
        found[name] = reader.values[key][1]
    for name, wanted in schema.attributes.items():
        if name in found:
            continue
        if wanted.required:
            refuse(where, f"no attribute {name!r}", "it, because the operator requires it")
        if wanted.default_value.type:
            kind = wanted.type.name
            found[name] = value_of(wanted.default_value, kind, reader, f"{where}, {name!r}")
    return found


def value_of(proto: Any, wanted: str, reader: TensorReader, where: str) -> Any:
    """Return the value of an AttributeProto that must be of the type `wanted`."""
    from onnx import AttributeProto

    known = proto.type in AttributeProto.AttributeType.values()
    kind = AttributeProto.AttributeType.Name(proto.type) if known else str(proto.type)
    if kind != wanted:
        refuse(where, f"type {kind}", f"type {wanted}")
    if kind in _PLAIN:
        return getattr(proto, _PLAIN[kind])
    if kind in _LISTS:
        return list(getattr(proto, _LISTS[kind]))
    if kind == "STRING":
        return _decoded(proto.s, where)
    if kind == "STRINGS":
        return [_decoded(value, where) for value in proto.strings]
    if kind == "TENSOR":
        return reader.read(proto.t, where)
    return refuse(where, f"type {kind}", "numbers, text or tensors", "it is not supported")


def _decoded(raw: bytes, where: str) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        refuse(where, f"the bytes {raw[:40]!r}", "text in UTF-8")


def _listed(schema: Any) -> str:
    return "one of " + ", ".join(sorted(schema.attributes)) if schema.attributes else "none"
