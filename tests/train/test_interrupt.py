"""Ctrl-C: the batch is finished, the best weights come back, everything is written."""

import os
import signal
import threading
import time

import numpy as np
import pytest
from tests.train.nets import line, regressor, weights

from rushlight.io import load_sealed
from rushlight.train import EMA, Callback, Diagnostics, Event, History
from rushlight.train.guard import Interrupt

pytestmark = pytest.mark.usefixtures("ctrl_c")

X, Y = line(40)


def presser(epoch, batch, press):
    """Return a callback that presses Ctrl-C at one batch."""

    def listener(*, trainer, **facts):
        if (facts["epoch"], facts["batch"]) == (epoch, batch):
            press()

    return Event.BATCH_END, listener


def raised():
    raise KeyboardInterrupt


def sent():
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("press", [raised, sent])
def test_it_ends_after_the_batch_with_the_best_weights_and_the_history(tmp_path, press):
    batches, best = [], []
    callbacks = [
        (Event.BATCH_END, lambda **facts: batches.append((facts["epoch"], facts["batch"]))),
        (Event.EPOCH_END, lambda *, trainer, **facts: best.append(weights(trainer).copy())),
        presser(3, 2, press),
    ]
    trainer = regressor(callbacks=callbacks, out=tmp_path, optimizer="sgd", lr=0.02)
    history = trainer.fit(X, Y, validation=(X, Y), epochs=9, batch_size=10)
    assert history.interrupted
    assert batches[-1] == (3, 2)
    assert len(history) == 2
    np.testing.assert_array_equal(weights(trainer), best[history.best_epoch - 1])
    back = History.load(tmp_path / "history.json")
    assert back.interrupted
    assert len(back) == 2
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    trainer.callbacks.remove(callbacks[-1])
    more = trainer.fit(X, Y, validation=(X, Y), epochs=1, batch_size=10)
    assert not more.interrupted
    assert [record["epoch"] for record in more] == [1, 2, 3]


def test_in_the_first_epoch_the_weights_so_far_are_written(tmp_path):
    trainer = regressor(callbacks=[presser(1, 2, sent)], out=tmp_path)
    history = trainer.fit(X, Y, validation=(X, Y), epochs=9, batch_size=10)
    assert len(history) == 0
    assert history.best_epoch is None
    assert sorted(os.listdir(tmp_path)) == ["history.csv", "history.json", "last"]
    state = load_sealed(tmp_path / "last" / "step-00000002.ckpt")
    np.testing.assert_array_equal(state["model"]["weight"], trainer.model.weight.detach())


def test_a_second_one_stops_at_once(tmp_path):
    def twice():
        sent()
        sent()

    trainer = regressor(callbacks=[presser(2, 1, twice)], out=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, Y, epochs=9, batch_size=10)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


class Hooked(Callback):
    """Holds a hook from the beginning of `fit` to its end."""

    def on_fit_begin(self, *, trainer, first_epoch, last_epoch, batches):
        self.handle = trainer.model.register_forward_hook(lambda *args: None)

    def close(self):
        self.handle.remove()


def test_a_second_one_leaves_no_hooks_and_no_average():
    def twice():
        sent()
        sent()

    look, ema = Diagnostics(), EMA()
    trainer = regressor(callbacks=[look, ema, Hooked(), presser(2, 1, twice)])
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, Y, epochs=9, batch_size=10)
    assert not trainer.model._hooks().after
    assert trainer.average is None
    assert not trainer.model.training


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_what_fails_before_the_first_batch_leaves_no_hooks(error):
    def fail(**facts):
        raise error

    trainer = regressor(callbacks=[Hooked(), EMA(), (Event.FIT_BEGIN, fail)])
    with pytest.raises(error):
        trainer.fit(X, Y, epochs=1)
    assert not trainer.model._hooks().after
    assert trainer.average is None


def test_a_close_that_fails_does_not_keep_others_from_closing():
    class Failing(Callback):
        def close(self):
            raise OSError("full")

    trainer = regressor(callbacks=[Failing(), Hooked(), Failing()])
    with pytest.raises(OSError, match="full"):
        trainer.fit(X, Y, epochs=1)
    assert not trainer.model._hooks().after


def test_those_pressed_right_behind_a_second_one_are_the_same():
    with Interrupt() as interrupt:
        sent()
        with pytest.raises(KeyboardInterrupt):
            sent()
        sent()
        sent()
        interrupt._deaf = 0.0  # a second later
        with pytest.raises(KeyboardInterrupt):
            sent()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_one_that_comes_while_the_files_are_written_is_not_lost(tmp_path):
    trainer = regressor(callbacks=[(Event.FIT_END, lambda **facts: sent())], out=tmp_path)
    with pytest.raises(KeyboardInterrupt):
        trainer.fit(X, Y, epochs=1)
    assert len(History.load(tmp_path / "history.json")) == 1


def test_a_handler_of_the_program_is_left_alone():
    seen = []
    before = signal.signal(signal.SIGINT, lambda *args: seen.append("mine"))
    try:
        history = regressor(callbacks=[presser(1, 1, sent)]).fit(X, Y, epochs=1, batch_size=10)
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == ["mine"]
    assert not history.interrupted


def test_training_in_a_thread_works():
    trainer = regressor()
    thread = threading.Thread(target=lambda: trainer.fit(X, Y, epochs=1))
    thread.start()
    thread.join()
    assert len(trainer.history) == 1


def test_check_raises_only_when_asked():
    interrupt = Interrupt()
    interrupt.check()
    interrupt.asked = True
    with pytest.raises(KeyboardInterrupt):
        interrupt.check()


PROGRAM = """
import sys, time
import numpy as np
from rushlight import nn
from rushlight.train import Event, Trainer
x = np.ones((40, 3), "float32")
slow = (Event.BATCH_END, lambda **facts: (print("batch", flush=True), time.sleep(0.05)))
trainer = Trainer(nn.Linear(3, 1), "mse", callbacks=[slow], out=sys.argv[1], progress="none")
history = trainer.fit(x, x[:, :1], epochs=1000, batch_size=10)
print("interrupted" if history.interrupted else "finished")
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_real_signal_to_a_real_program(tmp_path, start):
    process = start(PROGRAM, str(tmp_path))
    for _ in range(6):  # one epoch of four batches and a little
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    begun = time.monotonic()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert err == ""
    assert out.splitlines()[-1] == "interrupted"
    assert time.monotonic() - begun < 30
    assert History.load(tmp_path / "history.json").interrupted
    assert len(os.listdir(tmp_path / "last")) == 2
