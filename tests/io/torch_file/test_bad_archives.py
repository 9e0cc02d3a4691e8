"""Archives and streams that lie about what they hold, and files that are damaged."""

import contextlib
import io
import struct
import tracemalloc
import zipfile

import pytest
from tests.io import fuzz_torch_file as fuzz
from tests.io.torch_file.building import (
    HOOKS,
    SIX,
    Global,
    Persistent,
    archive,
    old_storage,
    pickled,
    plain_tar,
    read,
    refused,
    storage,
    stream,
    tar,
    tensor,
)

import rushlight as rl
from rushlight.errors import FileFormatError

# ---- zip archives


def zipped(names, **options):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **options) as made:
        for name in names:
            made.writestr(zipfile.ZipInfo(name), pickled({}))
    return file.getvalue()


def patched(content, marker, at, form, value, which=0):
    """Write a number into a record of an archive, the `which`-th of its kind."""
    made, start = bytearray(content), -1
    for _ in range(which + 1):
        start = made.index(marker, start + 1)
    struct.pack_into(form, made, start + at, value)
    return bytes(made)


LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
GOOD = archive({"w": tensor()})


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (zipped(["a/data.pkl", "b/data/0"]), "entries in 2 folders"),
        (zipped(["data.pkl"]), "entries in 1 folders or in none"),
        (zipped(["a/b.npy"]), "without data.pkl"),
        (zipped([]), "no entry|folders|no directory"),
        (zipped(["a/../data.pkl"]), "entry name 'a/../data.pkl', expected a path inside"),
        (zipped(["/a/data.pkl"]), "the entry name"),
        (zipped(["../a/data.pkl"]), "the entry name"),
        (zipped(["a\\..\\data.pkl"]), "the entry name|no header"),
        (zipped(["c:/data.pkl"]), "the entry name"),
        (zipped(["a/data.pkl", "a/b\x1b[2J"]), "the entry name"),
        (patched(GOOD, CENTRAL, 8, "<H", 1), "encrypted data"),
        (patched(GOOD, LOCAL, 6, "<H", 1), "a header of"),
        (patched(GOOD, CENTRAL, 10, "<H", 8), "a header of"),
        (patched(GOOD, CENTRAL, 24, "<I", 1 << 30), "expected as many in the archive as outside"),
        (patched(GOOD, CENTRAL, 42, "<I", 1 << 30), "inside the file|no header"),
        (patched(GOOD, CENTRAL, 42, "<I", 0, 2), "a header at byte 0|a header of"),
        (patched(GOOD, CENTRAL, 42, "<I", 0xFFFFFFFF), "no zip64 field"),
        (patched(GOOD, CENTRAL, 16, "<I", 5), "a header of|checksum"),
        (patched(GOOD, CENTRAL, 28, "<H", 60000), "beyond the directory"),
        (patched(GOOD, CENTRAL, 34, "<H", 3), "as many in the archive as outside"),
        (patched(GOOD, LOCAL, 18, "<I", 3), "a header of 3 bytes"),
        (patched(GOOD, LOCAL, 28, "<H", 60000), "bytes at byte"),
        (patched(GOOD, END, 10, "<H", 2), "a directory of"),
        (patched(GOOD, END, 16, "<I", 4), "a directory of"),
        (patched(GOOD, END, 12, "<I", 1 << 31), "a directory of"),
        (patched(GOOD, END, 20, "<H", 7), "no directory at its end"),
        (patched(GOOD, END, 4, "<H", 1), "a directory of"),
        (GOOD + b"more", "no directory at its end"),
        (b"PK\x03\x04" + GOOD, "a directory of"),
        (GOOD.replace(b"archive/data/0", b"archive/data/1"), "no entry 'data/0'"),
        (GOOD.replace(SIX, SIX[::-1]), "entry 'data/0': got the checksum"),
        (GOOD.replace(b"_rebuild", b"_Rebuild"), "entry 'data.pkl': got the checksum"),
        (archive({}, {"byteorder": b"middle"}), "the byte order b'middle'"),
        (archive({}, {"constants.pkl": b""}), "a TorchScript program"),
        (LOCAL, "no directory"),
    ],
)
def test_archives_that_lie(content, text):
    refused(content, text)


def test_two_entries_of_one_name():
    with pytest.warns(UserWarning, match="Duplicate name"):
        content = zipped(["a/data.pkl", "a/data.pkl"])
    refused(content, "entry 'a/data.pkl': got the name twice")


def test_entries_that_share_bytes():
    # the second entry of the directory is moved onto the first: a bomb of the kind that nests
    content = bytearray(zipped(["a/data.pkl", "a/data.pkm", "a/data.pkn"]))
    second = content.index(CENTRAL, content.index(CENTRAL) + 1)
    content[second + 42 : second + 46] = (5).to_bytes(4, "little")
    refused(bytes(content), "a header at byte 5, expected one behind byte")


def test_a_compressed_archive_is_refused_and_not_unpacked():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("a/data.pkl", b"\0" * (1 << 24))
    content = file.getvalue()
    tracemalloc.start()
    try:
        refused(content, r"entry 'data.pkl': got compressed data \(method 8\)")
        assert tracemalloc.get_traced_memory()[1] < 1 << 18
    finally:
        tracemalloc.stop()


def test_many_entries():
    content = zipped([f"a/{i}" for i in range(300)] + ["a/data.pkl", "a/folder/"])
    assert read(content) == {}


# ---- the older formats


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (stream({}, {}, magic=5), "a Python pickle"),
        (stream({}, {}, version=1002), "1002 as the version of the format, expected 1001"),
        (stream({}, {}, version=[]), "a list as the version"),
        (stream({}, {}, machine=5), "no dict about the machine"),
        (stream({}, {}, machine=HOOKS), "the name 'collections.OrderedDict'"),
        (stream({}), "data of 1 storages, expected of the 0 in use"),
        (stream({"w": tensor(old_storage())}, {}), "data of 0 storages, expected of the 1"),
        (stream({"w": tensor(old_storage())}, keys=["1"]), "data of 1 storages"),
        (stream({"w": tensor(old_storage())}, keys=["0", "0"]), "data of 2 storages"),
        (stream({"w": tensor(old_storage())}, keys=[0]), "no list of the storages' names"),
        (stream({"w": tensor(old_storage())}, keys="0"), "no list of the storages' names"),
        (stream({"w": tensor(old_storage())}, {"0": (5, SIX)}), "5 elements of storage '0'"),
        (stream({"w": tensor(old_storage())}, {"0": (1 << 63, SIX)}), "elements of storage '0'"),
        (stream({"w": tensor(old_storage())}, {"0": (6, SIX[:-1])}), "23 bytes for storage '0'"),
        (stream({"w": tensor(old_storage())}, {"0": (6, SIX + b"x")}), "1 bytes behind the last"),
        (
            stream({"w": tensor(old_storage(count=1 << 60))}),
            "elements of storage '0', expected the",
        ),
        (stream({"w": tensor(old_storage("Complex"))}), "the name 'torch.ComplexStorage'"),
        (stream({"w": tensor(storage())}), "a persistent id that is no storage's"),
        (stream({"w": tensor(old_storage(view=("1", 0, 7)))}), "a view beyond its storage"),
        (stream({"w": tensor(old_storage(view=("1", -1, 2)))}), "no count"),
        (stream({"w": tensor(old_storage(view=(1, 0, 2)))}), "a view without name"),
        (stream({"w": tensor(old_storage(view=("1", 0, 2)))}), "element 5 of its storage"),
        (
            stream(
                [
                    tensor(old_storage(view=("1", 0, 6))),
                    tensor(old_storage(view=("1", 1, 2)), size=(2,), stride=(1,)),
                ]
            ),
            "the view '1' of another place",
        ),
        (stream({"w": tensor(offset=7, of=old_storage())}), "at w: got element 12"),
        (stream(old_storage()), "a storage, expected plain data"),
        (plain_tar()[:1024], "an end without an empty block"),
        (plain_tar().replace(b"storages", b"storagez"), "damaged header"),
        (tar(pickled(1 << 40), pickled(0), {}), "1099511627776 objects"),
        (tar(pickled(-1), pickled(0), {}), "-1 objects"),
        (tar(pickled("x"), pickled(0), {}), "'x' objects"),
        (tar(pickled(0) + pickled([]), pickled(0), Persistent("5")), "5 as an object's number"),
        (tar(pickled(0) + pickled([(1, 2, 3)]), pickled(0), {}), "a view that is no four numbers"),
        (tar(pickled(0) + pickled([(1, 2, 0, 1)]), pickled(0), {}), "2 as an object's number"),
        (tar(pickled(1) + pickled(5) + b"12345678", pickled(0), {}), "a int about an object"),
    ],
)
def test_older_files_that_lie(content, text):
    refused(content, text)


def test_a_member_twice():
    content = plain_tar()
    whole = 512 + -(-int(content[124:136].strip(b" \0"), 8) // 512) * 512
    refused(content[:whole] + content, "the member 'storages' twice")


# ---- truncation and change


SMALL = {
    "zip": archive({"w": tensor(), "n": [1, 2.5, "text"]}),
    "stream": stream({"w": tensor(old_storage()), "n": [1, 2.5, "text"]}),
    "tar": plain_tar(),
}


def end_of(content):
    """Return where a file ends: behind a tar archive stand zeros, which nobody needs."""
    return len(content.rstrip(b"\0")) if content[257:262] == b"ustar" else len(content)


@pytest.mark.parametrize("kind", SMALL)
def test_files_cut_off_at_every_byte(kind):
    content = SMALL[kind]
    for size in range(end_of(content)):
        with pytest.raises(FileFormatError):
            fuzz.touch(read(content[:size]))


@pytest.mark.parametrize("kind", SMALL)
def test_files_changed_at_every_byte(kind):
    content = SMALL[kind]
    for at in range(end_of(content)):
        if not any(content[max(0, at - 4) : at + 5]):  # padding of a tar archive
            continue
        for change in (1, 0xFF):
            raw = bytearray(content)
            raw[at] ^= change
            fuzz.Fuzzer.call(bytes(raw))


def test_nothing_is_written(tmp_path):
    path = tmp_path / "a.pt"
    for content in (GOOD, GOOD[:-1], archive({"w": Global("os", "system")})):
        path.write_bytes(content)
        before = path.stat().st_mtime_ns
        with contextlib.suppress(FileFormatError):
            rl.load(path, mmap=True)
        assert path.read_bytes() == content and path.stat().st_mtime_ns == before
        assert list(tmp_path.iterdir()) == [path]
