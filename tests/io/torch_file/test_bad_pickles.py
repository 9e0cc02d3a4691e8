"""Pickles that are made to do harm: each is refused, and nothing else happens."""

import os
import pickle
import pickletools
import random
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.io import fuzz_torch_file as fuzz
from tests.io.torch_file.building import (
    HOOKS,
    REBUILD,
    SIX,
    Call,
    Global,
    Persistent,
    Raw,
    archive,
    body,
    old_storage,
    plain_tar,
    read,
    refused,
    storage,
    stream,
    tensor,
)

import rushlight as rl
from rushlight.errors import FileFormatError
from rushlight.io.torch_file import machine


def test_what_the_wrong_ones_are_made_of_is_right():
    for content in (
        archive({"x": tensor()}),
        stream({"x": tensor(old_storage())}),
        archive({"x": tensor()}, folder="another name/"),
    ):
        assert read(content)["x"].tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert read(plain_tar())["v"].tolist() == [2.0, 3.0, 4.0, 5.0]


# ---- pickles that would run code


class Evil:
    """Something that runs a command when it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", range(6))
def test_no_command_is_run(tmp_path, protocol):
    target = tmp_path / "pwned"
    evil = pickle.dumps({"w": Evil(target)}, protocol=protocol)
    pickle.loads(evil)
    assert target.exists()  # Python's own does
    target.unlink()
    path = tmp_path / "evil.pt"
    for content in (evil, archive(evil), archive({}, {"byteorder": evil}), evil * 3):
        path.write_bytes(content)
        for options in ({}, {"mmap": True}, {"weights_only": False}):
            with pytest.raises(FileFormatError):
                rl.load(path, **options)
    assert not target.exists()


@pytest.mark.parametrize(
    "name",
    [
        *("os system", "posix system", "builtins eval", "builtins exec", "__builtin__ eval"),
        *("builtins getattr", "builtins __import__", "subprocess Popen", "torch load", "io open"),
        *("torch._utils _rebuild_tensor_v2.__globals__", "collections OrderedDict.__init__"),
        *("torch.serialization load", "numpy load", "functools partial", "torch hub.load"),
        *("rushlight.io.state load", "__main__ Model", "torch.nn.modules.linear Linear"),
        *("numpy fromfile", "_codecs lookup", "pickle loads", "torch.storage _load_from_bytes"),
        *("torch", " ", "collections"),
    ],
)
def test_names_outside_the_list(name):
    module, _, rest = name.partition(" ")
    for value in (Global(module, rest), Call(Global(module, rest), ("echo",))):
        refused(archive({"w": value}), r"the name '.*' at w, expected a name of tensors")
    code = body(module) + body(rest) + b"\x93"
    refused(archive({"w": Raw(code)}), "the name")


KNOWN = {ord(opcode.code) for opcode in pickletools.opcodes}
OUTSIDE = sorted(set(range(256)) - set(machine._ACTIONS) - {ord(".")})


@pytest.mark.parametrize("code", OUTSIDE)
def test_opcodes_outside_the_list(code):
    name = next((o.name for o in pickletools.opcodes if ord(o.code) == code), "unknown opcode")
    before = body([]) + body(Global("collections", "OrderedDict")) + body(())
    for content in (archive(before + bytes([code]) + b"."), stream(Raw(before + bytes([code])))):
        refused(content, f"got the (opcode {name}|{name}).*expected one that torch.save writes")


def test_which_opcodes_are_outside():
    names = {o.name for o in pickletools.opcodes if ord(o.code) in OUTSIDE}
    assert names == {
        *("POP", "POP_MARK", "DUP", "PERSID", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "LIST"),
        *("DICT", "GET", "PUT", "FLOAT", "STRING", "UNICODE", "EXT1", "EXT2", "EXT4"),
        *("FROZENSET", "NEXT_BUFFER", "READONLY_BUFFER"),
    }


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (b"R", "opcode REDUCE that fails"),
        (b"\x80\x02)R.", "REDUCE that fails"),
        (body([]) + body(()) + b"R.", "a call of a list, expected of a function by its name"),
        (body(Global("torch", "FloatStorage")) + body(()) + b"R.", "a call of a StorageType"),
        (body(Global("collections", "OrderedDict")) + b"NR.", "a call of a Name"),
        (b"h\x05.", "BINGET that fails"),
        (b"q\x00.", "BINPUT that fails"),
        (b"]b.", "BUILD that fails"),
        (body({}) + body({}) + b"b.", "attributes for a dict, expected none"),
        (body(HOOKS) + body({"items": 1}) + b"b.", "attributes for a OrderedDict"),
        (body(HOOKS) + body({"_metadata": 1}) + b"b.", "attributes for a OrderedDict"),
        (b"NQ.", "a persistent id that is no storage's"),
        (b"Na.", "APPEND that fails"),
        (b"NNa.", "items for a NoneType, expected for a list"),
        (b"]NNs.", "keys for a list, expected for a dict"),
        (b"}(Nu.", "SETITEMS that fails"),
        (b"N(N\x90.", "elements for a NoneType"),
        (b"}]Ns.", "a list as a key, expected text"),
        (body({(1, (2,)): 1}) + b".", "a tuple as a key"),
        (body({1 << 70: 1}) + b".", "a int as a key"),
        (body({(n, 0): 1 for n in range(1001)}) + b".", "more than 1,000 tuples as keys"),
        (b"}(", "an end of the data, expected the opcode STOP"),
        (b"(.", "opcode STOP that fails"),
        (b"N(N.", "a MARK that nothing ended"),
        (b"NN.", "opcode STOP that fails"),
        (b"X\xff\xff\xff\xff.", "4,294,967,295 bytes of 1, expected those that are there"),
        (b"\x8e" + b"\xff" * 8 + b".", "18,446,744,073,709,551,615 bytes of 1"),
        (b"\x8d" + b"\xff" * 7 + b"\x7f.", "bytes of 1, expected those"),
        (b"\x96" + b"\xff" * 8 + b".", "bytes of 1, expected those"),
        (b"\x8b\xff\xff\x00\x00" + bytes(65535) + b".", "an integer of 65,535 bytes"),
        (b"L" + b"9" * 5000 + b"\n.", "a line without an end, expected one of at most 1024"),
        (b"L12x\n.", "LONG that fails"),
        (b"X\x01\x00\x00\x00\xff.", "BINUNICODE that fails"),
        (b"c" + b"a" * 300, "a line without an end"),
        (b"\x95" + b"\xff" * 8 + b"N.", "a frame beyond the end"),
        (b"\x80\x06N.", "pickle protocol 6"),
        (b"", "an end of the data"),
    ],
)
def test_pickles_that_make_no_sense(code, text):
    refused(archive(code), text)


# ---- pickles that would take all memory or never end


def bomb(levels):
    """A list of two lists of two lists ..., of which there is but one on each level."""
    return b"(]" + b"".join(b"q\x00](h\x00h\x00e" for _ in range(levels)) + b"t."


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (bomb(99), "more objects than the file has bytes"),
        (bomb(20), "more objects than the file has bytes"),
        (b")" + b"q\x00h\x00\x86" * 60 + b".", "more objects than the file has bytes"),
        (b"]q\x00h\x00a.", "at 0: got a value that contains itself"),
        (b"}q\x00X\x01\x00\x00\x00ah\x00s.", "at a: got a value that contains itself"),
        (b"]" * 5000 + b"a" * 4999 + b".", "levels, expected at most 100 levels"),
        (b"(" * 5000 + b"t" * 5000 + b".", "levels"),
        (b"(" * 5000 + b".", "STOP"),
        (body(Call(Global("torch", "device"), (Raw(b")" + b"q\x00h\x00\x86" * 60),))), "a device"),
        (b"}" + b")" + b"q\x00h\x00\x86" * 60 + b"Ns.", "a tuple as a key"),
    ],
)
def test_pickles_that_explode(code, text):
    content = archive(code)
    tracemalloc.start()
    try:
        refused(content, text)
        assert tracemalloc.get_traced_memory()[1] < fuzz.FIXED + fuzz.PER_BYTE * len(content)
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "unit", [b"]", b"}", b"\x8f", b"(", b"]\x94", b"}q\x00", b"J\x00\x00\x00\x7f\x94"]
)
def test_memory_is_bounded_by_the_file(unit):
    content = archive(unit * 20_000)
    tracemalloc.start()
    try:
        refused(content, "an end of the data")
        assert tracemalloc.get_traced_memory()[1] < fuzz.FIXED + fuzz.PER_BYTE * len(content)
    finally:
        tracemalloc.stop()


def test_indices_of_the_memo_cost_nothing():
    last = (0xFFFFFFFF).to_bytes(4, "little")
    assert read(archive(b"]r" + last + b"j" + last + b"\x86.")) == ([], [])


def test_what_stands_in_many_places_stays_one():
    found = read(archive(b"](" + body([1]) + b"q\x01](" + b"h\x01" * 50 + b"ee."))
    assert len(found[1]) == 50 and all(item is found[0] for item in found[1])


# ---- tensors


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (tensor(size=(2, 4), stride=(4, 1)), "at w: got element 7 of its storage, expected one of"),
        (tensor(offset=1), "element 6 of its storage, expected one of the 6 that"),
        (tensor(offset=-1), "no counts"),
        (tensor(size=(2, -3)), "no counts"),
        (tensor(stride=(-3, 1)), "no counts"),
        (tensor(size=(2, 3.0)), "no counts"),
        (tensor(size=(True, 3)), "no counts"),
        (tensor(size=(1 << 70, 1), stride=(1, 1)), r"an element beyond 2\*\*62"),
        (tensor(size=(2, 3), stride=(1 << 70, 1)), r"an element beyond 2\*\*62"),
        (
            tensor(size=(1 << 40,), stride=(0,)),
            "repeats 6 elements until they are 1,099,511,627,776",
        ),
        (tensor(size=(1 << 40, 1 << 40), stride=(0, 0)), r"until they are more than 2\*\*62"),
        (tensor(size=(0, 1 << 62, 1 << 62), stride=(1, 1, 1)), "sizes beyond all memory"),
        (tensor(size=(1,) * 65, stride=(1,) * 65), "65 sizes and 65 strides, expected as many"),
        (tensor(size=(2, 3), stride=(1,)), "2 sizes and 1 strides"),
        (tensor(size=[2, 3]), "without a storage, sizes or strides"),
        (tensor(of="0"), "without a storage"),
        (tensor(grad=1), "requires_grad=1"),
        (tensor(storage("Long", count=3), size=(3,), stride=(1,), grad=True), "True for floats"),
        (tensor(storage(count=7)), "24 bytes in storage '0', expected 7 elements of 4 bytes"),
        (tensor(storage(count=-6)), "24 bytes in storage '0'"),
        (tensor(storage(count=1 << 70)), "24 bytes in storage '0'"),
        (tensor(storage(count=6.0)), "a storage without a name or a size"),
        (tensor(storage(name="1")), "no entry 'data/1'"),
        (tensor(storage(name="../data/0")), "no entry"),
        (tensor(storage("QInt8", count=24)), "at w: got a qint8 tensor"),
        (tensor(storage("ComplexFloat", count=3)), "at w: got a complex64 tensor"),
        (tensor(Persistent(("storage", "Float", "0", "cpu", 6))), "a str as a storage class"),
        (tensor(Persistent(("module", 1, 2, 3, 4))), "a persistent id that is no storage's"),
        (tensor(Persistent("0")), "a persistent id that is no storage's"),
        ([tensor(), tensor(storage("Int"))], "storage '0' with another dtype or size"),
        (Call(REBUILD, ()), "_rebuild_tensor_v2 with arguments that it does not take"),
        (Call(REBUILD, (1,) * 20), "with arguments that it does not take"),
        (Call(REBUILD, (storage(), 0, (6,), (1,), False, None, {"conj": True})), "conjugated"),
        (storage(), "at w: got a storage, expected plain data"),
        (Global("torch", "FloatStorage"), "at w: got a storagetype, expected plain data"),
        (REBUILD, "at w: got torch._utils._rebuild_tensor_v2, expected plain data"),
        (Global("torch", "bfloat16"), "at w: got the dtype bfloat16"),
        (
            Call(Global("torch._utils", "_rebuild_parameter"), (1, True, HOOKS)),
            "Parameter of a int",
        ),
        (Call(Global("torch._utils", "_rebuild_qtensor"), (1,)), "at w: got a quantized tensor"),
        (Call(Global("torch", "Tensor"), ()), "a bare tensor"),
        (
            Call(Global("torch._tensor", "_rebuild_from_type_v2"), (REBUILD, 1, (), {})),
            "a tensor of a class of its own",
        ),
        (
            Call(
                Global("torch._tensor", "_rebuild_from_type_v2"),
                (Global("collections", "OrderedDict"), Global("torch", "Tensor"), (), {}),
            ),
            "a tensor of a class of its own",
        ),
    ],
)
def test_tensors_that_cannot_be(value, text):
    message = refused(archive({"w": value}), text)
    assert "at w" in message


def test_an_expanded_tensor_of_a_small_file_is_read():
    found = read(archive({"w": tensor(size=(100, 100), stride=(0, 0))}))["w"]
    assert found.shape == (100, 100) and found.sum().item() == 0.0


def test_booleans_that_are_none():
    value = {"mask": tensor(storage("Bool", count=24), size=(24,), stride=(1,))}
    found = read(archive(value))["mask"]
    assert found.shape == (24,)
    with pytest.raises(FileFormatError, match="at mask: got the byte 160 among booleans"):
        found.sum()
    good = read(archive(value, {"data/0": bytes([0, 1] * 12)}))["mask"]
    assert good.sum().item() == 12


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Call(Global("collections", "OrderedDict"), ([[[], 1]],)), "a list as a key"),
        (Call(Global("collections", "OrderedDict"), (5,)), "arguments that it does not take"),
        (Call(Global("collections", "OrderedDict"), ([1],)), "arguments that it does not take"),
        (Call(Global("collections", "Counter"), ({1 << 70: 1},)), "a int as a key|beyond"),
        (Call(Global("collections", "defaultdict"), (REBUILD,)), "a defaultdict of another"),
        (Call(Global("collections", "defaultdict"), ("list",)), "a defaultdict of another"),
        (Call(Global("builtins", "set"), ((1,),)), "a set of a tuple"),
        (Call(Global("builtins", "set"), ([[]],)), "a list as a key"),
        (Call(Global("builtins", "list"), ([],)), "a bare tensor"),
        (Call(Global("builtins", "complex"), ("1", 2.0)), "a complex number of something else"),
        (Call(Global("builtins", "bytes"), ((1 << 40,),)), "arguments that it does not take"),
        (Call(Global("builtins", "bytearray"), (1 << 40,)), "a bytearray of a int"),
        (Call(Global("_codecs", "encode"), ("a", "zlib")), "text in 'zlib', expected latin1"),
        (Call(Global("_codecs", "encode"), ("☃", "latin1")), "arguments that it does not take"),
        (Call(Global("torch", "Size"), ([1],)), "a torch.Size of something else"),
        (Call(Global("torch", "device"), (1,)), "a device without a name"),
        (Call(Global("numpy", "dtype"), ("O8", False, True)), "the NumPy dtype 'O8'"),
        (Call(Global("numpy", "dtype"), ("V1000000000000",)), "the NumPy dtype"),
        (Call(Global("numpy", "ndarray"), ((1 << 40,),)), "a call of numpy.ndarray"),
        (Call(Global("numpy.core.multiarray", "scalar"), (1, 2)), "without a dtype"),
        (Call(Global("torch.serialization", "_get_layout"), ("x",)), "a sparse tensor"),
    ],
)
def test_containers_and_numbers_that_cannot_be(value, text):
    refused(archive({"w": value}), text)


F8 = Call(Global("numpy", "dtype"), ("f8", False, True))
EIGHT = Call(Global("_codecs", "encode"), ("\0" * 8, "latin1"))


@pytest.mark.parametrize("value", [tensor(), Call(Global("collections", "OrderedDict"), ())])
@pytest.mark.parametrize(
    "made",
    [
        lambda value: Call(tensor().function, (*tensor().args, [value])),
        lambda value: Call(tensor().function, (*tensor().args, value)),
        lambda value: Call(Global("_codecs", "encode"), ("a", value)),
        lambda value: Call(Global("torch._tensor", "_rebuild_from_type_v2"), (value, 1, (), {})),
        lambda value: Call(Global("numpy.core.numeric", "_frombuffer"), (EIGHT, F8, (), value)),
        lambda value: Raw(body(F8) + body((3, value, None, None, None)) + b"b"),
        lambda value: Raw(body(F8) + body((3, "<", value, None, None)) + b"b"),
        lambda value: Persistent((value, "x", "0", "cpu", 6)),
        lambda value: Raw(body(value) + b"(Nt\x81"),
    ],
)
def test_tensors_and_containers_where_something_else_belongs(made, value):
    """A Tensor has no truth, and comparisons with it may raise."""
    for content in (archive({"w": made(value)}), stream({"w": made(value)})):
        try:
            read(content)
        except FileFormatError:
            continue


def array_with(state):
    made = Call(
        Global("numpy.core.multiarray", "_reconstruct"),
        (Global("numpy", "ndarray"), (0,), "b"),
    )
    return Raw(body(made) + body(state) + b"b")


def test_arrays_of_numpy():
    assert read(archive({"a": array_with((1, (1,), F8, False, EIGHT))}))["a"].tolist() == [0.0]
    for state in [
        (1, (2,), F8, False, EIGHT),
        (1, (1 << 61, 8), F8, False, EIGHT),
        (1, (-1,), F8, False, EIGHT),
        (1, (1,), F8, 1, EIGHT),
        (1, (1,), "f8", False, EIGHT),
        (1, (1,), F8, False, [1.0]),
        (1, [1], F8, False, EIGHT),
        (1,),
        {"a": 1},
    ]:
        refused(archive({"a": array_with(state)}), "BUILD|attributes for a ndarray")


# ---- fuzz: a reduced run of `python -m tests.io.fuzz_torch_file`


def test_fuzz():
    fuzzer = fuzz.run(300, seed=1)
    assert fuzzer.tried == 300 and fuzzer.read


pieces = st.lists(st.sampled_from(fuzz.PIECES), max_size=30).map(b"".join)


@settings(max_examples=150, deadline=None)
@given(pieces, st.binary(max_size=8))
def test_any_pickle(code, more):
    for content in (archive(b"\x80\x02" + code + more + b"."), stream(Raw(code + more))):
        fuzz.Fuzzer.call(content)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 3))
def test_any_bytes(raw, kind):
    start = (b"", b"PK\x03\x04", b"\x80\x02", stream({})[:20])[kind]
    fuzz.Fuzzer.call(start + raw)


def test_the_fuzzer_finds_what_it_looks_for(monkeypatch):
    tracemalloc.start()
    try:
        fuzzer = fuzz.Fuzzer()
        for harm, text in [
            (lambda raw: os.listdir("."), "os.listdir"),
            (lambda raw: eval("1"), "exec"),
            (lambda raw: bytearray(10_000_000), "bytes for"),
        ]:
            monkeypatch.setattr(fuzz, "read", harm)
            with pytest.raises(AssertionError, match=text):
                fuzzer(random.Random(0).randbytes(10))
            fuzzer.watch.seen = ""
        monkeypatch.setattr(fuzz, "read", lambda raw: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            fuzzer(b"x")
    finally:
        tracemalloc.stop()


def test_bytes_of_the_oracle():
    assert np.frombuffer(SIX, "<f4").tolist() == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
