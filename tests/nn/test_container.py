"""Containers: the methods of lists and dicts, and the names that come of them."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest

import rushlight as rl
from rushlight import nn


def row(*sizes: int) -> nn.Sequential:
    return nn.Sequential(*(nn.Linear(n, n) for n in sizes))


def sizes(modules: Any) -> list[int]:
    return [m.in_features for m in modules]


def names(module: Any) -> list[str]:
    return [name for name, _ in module.named_children()]


# ---- Sequential and ModuleList


@pytest.mark.parametrize("make", [row, lambda *n: nn.ModuleList(row(*n))], ids=["row", "list"])
def test_the_methods_of_a_list(make: Any) -> None:
    m = make(1, 2, 3, 4)
    assert len(m) == 4 and sizes(m) == [1, 2, 3, 4]
    assert m[0].in_features == 1 and m[-1].in_features == 4
    assert type(m[1:3]) is type(m) and sizes(m[1:3]) == [2, 3] and sizes(m[::-1]) == [4, 3, 2, 1]
    assert m[1:3][0] is m[1]
    m[-1] = nn.Linear(9, 9)
    assert sizes(m) == [1, 2, 3, 9] and names(m) == ["0", "1", "2", "3"]
    del m[1]
    assert sizes(m) == [1, 3, 9] and names(m) == ["0", "1", "2"]
    del m[1:]
    assert sizes(m) == [1]
    assert m.append(nn.Linear(5, 5)) is m and m.extend([nn.Linear(6, 6)]) is m
    m.insert(1, nn.Linear(7, 7))
    assert sizes(m) == [1, 7, 5, 6]
    m.insert(-1, nn.Linear(8, 8))
    assert sizes(m) == [1, 7, 5, 8, 6] and names(m) == ["0", "1", "2", "3", "4"]
    last = m[-1]
    assert m.pop(-1) is last and len(m) == 4
    m.extend(m)
    assert len(m) == 8
    assert list(m.state_dict())[-1] == "7.bias"
    for bad in (8, -9):
        with pytest.raises(IndexError, match=f"got index {bad}, expected -8 to 7"):
            m[bad]
    with pytest.raises(TypeError):
        m["0"]
    with pytest.raises(TypeError, match="int is not a Module"):
        m.append(3)
    with pytest.raises(TypeError, match="int is not a Module"):
        m.insert(0, 3)
    with pytest.raises(TypeError, match="expected an iterable"):
        m.extend(3)


def test_sequential_runs_in_order_and_keeps_names() -> None:
    m = nn.Sequential(OrderedDict([("a", nn.ReLU()), ("b", nn.Flatten(0))]))
    assert m(rl.tensor([[-1.0, 2.0]])).tolist() == [0.0, 2.0]
    assert names(m[1:]) == ["b"] and m.a is m[0] and m[1] is m.b
    m[0] = nn.Tanh()
    assert type(m.a) is nn.Tanh
    assert nn.Sequential()(3) == 3


def test_sequential_sums_and_products() -> None:
    a, b = row(1, 2), row(3)
    assert sizes(a + b) == [1, 2, 3] and sizes(a * 2) == [1, 2, 1, 2] == sizes(2 * a)
    assert (a + b)[0] is a[0]
    c = a
    a += b
    a *= 2
    assert c is a and sizes(a) == [1, 2, 3, 1, 2, 3] and names(a)[-1] == "2"  # each module once
    for bad, error in ((0, ValueError), (1.5, TypeError)):
        with pytest.raises(error):
            a * bad
    with pytest.raises(ValueError, match="expected a Sequential"):
        a += [nn.ReLU()]
    with pytest.raises(IndexError, match="got index 9"):
        a.insert(9, nn.ReLU())


def test_module_list_sums_and_has_no_forward() -> None:
    m = nn.ModuleList([nn.Linear(1, 1)])
    both = m + row(2)
    assert type(both) is nn.ModuleList and sizes(both) == [1, 2]
    m += [nn.Linear(3, 3)]
    assert sizes(m) == [1, 3]
    with pytest.raises(NotImplementedError, match="ModuleList"):
        m(rl.ones(1))
    assert repr(nn.ModuleList()) == "ModuleList()"


def test_subclasses_survive_slices() -> None:
    class Row(nn.Sequential):
        pass

    assert type(Row(nn.ReLU(), nn.ReLU())[:1]) is Row


# ---- ModuleDict


def test_module_dict_is_a_dict() -> None:
    a, b = nn.Linear(1, 1), nn.ReLU()
    m = nn.ModuleDict([("a", a), ("b", b)])
    assert list(m) == list(m.keys()) == ["a", "b"] and list(m.values()) == [a, b]
    assert list(m.items()) == [("a", a), ("b", b)] and len(m) == 2
    assert "a" in m and "c" not in m and m["a"] is a and m.get("c") is None
    m["c"] = nn.Tanh()
    m.update({"a": b})
    assert m["a"] is b and list(m) == ["a", "b", "c"] and list(reversed(m)) == ["c", "b", "a"]
    assert m.pop("a") is b and m.popitem()[0] == "c"
    del m["b"]
    m.clear()
    assert not len(m)
    with pytest.raises(KeyError):
        m["zzz"]
    with pytest.raises(KeyError):
        m.popitem()
    with pytest.raises(KeyError, match="already exists"):
        m["forward"] = nn.ReLU()
    with pytest.raises(TypeError, match="int is not a Module"):
        m["x"] = 3  # type: ignore[assignment]


def test_dicts_are_equal_to_themselves_only() -> None:
    a, b = nn.ModuleDict(), nn.ModuleDict()
    assert a == a and a != b and len({a, b}) == 2
    assert len(list(nn.Sequential(a, b).modules())) == 3


# ---- ParameterList and ParameterDict


def test_parameter_list() -> None:
    p = nn.Parameter(rl.ones(2))
    m = nn.ParameterList([p, rl.zeros(2, 3)])
    assert m[0] is p and type(m[1]) is nn.Parameter and len(m) == 2
    m.append("text")
    m += [rl.ones(1)]
    assert m[2] == "text" and [n for n, _ in m.named_parameters()] == ["0", "1", "3"]
    m[-1] = rl.zeros(5)
    assert m[3].shape == (5,) and len(list(m)) == 4
    assert type(m[:2]) is nn.ParameterList and m[:2][0] is p
    assert "(1): Parameter containing: [float32 of size 2x3]" in repr(m)
    assert "(2): Object of type: str" in repr(m)
    assert list(m.state_dict()) == ["0", "1", "3"]
    with pytest.raises(IndexError):
        m[4]
    with pytest.raises(TypeError, match="several tensors"):
        m.extend(rl.ones(2))
    with pytest.raises(RuntimeError, match="should not be called"):
        m()


def test_parameter_dict() -> None:
    p = nn.Parameter(rl.ones(2))
    m = nn.ParameterDict({"a": p, "b": rl.zeros(3)})
    assert m["a"] is p is m.a and type(m["b"]) is nn.Parameter
    m["n"] = 3
    assert list(m) == ["a", "b", "n"] and list(m.state_dict()) == ["a", "b"]
    assert m.copy()["a"] is p and list(m | {"z": p}) == ["a", "b", "n", "z"]
    assert list({"z": p} | m) == ["z", "a", "b", "n"]
    m |= {"b": p}
    assert m["b"] is p and m.setdefault("q", rl.ones(1)).shape == (1,)
    assert type(m.fromkeys(["x", "y"], rl.ones(1))["y"]) is nn.Parameter
    assert m.pop("a") is p and "a" not in m and not hasattr(m, "a")
    assert list(reversed(m)) == ["q", "n", "b"]
    m.clear()
    assert not m.state_dict()
    with pytest.raises(KeyError):
        m["a"]
    with pytest.raises(KeyError, match="already exists"):
        m["training"] = p
    with pytest.raises(TypeError, match="expected a string"):
        m[3] = p  # type: ignore[index]
    with pytest.raises(RuntimeError, match="should not be called"):
        m()
