"""The number of BLAS threads."""

import importlib
import sys

import pytest

import rushlight as rl
from rushlight import compiled, threads
from rushlight.errors import MissingExtra


@pytest.fixture(autouse=True)
def restored():
    before = rl.get_num_threads()
    yield
    if "threadpoolctl" in sys.modules:
        rl.set_num_threads(before)


def test_what_is_set_is_what_the_blas_uses():
    pytest.importorskip("threadpoolctl")
    rl.set_num_threads(1)
    assert rl.get_num_threads() == 1
    assert [pool["num_threads"] for pool in threads.blas_info()] == [1] * len(threads.blas_info())


@pytest.mark.parametrize("n", [0, -1, 1.5, "2", None, True])
def test_a_number_that_is_none_is_refused(n):
    with pytest.raises(ValueError, match=r"set_num_threads: got .*, expected an int >= 1"):
        rl.set_num_threads(n)


def test_without_threadpoolctl_setting_names_the_extra_and_asking_still_works(monkeypatch):
    real = importlib.import_module

    def without(name, *args):
        if name == "threadpoolctl":
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(MissingExtra, match=r"rushlight\[cli\]"):
        rl.set_num_threads(1)
    for name in compiled._VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert rl.get_num_threads() >= 1
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "3")
    assert rl.get_num_threads() == 3
