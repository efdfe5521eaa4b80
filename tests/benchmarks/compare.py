"""Comparison of two environments, each in its own process, timed in alternating order.

The cost of a step is (t(T) - t(1)) / (T - 1), where t is the shorter one of two calls in the same
turn; the fixed cost of a call cancels. The median of the ratios of all turns has a confidence
interval that is valid for any distribution of the noise (order statistics).
"""

import contextlib
import json
import os
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reference.distribution import median_interval
from tests.benchmarks import LONGEST
from tests.harness.configuration import ConfigurationError

ROOT = Path(__file__).parents[2]


class EnvironmentWorker:
    """A process in an environment that times calls on request.

    command: a Python interpreter or the name of a tox environment, optionally with environment
    variables before it, such as `TF_USE_LEGACY_KERAS=1`. Raises ConfigurationError if it cannot be
    started, or ends.
    """

    def __init__(self, command: str):
        self.command = command
        words = shlex.split(command)
        settings = dict(w.split("=", 1) for w in words[:-1] if "=" in w)
        if not words or len(settings) != len(words) - 1:
            raise ConfigurationError(
                f"{command!r}: expected [NAME=VALUE ...] PYTHON, or a tox environment"
            )
        python = _python(words[-1])
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self._process = subprocess.Popen(
            [python, "-m", "tests.benchmarks.worker"],
            cwd=ROOT,
            env={**os.environ, **settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        facts = self._answer()
        if "refused" in facts:
            raise ConfigurationError(f"{command}: {facts['refused']}")
        self.name = f"TensorFlow {facts['tensorflow']}, Keras {facts['keras']}"

    def step(self, path: str) -> float:
        """Return the duration of one step in seconds."""
        lengths = (1, LONGEST[path])
        durations = [[self._seconds(path, length) for length in lengths] for _ in range(2)]
        short, long = np.min(durations, axis=0)
        return (long - short) / (lengths[1] - lengths[0])

    def _seconds(self, path: str, length: int) -> float:
        with contextlib.suppress(BrokenPipeError):  # the process has ended; _answer raises
            print(path, length, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self):
        for line in self._process.stdout:
            try:
                return json.loads(line)
            except ValueError:
                continue  # a line that TensorFlow prints
        self._errors.seek(0)
        lines = [line for line in self._errors.read().splitlines() if line.strip()]
        reason = lines[-1] if lines else "the process ended without an error message"
        raise ConfigurationError(f"{self.command}: {reason}")

    def __enter__(self):
        return self

    def __exit__(self, *error) -> None:
        self._process.kill()
        self._process.communicate()
        self._errors.close()


def _python(name: str) -> str:
    """Return the interpreter of that name, or that of the tox environment of that name.

    Raises ConfigurationError if there is neither.
    """
    for place in (ROOT / ".tox" / name / "bin" / "python", ROOT / ".tox" / name / "Scripts/python"):
        if shutil.which(place):
            return str(place)
    if found := shutil.which(name):
        return found
    raise ConfigurationError(
        f"{name} is neither a Python interpreter nor a tox environment that exists"
    )


@dataclass(frozen=True)
class Compared:
    """The durations (turns,) of a step on one path in two environments, in seconds."""

    path: str
    one: np.ndarray
    other: np.ndarray

    def row(self) -> str:
        ratios = self.other / self.one
        low, high = median_interval(ratios)
        one, other = (np.median(side) * 1e6 for side in (self.one, self.other))
        return (
            f"{self.path:8} {one:10.1f} {other:10.1f} {np.median(ratios):8.2f}   "
            f"[{low:.2f}, {high:.2f}]"
        )


def compare(one: EnvironmentWorker, other: EnvironmentWorker, path: str, turns: int) -> Compared:
    """Time a path in two environments, in alternating order."""
    durations = np.empty((2, turns))
    for worker in (one, other):
        worker.step(path)  # the first call traces
    for turn in range(turns):
        for i in (0, 1) if turn % 2 else (1, 0):
            durations[i, turn] = (one, other)[i].step(path)
    return Compared(path, *durations)
