"""Base classes that a file takes from a module which is not here."""

import pytest

from rushlight import classic
from rushlight.check.loading.loader import Loader

CLASS = "class Tanh(Module):\n    def updateOutput(self, input):\n        return input\n"


@pytest.mark.parametrize("head", ["", "from homework_modules import Module\n"])
def test_our_base_class_stands_in(tmp_path, head):
    (tmp_path / "layers.py").write_text(head + CLASS)
    with Loader(tmp_path / "layers.py") as loaded:
        loaded.load()
        assert issubclass(loaded.namespace["Tanh"], classic.Module)
        assert loaded.problems[-1].kind == "lent"
        assert "Module" in loaded.problems[-1].message("ru")


def test_a_base_class_of_the_file_stays(tmp_path):
    (tmp_path / "layers.py").write_text("class Module:\n    pass\n" + CLASS)
    with Loader(tmp_path / "layers.py") as loaded:
        loaded.load()
        assert not issubclass(loaded.namespace["Tanh"], classic.Module)
        assert not loaded.problems


def test_vectorized_functions_are_constants(tmp_path):
    (tmp_path / "layers.py").write_text(
        "import math\nimport numpy as np\nerf = np.vectorize(math.erf)\n"
    )
    with Loader(tmp_path / "layers.py") as loaded:
        loaded.load()
        assert loaded.namespace["erf"](0.0) == 0.0
