"""A process in which torch cannot be imported, and which reads and writes files all the same."""

import subprocess
import sys

import pytest

SERVER = """
import sys
sys.modules["torch"] = None  # `import torch` raises ImportError
import rushlight
for line in sys.stdin:
    source, target = line.rstrip("\\n").split("\\t")
    try:
        rushlight.save(rushlight.load(source), target)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", flush=True)
    else:
        print("torch is there" if sys.modules["torch"] else "done", flush=True)
"""


@pytest.fixture(scope="session")
def through():
    """Return a function that reads a file and writes what it has read to another."""
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", SERVER]
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:

        def through_rushlight(source, target):
            process.stdin.write(f"{source}\t{target}\n")
            process.stdin.flush()
            answer = process.stdout.readline().strip()
            assert answer == "done", answer

        yield through_rushlight
        process.stdin.close()
        assert process.wait(20) == 0
