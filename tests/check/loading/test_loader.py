"""Loading: a bad definition harms no other, stubs stand for what is absent, sources are found."""

import inspect
import sys
import traceback
import types

import numpy as np
import pytest

import rushlight as rl
from rushlight.check.loading import Place, Stub, StubUsed
from rushlight.check.loading.loader import Loader


@pytest.fixture
def load(student):
    """Load a file of the given texts, until the test ends."""
    opened = []

    def run(name, *texts, **options):
        settings = {k: options.pop(k) for k in ("torch", "before") if k in options}
        loader = Loader(student(name, *texts, **options), **settings)
        opened.append(loader.__enter__())
        loader.load()
        return loader

    yield run
    for loader in reversed(opened):
        loader.__exit__()


def kinds(loader):
    return [(p.kind, p.cell, p.line, p.error) for p in loader.problems]


def test_training_is_not_run(load):
    loader = load(
        "a.py",
        "import numpy as np\nEPS = 1e-5\nclass A:\n    x = EPS\nnet = A().fit()\n1 / 0\n"
        "for i in range(3):\n    1 / 0\nif __name__ == '__main__':\n    1 / 0\n",
    )
    assert loader.namespace["A"].x == 1e-5
    assert loader.problems == []
    assert isinstance(loader.namespace["net"], Stub)


def test_what_needs_training_says_so(load):
    loader = load("a.ipynb", "rng = make()", "class A:\n    def f(self):\n        return rng.x()")
    with pytest.raises(StubUsed) as caught:
        loader.namespace["A"]().f()
    assert str(caught.value) == (
        "rng.x is called in cell 2, line 3, "
        "but the check does not run cell 1, line 1, which gives it a value"
    )


def test_a_later_definition_wins_and_all_places_are_known(load):
    loader = load(
        "a.ipynb",
        "class A:\n    version = 1\n",
        "%%time\nclass A:\n    version = 2\n    def f(self):\n        return 1 / 0",
    )
    a = loader.namespace["A"]
    assert a.version == 2
    assert loader.places["A"] == [Place(1, 1, "class A:"), Place(2, 2, "class A:")]
    assert inspect.getsource(a).startswith("class A:\n    version = 2")
    assert inspect.getsource(a.f) == "    def f(self):\n        return 1 / 0\n"
    try:
        a().f()
    except ZeroDivisionError:
        assert '"<cell 2>", line 5, in f\n    return 1 / 0' in traceback.format_exc()


def test_the_source_of_a_class_defined_twice_in_one_file_is_the_last(load):
    text = "class A:\n    x = 1\n@staticmethod\ndef f(): pass\nclass A:\n    x = 2\ndef broken(:\n"
    loader = load("layers.py", text)
    assert inspect.getsource(loader.namespace["A"]) == "class A:\n    x = 2\n"
    assert inspect.getsource(loader.namespace["A"]) == inspect.getsource(loader.namespace["A"])
    assert loader.namespace["A"].__module__ == "layers"


def test_a_bad_definition_harms_no_other(load):
    loader = load(
        "a.ipynb",
        "class A:\n    x = missing\n",
        "class B(nn.Module):\n    pass\nclass C(B): pass",
        "def twice(a, a): pass\n@undefined\ndef f(): pass",
        "class Good: pass\nimport sys\nclass Quits:\n    sys.exit()",
        "EPS = 1 / 0\nOTHER = EPS",
    )
    assert kinds(loader) == [
        ("definition", 1, 2, "NameError: name 'missing' is not defined"),
        ("base", 2, 1, "nn"),
        ("base", 2, 3, "B"),
        ("syntax", 3, 1, "duplicate argument 'a' in function definition"),
        ("definition", 3, 2, "NameError: name 'undefined' is not defined"),
        ("stopped", 4, 4, "exit"),
        ("definition", 5, 1, "ZeroDivisionError: division by zero"),
    ]
    assert [p.name for p in loader.problems] == ["A", "B", "C", "twice", "f", "Quits", "EPS"]
    assert loader.namespace["Good"].__name__ == "Good"
    assert not {"A", "B", "C", "f", "Quits"} & {*loader.namespace}


def test_future_statements_hold_for_the_file_and_ours_do_not(load):
    future = "from __future__ import annotations\n"
    text = "def f(x: undefined): pass"
    assert load("a.py", future + text).problems == []
    if sys.version_info < (3, 14):  # since then annotations wait everywhere
        assert kinds(load("b.py", text))[0][0] == "definition"


def test_dataclasses_pickles_and_super_work_in_cells(load):
    loader = load(
        "a.ipynb",
        "from dataclasses import dataclass\nfrom typing import ClassVar\n"
        "@dataclass\nclass A:\n    x: 'int' = 1\n    y: 'ClassVar[int]' = 2",
        "class B(A):\n    def __init__(self):\n        super().__init__(3)",
    )
    assert loader.problems == []
    assert loader.namespace["B"]() == loader.namespace["A"](3) or loader.namespace["B"]().x == 3
    assert sys.modules[loader.namespace["A"].__module__].B is loader.namespace["B"]


def test_absent_modules_are_stubs(load):
    loader = load(
        "a.py",
        "import no_such_thing.pyplot as plt\n"
        "from no_such_thing.deep import njit, Figure\n"
        "from no_such_thing import *\n"
        "import numpy as np\n"
        "from math import pi, no_such_name\n"
        "class A:\n"
        "    @njit(parallel=True)\n"
        "    def f(self, x: Figure) -> plt.Axes | None:\n"
        "        return 2 * x\n"
        "    def g(self):\n"
        "        return plt.plot([1])\n"
        "class B(plt.Base): pass\n",
    )
    a = loader.namespace["A"]()
    assert a.f(2) == 4
    with pytest.raises(
        StubUsed, match=r"no_such_thing.pyplot.plot is called in line 11, but it ca"
    ):
        a.g()
    assert [p.name for p in loader.problems] == [
        "no_such_thing.pyplot",
        "no_such_thing.deep",
        "no_such_thing",
        "math.no_such_name",
        "B",
    ]
    assert {p.kind for p in loader.problems[:4]} == {"import"}
    assert "no_such_thing.pyplot.Base is a base class in line 12" in loader.problems[4].error
    assert loader.namespace["pi"] == np.pi


def test_definitions_in_blocks_have_their_places(load):
    block = "try:\n    import absent\nexcept ImportError:\n    def f(): pass"
    loader = load("a.py", f"if True:\n    class A: pass\n{block}")
    assert {n: p[0].line for n, p in loader.places.items()} == {"A": 2, "f": 6}
    assert loader.problems == [] and loader.namespace["f"]() is None


def test_fallbacks_of_imports_are_the_students(load):
    text = "try:\n    import cupy_is_absent as xp\nexcept ImportError:\n    import numpy as xp\n"
    loader = load("a.py", text)
    assert loader.namespace["xp"] is np and loader.problems == []


def test_torch_is_served_by_rushlight(load):
    before = sys.modules.get("torch")
    loader = load(
        "a.py",
        "import torch, torch.nn as nn, torch.nn.functional as F\n"
        "from torch.utils.data import DataLoader\n"
        "from torch.optim import Adam, NoSuchOptimizer\n"
        "from torch.autograd import Function\n"
        "import torchvision\n"
        "class Net(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.fc = nn.Linear(2, 3)\n"
        "    @torch.jit.export\n"
        "    def forward(self, x):\n"
        "        return F.relu(self.fc(x))\n"
        "class Bad(nn.NoSuchLayer): pass\n",
    )
    net = loader.namespace["Net"]()
    assert isinstance(net, rl.nn.Module) and net(rl.ones(1, 2)).shape == (1, 3)
    assert loader.namespace["DataLoader"] is rl.utils.data.DataLoader
    assert loader.namespace["Adam"] is rl.optim.Adam
    assert loader.namespace["Function"] is rl.autograd.Function
    assert isinstance(loader.namespace["NoSuchOptimizer"], Stub)
    assert loader.namespace["torch"].newaxis is None
    assert [(p.kind, p.name) for p in loader.problems] == [
        ("import", "torchvision"),
        ("definition", "Bad"),
    ]
    assert "Rushlight, which stands for torch here, has no torch.nn.No" in loader.problems[1].error
    loader.__exit__()
    assert sys.modules.get("torch") is before


def test_the_real_torch_can_be_asked_for(load, monkeypatch):
    real = types.ModuleType("torch")
    monkeypatch.setitem(sys.modules, "torch", real)
    assert load("a.py", "import torch", torch="real").namespace["torch"] is real
    served = load("b.py", "import torch")
    assert served.namespace["torch"] is not real
    served.__exit__()
    assert sys.modules["torch"] is real
    with pytest.raises(ValueError, match="torch='tensorflow', expected 'rushlight' or 'real'"):
        Loader("a.py", torch="tensorflow")


def test_files_beside_it_give_their_definitions(load, student):
    student(
        "modules.py", "import absent\nclass Module:\n    pass\nEPS = 3\nraise SystemExit\n1 / 0"
    )
    student("extra.ipynb", "%pylab\nclass Extra: pass", "class Broken(")
    student("package/__init__.py", "from .inner import deep")
    student("package/inner.py", "deep = 5")
    student("random.py", "raise RuntimeError('the wrong random')")
    loader = load(
        "main.ipynb",
        "%run modules.py\nfrom extra import Extra\nfrom .modules import EPS as E\n"
        "from package import deep\nimport random, package.inner",
        "class A(Module):\n    def f(self):\n        import modules\n        return modules.EPS",
    )
    assert loader.namespace["A"]().f() == loader.namespace["E"] == 3
    assert loader.namespace["Extra"].__module__ == "extra_cell_1"
    assert loader.namespace["deep"] == 5 and loader.namespace["random"].random() < 1
    assert [(p.file, p.kind, p.line) for p in loader.problems] == [
        ("modules.py", "import", 1),
        ("extra.ipynb", "syntax", 1),
    ]
    assert loader.problems[0].message().startswith("modules.py, line 1: absent cannot be imported")
    source = inspect.getsource(loader.namespace["Extra"])
    assert source == "class Extra: pass\n" and {*loader.files} == {"<cell 1>", "<cell 2>"}
    loader.__exit__()
    assert not {"modules", "extra_cell_1", "main", "main_cell_1", "package.inner"} & {*sys.modules}


def test_folders_that_the_file_adds_are_searched(load, student):
    student("../helpers_of_ours.py", "deep = [7]")
    loader = load("a.py", "import sys\nsys.path.append('..')\nfrom helpers_of_ours import deep")
    assert loader.namespace["deep"] == [7] and loader.problems == []


def test_imports_of_installed_libraries_are_put_off(load, tmp_path, monkeypatch):
    library = tmp_path / "site-packages"
    library.mkdir()
    (library / "heavy_plots.py").write_text("class Figure:\n    size = 3\ndef plot(): return 5")
    (library / "broken_plots.py").write_text("raise OSError('no display')")
    monkeypatch.syspath_prepend(str(library))
    loader = load(
        "a.py",
        "import heavy_plots as hp\nfrom heavy_plots import plot, nothing\nimport broken_plots\n"
        "def is_figure(x): return isinstance(x, hp.Figure)\n",
    )
    names = loader.namespace
    assert loader.problems == [] and "heavy_plots" not in sys.modules
    assert not names["is_figure"](3) and "heavy_plots" not in sys.modules
    assert names["plot"]() == 5
    figure = names["hp"].Figure()
    assert figure.size == 3 and names["is_figure"](figure) and not names["is_figure"](3)
    with pytest.raises(
        StubUsed, match=r"heavy_plots.nothing is called, but its import failed: Att"
    ):
        names["nothing"]()
    with pytest.raises(StubUsed, match=r"broken_plots.x is called.*OSError: no display"):
        names["broken_plots"].x()
    monkeypatch.delitem(sys.modules, "heavy_plots")


def test_statements_can_be_left_out(load):
    asked = []

    def before(node, place, name):
        asked.append((name, place.cell, place.line))
        return name != "A"

    loader = load("a.ipynb", "class A: pass\nX = 1", "class B: pass\nprint()", before=before)
    assert asked == [("A", 1, 1), ("X", 1, 2), ("B", 2, 1)]
    assert "A" not in loader.namespace and loader.namespace["X"] == 1


def test_files_that_cannot_be_read_are_a_problem(load, student):
    assert kinds(load("a.ipynb", "x = 1", kernelspec={"language": "julia"}))[0][0] == "file"
    with Loader(student("b.py", "").with_name("absent.py")) as loader:
        loader.load()
    assert "No such file" in loader.problems[0].message()


def test_a_file_may_be_named_as_a_module(load):
    loader = load("numpy.py", "import numpy as np\nclass A:\n    x = np.ones(2)")
    assert loader.problems == [] and loader.namespace["A"].__module__ == "checked_file"
