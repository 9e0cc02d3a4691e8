"""Progress and curves: what one sees."""

import io
import subprocess
import sys

import pytest
from tests.train.nets import blobs, classifier, line, regressor

from rushlight.train import Event, History, ProgressBar, plot_history
from rushlight.train.progress import describe

X, Y = line(20)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def printed(epochs, file=None, style="auto", **options):
    file = io.StringIO() if file is None else file
    trainer = regressor(callbacks=[ProgressBar(style, file), *options.pop("more", [])], **options)
    trainer.fit(X, Y, validation=(X, Y), epochs=epochs)
    return file.getvalue()


def test_a_line_for_each_epoch_where_there_is_no_terminal():
    text = printed(12)
    lines = text.splitlines()
    assert len(lines) == 12
    assert lines[0].startswith("epoch  1/12  ")
    assert "train_loss" in lines[0]
    assert "val_loss" in lines[0]
    assert "\r" not in text
    assert "\x1b" not in text


def test_hundreds_of_quick_epochs_do_not_flood_the_log():
    lines = printed(301).splitlines()
    assert len(lines) <= 52
    assert lines[-1].startswith("epoch 301/301")


def test_a_bar_in_a_terminal_leaves_the_same_lines():
    pytest.importorskip("tqdm")
    text = printed(3, Terminal())
    assert "\r" in text
    assert text.count("train_loss") == 3
    assert "\r" not in printed(3, Terminal(), "lines")


def test_why_it_ended_is_said():
    stop = (Event.EPOCH_END, lambda *, trainer, **facts: trainer.stop("enough"))
    assert printed(3, more=[stop]).splitlines()[-1] == "stopped: enough"


def test_progress_none_prints_nothing(capsys):
    regressor().fit(X, Y, epochs=2)
    assert capsys.readouterr() == ("", "")


def test_the_default_prints_to_stdout(capsys):
    regressor(progress="auto").fit(X, Y, epochs=2)
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert err == ""


def test_an_unknown_style_is_refused():
    with pytest.raises(ValueError, match="'auto', 'bar' or 'lines'"):
        ProgressBar("loud")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.0000"), (0.5, "0.5000"), (1e-5, "1.000e-05"), (-3e6, "-3.000e+06")],
)
def test_numbers_are_readable_at_every_size(value, text):
    record = {"epoch": 1, "lr": 1e-3, "train_loss": value, "seconds": 0.04}
    assert describe(record, 9) == f"epoch 1/9  0.0 s  lr 0.001  train_loss {text}"


def test_curves_are_a_png_of_every_panel(tmp_path):
    pytest.importorskip("matplotlib")
    trainer = classifier(metrics=["accuracy"])
    history = trainer.fit(*blobs(), epochs=3)
    path = tmp_path / "curves.png"
    plot_history(history, path, "A title")
    assert path.read_bytes().startswith(b"\x89PNG\r\n")


@pytest.mark.parametrize("epochs", [1, 2, 40])
def test_curves_of_odd_histories(tmp_path, epochs):
    pytest.importorskip("matplotlib")
    history = History()
    for epoch in range(1, epochs + 1):
        bad = float("nan") if epoch == 1 else 10.0**-epoch
        history.append({"epoch": epoch, "lr": 0.1, "train_loss": bad, "seconds": 0.1})
    plot_history(history, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000


def test_curves_of_names_and_numbers_that_are_no_good(tmp_path):
    pytest.importorskip("matplotlib")
    record = {"epoch": 1, "lr": 0.0, "train_loss": float("inf"), "train_$x^": 1.0, "seconds": 1.0}
    plot_history(History([record]), tmp_path / "curves.png", "100 $ and a \\$ or _{" * 9)
    assert (tmp_path / "curves.png").stat().st_size > 1000
    with pytest.raises(ValueError, match="a history of no epochs"):
        plot_history(History(), tmp_path / "none.png")


def test_curves_need_no_display_and_leave_pyplot_alone(tmp_path):
    pytest.importorskip("matplotlib")
    program = (
        "import sys\n"
        "from rushlight.train import History, plot_history\n"
        "h = History([{'epoch': 1, 'lr': 0.1, 'train_loss': 1.0, 'seconds': 1.0}])\n"
        f"plot_history(h, {str(tmp_path / 'curves.png')!r})\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
