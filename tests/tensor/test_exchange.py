"""Tensors given to other libraries and taken from them: NumPy's protocol and DLPack."""

import gc
import math
import weakref

import numpy as np
import pytest

import rushlight as rl
from rushlight.errors import DeviceError, DtypeError
from rushlight.utils import dlpack

DTYPES = ["bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64"]


def tensor(*shape, dtype="float32"):
    return rl.from_numpy(np.arange(math.prod(shape)).reshape(shape).astype(dtype))


LAYOUTS = {
    "plain": lambda: tensor(2, 3),
    "no dims": lambda: tensor(),
    "empty": lambda: tensor(0, 4),
    "permuted": lambda: tensor(2, 3, 4).permute(2, 0, 1),
    "strided": lambda: tensor(4, 6)[::2, 1::3],
    "expanded": lambda: tensor(3).expand(2, 3),
    "channels last": lambda: tensor(2, 4, 4, 3).permute(0, 3, 1, 2),
}


class Foreign:
    """An array of a library that keeps it on some device, as CuPy's."""

    def __init__(self, device=2, movable=False):
        self.device, self.movable, self.asked = device, movable, None

    def __dlpack_device__(self):
        return self.device, 0

    def __dlpack__(self, **options):
        self.asked = options
        if options.get("dl_device") is None or not self.movable:
            raise BufferError("not on the CPU")
        return np.arange(3.0).__dlpack__(max_version=options["max_version"])


class Old:
    """A library whose __dlpack__ knows nothing of versions."""

    def __init__(self, array):
        self.array = array

    def __dlpack_device__(self):
        return 1, 0

    def __dlpack__(self, stream=None):
        return self.array.__dlpack__()


# ---- NumPy


@pytest.mark.parametrize("layout", LAYOUTS)
def test_array_protocol(layout):
    x = LAYOUTS[layout]()
    for copy in (None, True, False):
        found = np.array(x, copy=copy)
        np.testing.assert_array_equal(found, x.numpy())
        if copy is not None and x.numel():
            assert np.shares_memory(found, x._array) is not copy
    assert np.asarray(x, dtype="float64").dtype == np.float64
    with pytest.raises(ValueError, match="copy"):
        np.array(x, dtype="float64", copy=False)
    if layout == "channels last":  # what must not be copied is seen as it lies
        assert np.asarray(x).flags.c_contiguous and np.array(x, dtype="float64").flags.c_contiguous
        assert not np.asarray(x, copy=False).flags.c_contiguous


def test_array_protocol_refuses_what_is_in_a_graph():
    w = rl.ones(2, requires_grad=True)
    for copy in (None, True, False):
        with pytest.raises(RuntimeError, match="use detach"):
            np.array(w, copy=copy)


# ---- DLPack, out


@pytest.mark.parametrize("layout", LAYOUTS)
def test_export_shares_memory_and_strides(layout):
    x = LAYOUTS[layout]()
    found = np.from_dlpack(x)
    assert (found.shape, found.dtype) == (x.shape, x.dtype)
    np.testing.assert_array_equal(found, x._array)
    if x.numel() > 1:
        assert found.strides == x._array.strides and np.shares_memory(found, x._array)


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes_both_ways(dtype):
    x = tensor(2, 3, dtype=dtype)
    back = rl.from_dlpack(np.from_dlpack(x))
    assert back.dtype == x.dtype and back.tolist() == x.tolist()
    assert back.data_ptr() == x.data_ptr()


def test_export_arguments():
    x = tensor(3)
    assert x.__dlpack_device__() == (1, 0)
    for options in ({}, {"max_version": (1, 0)}, {"max_version": (9, 9)}, {"dl_device": (1, 0)}):
        assert type(x.__dlpack__(**options)).__name__ == "PyCapsule"
    assert '"dltensor"' in repr(x.__dlpack__())
    assert '"dltensor_versioned"' in repr(x.__dlpack__(max_version=(1, 0)))
    copied = np.from_dlpack(x, copy=True)
    assert copied.tolist() == x.tolist() and not np.shares_memory(copied, x.numpy())
    assert np.shares_memory(np.from_dlpack(x, copy=False, device="cpu"), x.numpy())
    with pytest.raises(BufferError, match=r"dl_device=\(2, 0\), expected the CPU"):
        x.__dlpack__(dl_device=(2, 0))
    with pytest.raises(ValueError, match=r"stream=1, expected None"):
        x.__dlpack__(stream=1)


def test_export_refuses():
    w = rl.ones(2, requires_grad=True)
    for x in (w, w * 2):
        with pytest.raises(BufferError, match=r"requires grad.*detach\(\)"):
            x.__dlpack__()
        assert np.from_dlpack(x.detach()).tolist() == x.tolist()
    turned = tensor(4)[::-1]
    for options in ({}, {"copy": False}):
        with pytest.raises(BufferError, match=r"strides \(-4,\).*contiguous\(\)"):
            turned.__dlpack__(**options)
    assert np.from_dlpack(turned, copy=True).tolist() == [3, 2, 1, 0]


def test_read_only_memory():
    array = np.arange(3.0)
    array.flags.writeable = False
    x = rl.from_numpy(array)
    assert not np.from_dlpack(x).flags.writeable
    with pytest.raises(BufferError, match="readonly"):
        x.__dlpack__()  # before 1.0 there was no word for it
    back = rl.from_dlpack(x)
    with pytest.raises(RuntimeError, match=r"add_: got memory that is read-only.*clone\(\)"):
        back.add_(1)
    copied = rl.from_dlpack(x, copy=True).add_(1)
    assert copied.tolist() == [1, 2, 3] and x.tolist() == [0, 1, 2]


def test_memory_lives_as_long_as_one_side():
    class Owner(np.ndarray):
        pass

    memory = Owner(5)
    memory[:] = range(5)
    gone = weakref.ref(memory)
    x = rl.from_numpy(memory)
    seen = np.from_dlpack(x)
    del memory, x
    gc.collect()
    assert seen.tolist() == [0, 1, 2, 3, 4] and gone() is not None
    del seen
    gc.collect()
    assert gone() is None


# ---- DLPack, in


def test_import_shares_both_ways():
    array = np.zeros((2, 3), np.float32).T
    x = rl.from_dlpack(array)
    x[0, 1] = 5
    array[2, 0] = 7
    assert x.tolist() == array.tolist() and x.stride() == (1, 3)
    assert rl.from_dlpack(x).data_ptr() == x.data_ptr()
    assert rl.from_dlpack(array, copy=True).data_ptr() != x.data_ptr()
    assert rl.from_dlpack(array, device="cpu", copy=False).data_ptr() == x.data_ptr()


def test_imported_tensors_train():
    array = np.ones((3, 2), np.float32)
    w = rl.from_dlpack(array).requires_grad_()
    (w * 2).sum().backward()
    assert w.grad.tolist() == [[2, 2]] * 3


def test_capsules():
    x = tensor(3)
    capsule = dlpack.to_dlpack(x)
    back = dlpack.from_dlpack(capsule)
    assert back.data_ptr() == x.data_ptr()
    with pytest.raises(ValueError, match=r'"used_dltensor".*, expected a capsule of DLPack that'):
        dlpack.from_dlpack(capsule)


def test_old_protocol_is_read_only():
    found = rl.from_dlpack(Old(np.arange(3.0)))
    assert found.tolist() == [0, 1, 2]
    with pytest.raises(RuntimeError, match="read-only"):
        found.zero_()


def test_other_devices():
    with pytest.raises(DeviceError, match=r"device type 2, expected the CPU's \(1\); move it"):
        rl.from_dlpack(Foreign())
    with pytest.raises(BufferError, match="Foreign that cannot be shared"):
        rl.from_dlpack(Foreign(), device="cpu")
    movable = Foreign(movable=True)
    assert rl.from_dlpack(movable, device="cpu").tolist() == [0, 1, 2]
    assert movable.asked["dl_device"] == (1, 0)
    with pytest.raises(DeviceError, match="got 'cuda', expected 'cpu'"):
        rl.from_dlpack(np.ones(2), device="cuda")


@pytest.mark.parametrize(
    ("given", "error", "text"),
    [
        ([1.0], TypeError, "from_dlpack: got list, expected an array with __dlpack__"),
        (np.ones(2, np.complex64), DtypeError, "complex64"),
        (np.ones(2, np.uint32), DtypeError, "uint32"),
        (np.ones(2, ">f4"), BufferError, "byte order"),
        (np.array(["a"]), BufferError, "cannot be shared"),
    ],
)
def test_refused(given, error, text):
    with pytest.raises(error, match=text):
        rl.from_dlpack(given)


# ---- torch


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_torch_both_ways(layout, dtype):
    torch = pytest.importorskip("torch")
    x = LAYOUTS[layout]().to(dtype)
    theirs = torch.from_dlpack(x)
    assert theirs.dtype == getattr(torch, dtype)
    assert tuple(theirs.shape) == x.shape and theirs.tolist() == x.tolist()
    back = rl.from_dlpack(theirs)
    assert back.dtype == x.dtype and back.tolist() == x.tolist()
    if x.numel() > 1:
        assert theirs.stride() == x.stride() == back.stride()
        assert theirs.data_ptr() == x.data_ptr() == back.data_ptr()


def test_writes_are_seen_on_both_sides():
    torch = pytest.importorskip("torch")
    x = rl.zeros(3)
    torch.from_dlpack(x).add_(1)
    rl.from_dlpack(torch.from_dlpack(x))[0] = 5
    assert x.tolist() == [5, 1, 1]
    theirs = torch.zeros(2)
    rl.from_dlpack(theirs).fill_(3)
    assert theirs.tolist() == [3, 3]
    mine = torch.utils.dlpack.from_dlpack(dlpack.to_dlpack(x))
    assert mine.data_ptr() == x.data_ptr()
    assert rl.utils.dlpack.from_dlpack(torch.utils.dlpack.to_dlpack(theirs)).tolist() == [3, 3]


def test_torch_lifetime():
    torch = pytest.importorskip("torch")
    seen = torch.from_dlpack(tensor(1000))
    mine = rl.from_dlpack(torch.arange(1000))
    gc.collect()
    _ = [np.ones(1000, np.float32) for _ in range(50)]  # what was freed would be written over
    assert seen.tolist() == list(range(1000)) == mine.tolist()


def test_torch_takes_tensors_where_data_is_asked():
    torch = pytest.importorskip("torch")
    x = tensor(2, 3)
    for make in (torch.as_tensor, torch.asarray):
        assert make(x).data_ptr() == x.data_ptr()
    assert torch.tensor(x).tolist() == x.tolist()
    assert torch.tensor(x).data_ptr() != x.data_ptr()
    w = rl.ones(2, requires_grad=True)
    with pytest.raises(BufferError, match="detach"):
        torch.from_dlpack(w)


def test_what_torch_has_and_numpy_has_not():
    torch = pytest.importorskip("torch")
    with pytest.raises(BufferError, match=r"Tensor that cannot be shared.*dtype that NumPy has"):
        rl.from_dlpack(torch.ones(2, dtype=torch.bfloat16))
    with pytest.raises(BufferError, match=r"requires? grad.*detach\(\) it"):
        rl.from_dlpack(torch.ones(2, requires_grad=True))
    with pytest.raises(DtypeError, match="complex64"):
        rl.from_dlpack(torch.ones(2, dtype=torch.complex64))


# ---- other libraries


def test_pandas():
    pd = pytest.importorskip("pandas")
    x = tensor(3, 2)
    assert pd.DataFrame(x).to_numpy().tolist() == x.tolist()
    table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1]})
    assert table.to_numpy().tolist() == x.tolist() and table["a"].dtype == np.float32
    assert pd.Series(x[:, 1]).tolist() == [1, 3, 5]


def test_matplotlib():
    figure = pytest.importorskip("matplotlib.figure").Figure()
    axes = figure.subplots()
    x = tensor(2, 3)
    (line,) = axes.plot(x[0], x[1])
    assert line.get_xydata().tolist() == [[0, 3], [1, 4], [2, 5]]
    assert axes.imshow(x).get_array().tolist() == x.tolist()
    axes.scatter(x[0], x[1], c=x[0])
    axes.hist(x[0])


def test_scikit_learn():
    linear = pytest.importorskip("sklearn.linear_model")
    x = tensor(4, 1, dtype="float64")
    found = linear.LinearRegression().fit(x, 2 * x[:, 0] + 1).predict(x)
    np.testing.assert_allclose(found, [1, 3, 5, 7])


# ---- no __array_namespace__: what docs/differences.md gives as reasons


def test_no_array_namespace():
    x = rl.ones(2)
    assert not hasattr(x, "__array_namespace__")
    with pytest.raises(DtypeError):
        rl.zeros(2, dtype="complex64")
    with pytest.raises(DtypeError):
        rl.zeros(2, dtype="uint16")
    sum_of_two = rl.ones(2, dtype=rl.float32) + rl.ones((), dtype=rl.float64)
    assert sum_of_two.dtype == rl.float32  # torch's rule; the standard's result is float64
    assert (rl.ones(2, dtype=rl.int64) / 2).dtype == rl.float32
