"""What several folders of tests share."""

import signal
import subprocess
import sys

import pytest


@pytest.fixture
def ctrl_c():
    """Let Ctrl-C through: a shell that starts the tests in the background has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def start(ctrl_c):
    """Return a function that starts a program; one that still runs at the end is killed."""
    running = []

    def begin(program, *args):
        pipe = subprocess.PIPE
        command = [sys.executable, "-c", program, *args]
        running.append(subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True))
        return running[-1]

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
            process.communicate()
