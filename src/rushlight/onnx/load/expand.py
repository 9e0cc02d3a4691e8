"""The calls of a graph, with the model's own functions written out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rushlight.onnx.load.attributes import text
from rushlight.onnx.load.tensors import refuse

__all__ = ["Call", "expanded", "opsets_of", "written_out"]

NEWEST = 28  # the operator set of ONNX that the functions of the table were tested with

_CALLS_CAP = 10_000  # of calls that functions may be written out to, and for each node of the
_CALLS_PER_NODE = 100  # file as many more
_DEPTH_CAP = 100  # of functions that call functions


@dataclass
class Call:
    """A node as the file has it, with names that are its own.

    Attributes:
        op, domain, name, version: as in `table.Node`.
        inputs, outputs: names of values.
        attributes: AttributeProtos, none of them a reference.
    """

    op: str
    domain: str
    name: str
    version: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: list[Any]


def expanded(model: Any, opsets: dict[str, int]) -> list[Call]:
    """Return the nodes of a model's graph; a call of one of its functions becomes what it does.

    Raises:
        FileFormatError: functions that call themselves, or that would become many more calls than
            the file has nodes.
    """
    writer = _Writer(model.functions)
    writer.check(model.graph.node)
    writer.write(model.graph.node, opsets, {}, "", {}, ())
    return writer.calls


def written_out(function: Any, attributes: dict[str, Any]) -> list[Call]:
    """Return the calls of a function's body; its values have the names that they have in it.

    Args:
        function: a FunctionProto.
        attributes: AttributeProtos with which it is called, by name.
    """
    writer = _Writer(())
    opsets = {"": newest()} | opsets_of(function.opset_import, f"ONNX function {function.name!r}")
    given = {proto.name: proto for proto in function.attribute_proto} | attributes
    writer.write(function.node, opsets, {}, "", given, ((function.domain, function.name),))
    return writer.calls


def newest() -> int:
    """Return the newest version of ONNX's operator set that is known here."""
    from onnx import defs

    return min(NEWEST, defs.onnx_opset_version())


def opsets_of(entries: Any, where: str) -> dict[str, int]:
    """Return the versions of operator sets by domain; ONNX's own must be one that is known."""
    found: dict[str, int] = {}
    for entry in entries:
        domain, version = _domain(entry.domain), entry.version
        highest = newest() if not domain else (1 << 31) - 1
        if not 1 <= version <= highest:
            fix = "export it for an older set, or install a newer onnx and Rushlight"
            got = f"version {version} of the operator set {domain or 'ai.onnx'!r}"
            refuse(where, got, f"1 to {highest}", fix if version > 0 else "")
        if found.setdefault(domain, version) != version:
            got = f"versions {found[domain]} and {version} of the set {domain or 'ai.onnx'!r}"
            refuse(where, got, "one version")
    if not found:
        refuse(where, "no operator set", "opset_import with a version", "is it ONNX at all?")
    return found


class _Writer:
    def __init__(self, functions: Any) -> None:
        self.calls: list[Call] = []
        self.titles: dict[str, int] = {}
        self.functions: dict[tuple[str, str], Any] = {}
        for function in functions:
            key = _domain(function.domain), text(function.name, "name of a function")
            if key in self.functions:
                got = f"the function {key[1]!r} of domain {key[0]!r} twice"
                refuse("ONNX file", got, "every function once")
            self.functions[key] = function

    def check(self, nodes: Any) -> None:
        """Refuse functions that call themselves or become too many calls, before any is written."""
        given = len(nodes) + sum(len(function.node) for function in self.functions.values())
        most = _CALLS_CAP + _CALLS_PER_NODE * given
        count = self.count(nodes, {}, ())
        if count > most:
            got = f"functions that become {count if count < 1 << 60 else 'endlessly many'} calls"
            fix = "it was made to fill the memory"
            refuse("ONNX file", got, f"at most {most:,} of {given:,} nodes", fix)

    def count(
        self, nodes: Any, counts: dict[tuple[str, str], int], within: tuple[tuple[str, str], ...]
    ) -> int:
        """Return how many calls some nodes become; `counts` has those of functions seen before."""
        total = 0
        for node in nodes:
            key = _domain(node.domain), text(node.op_type, "operator of a node")
            function = self.functions.get(key)
            if function is None:
                total += 1
                continue
            if key in within or len(within) == _DEPTH_CAP:
                got = f"the function {key[1]!r}, which calls itself"
                if key not in within:
                    got = f"functions that call each other {_DEPTH_CAP} deep"
                refuse(f"ONNX node {node.name!r}", got, "functions that come to an end")
            if key not in counts:
                counts[key] = self.count(function.node, counts, (*within, key))
            total += counts[key]
        return total

    def write(
        self,
        nodes: Any,
        opsets: dict[str, int],
        names: dict[str, str],
        prefix: str,
        given: dict[str, Any],
        within: tuple[tuple[str, str], ...],
    ) -> None:
        """Append the calls of some nodes.

        Args:
            nodes: NodeProtos.
            opsets: versions of the operator sets that hold for them.
            names: what values of a function's body are called outside.
            prefix: before the names of all other values and nodes.
            given: attributes with which the function was called, by name.
            within: the functions around, outermost first.
        """
        for i, node in enumerate(nodes):
            op = text(node.op_type, "operator of a node")
            domain = _domain(node.domain)
            title = self.title(prefix + (text(node.name, "name of a node") or f"{op}_{i}"))
            inputs = tuple(_name(name, names, prefix) for name in node.input)
            outputs = tuple(_name(name, names, prefix) for name in node.output)
            attributes = _attributes(node, given if within else None, title)
            if (domain, op) in self.functions:
                called = domain, op
                if len(within) == _DEPTH_CAP:
                    got = f"functions that call each other {_DEPTH_CAP} deep"
                    refuse(f"ONNX node {title!r}", got, "fewer")
                self.call(called, title, inputs, outputs, attributes, within)
                continue
            if domain not in opsets:
                got = f"{op} of the operator set {domain or 'ai.onnx'!r}"
                refuse(f"ONNX node {title!r}", got, "a set that opset_import gives a version of")
            self.calls.append(Call(op, domain, title, opsets[domain], inputs, outputs, attributes))

    def title(self, name: str) -> str:
        """Return a node's name, with a number behind it where another node has it."""
        while name in self.titles:
            self.titles[name] += 1
            name = f"{name}_{self.titles[name]}"
        self.titles[name] = 0
        return name

    def call(
        self,
        key: tuple[str, str],
        title: str,
        inputs: tuple[str, ...],
        outputs: tuple[str, ...],
        attributes: list[Any],
        within: tuple[tuple[str, str], ...],
    ) -> None:
        function = self.functions[key]
        where = f"ONNX node {title!r} (function {key[1]!r})"
        formal = list(function.input), list(function.output)
        if len(inputs) > len(formal[0]) or len(outputs) > len(formal[1]):
            got = f"{len(inputs)} inputs and {len(outputs)} outputs"
            refuse(where, got, f"at most {len(formal[0])} and {len(formal[1])}")
        names = dict.fromkeys(formal[0], "")  # inputs that the call leaves out
        names.update(zip(formal[0], inputs, strict=False))
        given = {proto.name: proto for proto in function.attribute_proto}
        given.update({proto.name: proto for proto in attributes})
        same: dict[str, str] = {}
        for inner, outer in zip(formal[1], outputs, strict=False):
            if not outer:
                continue
            if inner in names or inner in same:  # an input handed through, or twice the same
                source = names.get(inner) or same.get(inner, "")
                self.calls.append(
                    Call(
                        "Identity",
                        "",
                        f"{title}/{inner}",
                        _plain(function),
                        (source,),
                        (outer,),
                        [],
                    )
                )
                continue
            same[inner] = outer
        names.update(same)
        opsets = opsets_of(function.opset_import, where)
        self.write(function.node, opsets, names, f"{title}/", given, (*within, key))


def _plain(function: Any) -> int:
    return next((e.version for e in function.opset_import if not _domain(e.domain)), 1)


def _attributes(node: Any, given: dict[str, Any] | None, title: str) -> list[Any]:
    """Return a node's attributes; a reference to one of the function around becomes that one."""
    found = []
    for proto in node.attribute:
        if not proto.ref_attr_name:
            found.append(proto)
        elif given is not None and proto.ref_attr_name in given:
            same = type(proto)()
            same.CopyFrom(given[proto.ref_attr_name])
            same.name = proto.name
            found.append(same)
        elif given is None:
            got = f"a reference to the attribute {proto.ref_attr_name!r}"
            refuse(f"ONNX node {title!r}", got, "references in functions only")
    return found


def _name(name: Any, names: dict[str, str], prefix: str) -> str:
    inner = text(name, "name of a value")
    if not inner:
        return ""
    return names[inner] if inner in names else prefix + inner


def _domain(domain: Any) -> str:
    found = text(domain, "domain of an operator")
    return "" if found == "ai.onnx" else found
