"""The command: what it prints, its exit codes, and one clear line for every mistake."""

import errno
import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import rushlight as rl
from rushlight import kernels, nn
from rushlight.compiled import CHOICE, missing, native
from rushlight.train import History

pytest.importorskip("typer")

from rushlight.cli import run
from rushlight.cli.recipes import mnist as recipe


def plain(options=None):
    """Return a net that trains in no time, in the place of the convolutional one."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.LogSoftmax(dim=1))


def offline(*args):
    raise OSError("no net in tests")


@pytest.fixture
def quick(monkeypatch, tmp_path, tmp_path_factory):
    """Train a small net on the bundled sample in an empty folder."""
    fonts = tmp_path_factory.getbasetemp() / "matplotlib"  # or it puts its list into our cache
    monkeypatch.setenv("MPLCONFIGDIR", str(fonts))
    monkeypatch.setattr(recipe, "build", plain)
    monkeypatch.setattr("rushlight.data.mnist._download", offline)
    monkeypatch.delenv("RUSHLIGHT_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_version(capsys):
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"rushlight {rl.__version__}\n"


def test_info_names_versions_kernels_threads_and_data(capsys):
    assert run(["info"]) == 0
    lines = capsys.readouterr().out.splitlines()
    found = {line.split("  ")[0]: line for line in lines}
    assert {"rushlight", "python", "numpy", "scipy", "kernels", "BLAS", "threads", "MNIST"} <= {
        *found
    }
    assert np.__version__ in found["numpy"]
    assert "from numpy" in found["kernels"]
    if native is None:
        assert missing in found["kernels"]
    else:
        assert f"RUSHLIGHT_KERNELS={CHOICE}" in found["kernels"]
        rows = found[f"native {native.level()}"], found["left to numpy"]
        for name in kernels.names():
            assert sum(name in re.split(", | +", row) for row in rows) == 1


def test_help_is_printed_where_a_command_is_missing(capsys):
    assert run([]) == 2
    assert "train" in capsys.readouterr().err
    assert run(["train", "mnist", "--help"]) == 0
    assert "--batch-size" in capsys.readouterr().out


def test_training_prints_progress_the_result_and_where_everything_lies(quick, capsys):
    assert run(["train", "mnist", "--epochs", "2", "--out", "here"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert sum(line.startswith("epoch ") for line in lines) == 2
    assert any(line.startswith("test accuracy ") for line in lines)
    assert f"best.safetensors  {os.path.join('here', 'best.safetensors')}" in lines
    assert f"history.json      {os.path.join('here', 'history.json')}" in lines
    assert len(err.splitlines()) == 1  # the sample is announced once
    assert "bundled sample" in err
    plain().load_state_dict(rl.load(quick / "here" / "best.safetensors"))
    assert len(History.load(quick / "here" / "history.json")) == 2


def test_json_is_the_last_line_of_stdout_and_the_rest_goes_to_stderr(quick, capsys):
    assert run(["train", "mnist", "--epochs", "1", "--json", "--seed", "1"]) == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert "\n" not in out.strip()
    assert result["test"]["accuracy"] > 0.6
    assert result["test"]["loss"] > 0
    assert {"test_accuracy", "test_loss", "epochs", "seconds", "out"} <= set(result)
    assert result["test"] == {name: result[f"test_{name}"] for name in result["test"]}
    assert result["epochs"] == 1
    assert result["seconds"] > 0
    assert result["out"].startswith(os.path.join("runs", "mnist-"))
    assert result["seed"] == 1
    assert os.path.exists(os.path.join(result["out"], "best.safetensors"))
    assert "epoch 1/1" in err


def test_the_same_seed_gives_the_same_result(quick, capsys):
    results = []
    for out in "ab":
        assert run(["train", "mnist", "--epochs", "1", "--json", "--out", out]) == 0
        results.append(json.loads(capsys.readouterr().out))
        del results[-1]["seconds"]
        del results[-1]["out"]
    assert results[0] == results[1]


@pytest.mark.parametrize("optimizer", ["sgd", "AdamW"])
def test_other_optimizers_learn_with_the_rate_that_suits_them(quick, capsys, optimizer):
    assert run(["train", "mnist", "--epochs", "1", "--json", "--optimizer", optimizer]) == 0
    assert json.loads(capsys.readouterr().out)["test"]["accuracy"] > 0.7


def _truncated(folder):
    (folder / "mnist").mkdir()
    (folder / "mnist" / "train-images-idx3-ubyte").write_bytes(bytes([0, 0, 8, 3]) + b"\0" * 99)
    (folder / "mnist" / "train-labels-idx1-ubyte").write_bytes(bytes([0, 0, 8, 1]))


MISTAKES = {
    "epochs": (["--epochs", "-1"], 2, "'-1'"),
    "epochs text": (["--epochs", "many"], 2, "'many'"),
    "batch": (["--batch-size", "0"], 2, "--batch-size"),
    "lr text": (["--lr", "fast"], 2, "'fast'"),
    "seed": (["--seed", "-1"], 2, "--seed"),
    "threads": (["--threads", "0"], 2, "--threads"),
    "option": (["--epoch", "1"], 2, "--epoch"),
    "lr": (["--lr", "-0.1"], 2, "lr: got -0.1, expected a finite number > 0"),
    "lr nan": (["--lr", "nan"], 2, "lr: got nan"),
    "optimizer": (
        ["--optimizer", "adan"],
        2,
        "optimizer: got 'adan', expected one of 'adadelta', ",
    ),
    "no data": (["--data", "nowhere"], 1, "train-images-idx3-ubyte"),
    "a file as data": (["--data", "file"], 1, "train-images-idx3-ubyte"),
    "truncated": (["--data", "."], 1, "truncated"),
    "a file as out": (["--out", "file"], 1, "choose another path"),
    "below a file": (["--out", "file/run"], 1, "choose another path"),
    "read-only": (["--out", "/proc/run"], 1, "choose another path"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_on_stderr_and_nothing_is_written(quick, capsys, case):
    args, code, text = MISTAKES[case]
    (quick / "file").write_text("in the way")
    _truncated(quick)
    before = sorted(str(path) for path in quick.rglob("*"))
    assert run(["train", "mnist", "--epochs", "1", *args]) == code
    _, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if "warning:" not in line]
    assert len(lines) == 1
    assert lines[0].startswith("rushlight: ")
    assert text in lines[0]
    assert "Traceback" not in err
    assert sorted(str(path) for path in quick.rglob("*")) == before


def test_an_unknown_command_is_one_line(capsys):
    assert run(["trian"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def _hide(monkeypatch, package):
    real = importlib.import_module

    def without(name, *args):
        if name.partition(".")[0] == package:
            raise ImportError(name)
        return real(name, *args)

    monkeypatch.setattr(importlib, "import_module", without)


def test_missing_matplotlib_is_a_line_unless_curves_are_asked_for(quick, monkeypatch, capsys):
    _hide(monkeypatch, "matplotlib")
    assert run(["train", "mnist", "--epochs", "1", "--out", "a"]) == 0
    assert "no curves: drawing curves needs the package 'matplotlib'" in capsys.readouterr().out
    assert run(["train", "mnist", "--epochs", "1", "--out", "b", "--curves"]) == 1
    assert "rushlight[plots]" in capsys.readouterr().err
    assert not (quick / "b").exists()


def test_curves_may_be_left_out(quick, capsys):
    assert run(["train", "mnist", "--epochs", "1", "--out", "a", "--no-curves"]) == 0
    assert not (quick / "a" / "curves.png").exists()


def test_missing_threadpoolctl_is_a_line(quick, monkeypatch, capsys):
    _hide(monkeypatch, "threadpoolctl")
    assert run(["train", "mnist", "--threads", "1"]) == 1
    assert "rushlight[cli]" in capsys.readouterr().err


def test_missing_typer_is_a_line(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "typer", None)
    assert run(["--version"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("rushlight: the rushlight command needs the package 'typer'")
    assert "rushlight[cli]" in err


def test_a_disk_that_fills_up_is_one_line_and_leaves_no_half_file(quick, monkeypatch, capsys):
    real, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > 8:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    assert run(["train", "mnist", "--epochs", "3", "--out", "a"]) == 1
    _, err = capsys.readouterr()
    assert err.splitlines()[-1].startswith("rushlight: writing ")
    assert "No space left on device" in err
    assert not list((quick / "a").glob(".*"))


def test_a_bug_shows_where_it_is(quick, monkeypatch):
    monkeypatch.setattr(recipe, "build", lambda options: {}["nothing"])
    with pytest.raises(KeyError):
        run(["train", "mnist"])


PROGRAM = """
import sys
import rushlight.data.mnist as source
from rushlight import nn
from rushlight.cli import main
from rushlight.cli.recipes import mnist as recipe
def offline(*args):
    raise OSError("no net in tests")
source._download = offline
recipe.build = lambda options: nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.LogSoftmax(dim=1))
sys.exit(main())
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_keeps_the_best_weights_and_exits_130_without_a_traceback(quick, start):
    args = ["train", "mnist", "--epochs", "5000", "--out", "a", "--json"]
    process = start(PROGRAM, *args)
    for line in process.stderr:
        if line.startswith("epoch "):
            break
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "done; the best weights are kept" in err
    assert err.count("interrupted") == 1
    result = json.loads(out.splitlines()[-1])
    assert result["interrupted"]
    assert result["test"] == {}
    history = History.load(quick / "a" / "history.json")
    assert history.interrupted
    assert len(history) == result["epochs"] >= 1
    plain().load_state_dict(rl.load(quick / "a" / "best.safetensors"))


def test_ctrl_c_before_training_is_one_line(quick, monkeypatch, capsys):
    def press(*args, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(recipe, "MNIST", press)
    assert run(["train", "mnist"]) == 130
    assert capsys.readouterr().err == "rushlight: interrupted\n"


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_again_and_again_leaves_no_traceback_and_no_half_file(quick, start):
    args = ["train", "mnist", "--epochs", "5000", "--out", "a"]
    process = start(PROGRAM, *args)
    for line in process.stdout:
        if line.startswith("epoch "):
            break
    for _ in range(4):
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert not [name for name in os.listdir("a") if name.endswith(".tmp")]
    History.load(quick / "a" / "history.json")


def test_a_path_that_the_terminal_cannot_show(quick):
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "train", "mnist", "--epochs", "1", "--out", "π ü"],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "\\u03c0" in done.stdout
    assert (quick / "π ü" / "best.safetensors").exists()


@pytest.mark.skipif(os.name != "posix", reason="a shell of POSIX")
@pytest.mark.parametrize(("redirect", "code"), [(">&-", 0), ("> /dev/full", 1)])
def test_a_stdout_that_is_closed_or_full(redirect, code):
    if "full" in redirect and not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    main = f"{sys.executable} -m rushlight info {redirect}"
    done = subprocess.run(main, shell=True, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    assert len(done.stderr.splitlines()) == code
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_gone_is_no_error_of_ours():
    command = f"{sys.executable} -m rushlight info | true"
    done = subprocess.run(command, shell=True, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.stderr == ""
