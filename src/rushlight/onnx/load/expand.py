"""The calls of a graph, with the model's own functions written out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rushlight.onnx.load.attributes import text
from rushlight.onnx.load.tensors import refuse

__all__ = ["Call", "expanded", "opsets_of", "written_out"]

NEWEST = 28  # the operator set of ONNX that the functions of the table were tested with

_CALLS_CAP = 10_000  # of calls that functions may be written out to, and for each node of the
_CALLS_PER_NODE = 4  # file as many more
_DEPTH_CAP = 100  # of functions that call functions
_NAMES_CAP = 1 << 26  # bytes of names that functions may be written out to
_NAME = 64  # bytes of a name beside its text


@dataclass
class Call:
    """A node as the file has it, with names that are its own.

    Attributes:
        op, domain, name: as in `table.Node`.
        inputs, outputs: names of values.
        version: also 0, where the file asks for no version of the set.
        attributes: names and AttributeProtos, none of these a reference. Calls of one function
            have the same protos, so that what is in them is read once.
    """

    op: str
    domain: str
    name: str
    version: int
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: list[tuple[str, Any]]


def expanded(model: Any, opsets: dict[str, int]) -> list[Call]:
    """Return the nodes of a model's graph; a call of one of its functions becomes what it does.

    Raises:
        FileFormatError: functions that call themselves, or that would become many more calls than
            the file has nodes.
    """
    writer = _Writer(model.functions)
    writer.check(model.graph.node)
    writer.write(_Body(model.graph.node), opsets, {}, "", {}, ())
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
    body = _Body(function.node)
    writer.write(body, opsets, {}, "", given, ((function.domain, function.name),))
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


@dataclass
class _Line:
    """A NodeProto, read once for all calls of the function in which it stands."""

    key: tuple[str, str]
    name: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: list[Any]


class _Body:
    """The nodes of a graph or function."""

    def __init__(self, nodes: Any) -> None:
        self.lines = [
            _Line(
                (_domain(node.domain), text(node.op_type, "operator of a node")),
                text(node.name, "name of a node") or f"{node.op_type}_{i}",
                tuple(text(name, "name of a value") for name in node.input),
                tuple(text(name, "name of a value") for name in node.output),
                list(node.attribute),
            )
            for i, node in enumerate(nodes)
        ]


class _Function(_Body):
    """A function of the model, read once for all of its calls."""

    def __init__(self, function: Any) -> None:
        super().__init__(function.node)
        self.name = function.name
        self.inputs = tuple(text(name, "name of a value") for name in function.input)
        self.outputs = tuple(text(name, "name of a value") for name in function.output)
        self.defaults = {proto.name: proto for proto in function.attribute_proto}
        self.opsets = opsets_of(function.opset_import, f"ONNX function {self.name!r}")


class _Writer:
    def __init__(self, functions: Any) -> None:
        self.calls: list[Call] = []
        self.titles: dict[str, int] = {}
        self.room = _NAMES_CAP
        self.functions: dict[tuple[str, str], Any] = {}
        self.bodies: dict[tuple[str, str], _Function] = {}  # of those that are called
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
                counts[key] = 1 + self.count(function.node, counts, (*within, key))
            total += counts[key]
        return total

    def write(
        self,
        body: _Body,
        opsets: dict[str, int],
        names: dict[str, str],
        prefix: str,
        given: dict[str, Any],
        within: tuple[tuple[str, str], ...],
    ) -> None:
        """Append the calls of some nodes.

        Args:
            body: the nodes.
            opsets: versions of the operator sets that hold for them.
            names: what values of a function's body are called outside.
            prefix: before the names of all other values and nodes.
            given: attributes with which the function was called, by name.
            within: the functions around, outermost first.
        """
        for line in body.lines:
            domain, op = line.key
            title = self.title(prefix + line.name)
            inputs = tuple(_name(name, names, prefix) for name in line.inputs)
            outputs = tuple(_name(name, names, prefix) for name in line.outputs)
            if within:
                self.spend(title, title, *inputs, *outputs)
            attributes = _attributes(line, given if within else None, title)
            if line.key in self.functions:
                if len(within) == _DEPTH_CAP:
                    got = f"functions that call each other {_DEPTH_CAP} deep"
                    refuse(f"ONNX node {title!r}", got, "fewer")
                self.call(line.key, title, inputs, outputs, attributes, within)
                continue
            version = opsets.get(domain, 0)  # without one, no operator is known
            self.calls.append(Call(op, domain, title, version, inputs, outputs, attributes))

    def spend(self, *names: str) -> None:
        """Refuse functions of which the names fill the memory when they are written out."""
        self.room -= sum(_NAME + len(name) for name in names)
        if self.room < 0:
            got = f"functions of which the names become more than {_NAMES_CAP:,} bytes"
            refuse("ONNX file", got, "fewer", "it was made to fill the memory")

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
        attributes: list[tuple[str, Any]],
        within: tuple[tuple[str, str], ...],
    ) -> None:
        if key not in self.bodies:
            self.bodies[key] = _Function(self.functions[key])
        body = self.bodies[key]
        if len(inputs) > len(body.inputs) or len(outputs) > len(body.outputs):
            got = f"{len(inputs)} inputs and {len(outputs)} outputs"
            expected = f"at most {len(body.inputs)} and {len(body.outputs)}"
            refuse(f"ONNX node {title!r} (function {key[1]!r})", got, expected)
        self.spend(*body.inputs, *body.outputs, *body.defaults)
        names = dict.fromkeys(body.inputs, "")  # inputs that the call leaves out
        names.update(zip(body.inputs, inputs, strict=False))
        same: dict[str, str] = {}
        for inner, outer in zip(body.outputs, outputs, strict=False):
            if not outer:
                continue
            if inner in names or inner in same:  # an input handed through, or twice the same
                source = (names.get(inner) or same.get(inner, ""),)
                version = body.opsets.get("", 1)
                name = self.title(f"{title}/{inner}")
                self.calls.append(Call("Identity", "", name, version, source, (outer,), []))
                continue
            same[inner] = outer
        names.update(same)
        given = body.defaults | dict(attributes)
        self.write(body, body.opsets, names, f"{title}/", given, (*within, key))


def _attributes(line: _Line, given: dict[str, Any] | None, title: str) -> list[tuple[str, Any]]:
    """Return a node's attributes; a reference to one of the function around becomes that one."""
    found = []
    for proto in line.attributes:
        if not proto.ref_attr_name:
            found.append((proto.name, proto))
        elif given is not None and proto.ref_attr_name in given:
            found.append((proto.name, given[proto.ref_attr_name]))
        elif given is None:
            got = f"a reference to the attribute {proto.ref_attr_name!r}"
            refuse(f"ONNX node {title!r}", got, "references in functions only")
    return found


def _name(inner: str, names: dict[str, str], prefix: str) -> str:
    if not inner:
        return ""
    return names[inner] if inner in names else prefix + inner


def _domain(domain: Any) -> str:
    found = text(domain, "domain of an operator")
    return "" if found == "ai.onnx" else found
