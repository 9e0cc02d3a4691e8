"""Live curves, in a notebook that is played."""

import sys
import types

import pytest
from tests.train.nets import line, regressor

from rushlight.errors import MissingExtra
from rushlight.train import Callback, LiveCurves

X, Y = line(20)


class Shown:
    """Stands for IPython.display: notes each picture and the place where it was put."""

    def __init__(self):
        self.pictures, self.places = [], 0

    def Image(self, data, format, width):
        assert format == "png"
        assert 300 < width < 1500
        assert data[:4] == b"\x89PNG"
        return data

    def display(self, image, display_id):
        assert display_id is True
        self.places += 1
        self.pictures.append(image)
        return types.SimpleNamespace(update=self.pictures.append)


@pytest.fixture
def notebook(monkeypatch):
    pytest.importorskip("matplotlib")
    shown = Shown()
    ipython = types.ModuleType("IPython")
    ipython.display, ipython.version_info = shown, (9, 0)
    ipython.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", shown)
    return shown


def test_one_picture_is_replaced_in_its_place(notebook, monkeypatch):
    monkeypatch.setattr("rushlight.train.live._SHARE", 0)
    trainer = regressor(callbacks=[LiveCurves(interval=0)])
    trainer.fit(X, Y, epochs=2)
    assert (len(set(notebook.pictures)), notebook.places) == (2, 1)
    trainer.fit(X, Y, epochs=1)
    assert (len(notebook.pictures), notebook.places) == (3, 2)


def test_quick_epochs_are_not_all_drawn_but_the_last_is(notebook):
    regressor(callbacks=[LiveCurves()]).fit(X, Y, epochs=20)
    assert len(notebook.pictures) == 2


def test_a_run_of_no_epochs_shows_nothing(notebook):
    class Fail(Callback):
        def on_batch_end(self, **facts):
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        regressor(callbacks=[LiveCurves(), Fail()]).fit(X, Y, epochs=1)
    assert notebook.places == 0


def test_outside_of_a_notebook_it_says_what_it_needs(notebook, monkeypatch):
    text = "got a Python that is no notebook, expected Jupyter or Colab; in a terminal"
    monkeypatch.setattr(sys.modules["IPython"], "get_ipython", lambda: object())
    with pytest.raises(RuntimeError, match=text):
        LiveCurves()  # IPython in a terminal
    monkeypatch.delitem(sys.modules, "IPython")
    with pytest.raises(RuntimeError, match=text):
        LiveCurves()


def test_errors(notebook, monkeypatch):
    with pytest.raises(ValueError, match="LiveCurves interval: got -1, expected seconds"):
        LiveCurves(interval=-1)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtra, match=r"rushlight\[plots\]"):
        LiveCurves()
