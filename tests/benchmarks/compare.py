"""Two environments, timed in turns: one process for each, that are asked in alternating order.

A step's cost is (t(T) - t(1)) / (T - 1), where t is the shorter of two calls, all in the same turn:
the fixed cost of a call does not count. The ratios of the turns have a median, and that one an
interval that holds whatever the law of the noise (order statistics).
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
    """An environment that times calls on request.

    command: an interpreter of Python, or the name of a tox environment, with settings such as
    `TF_USE_LEGACY_KERAS=1` before it. ConfigurationError if it cannot be started or ends.
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
        """The seconds of one step."""
        lengths = (1, LONGEST[path])
        took = [[self._seconds(path, length) for length in lengths] for _ in range(2)]
        short, long = np.min(took, axis=0)
        return (long - short) / (lengths[1] - lengths[0])

    def _seconds(self, path: str, length: int) -> float:
        with contextlib.suppress(BrokenPipeError):  # it has ended, and its answer says why
            print(path, length, file=self._process.stdin, flush=True)
        return self._answer()

    def _answer(self):
        for line in self._process.stdout:
            try:
                return json.loads(line)
            except ValueError:
                continue  # what TensorFlow prints of its own
        self._errors.seek(0)
        said = [line for line in self._errors.read().splitlines() if line.strip()]
        raise ConfigurationError(
            f"{self.command}: {said[-1] if said else 'it ended without a word'}"
        )

    def __enter__(self):
        return self

    def __exit__(self, *error) -> None:
        self._process.kill()  # it holds nothing that is worth a longer goodbye
        self._process.communicate()
        self._errors.close()


def _python(name: str) -> str:
    """The interpreter of that name or of the tox environment of that name, or ConfigurationError."""
    for place in (ROOT / ".tox" / name / "bin" / "python", ROOT / ".tox" / name / "Scripts/python"):
        if shutil.which(place):
            return str(place)
    if found := shutil.which(name):
        return found
    raise ConfigurationError(
        f"{name} is no interpreter of Python and no tox environment that has been made"
    )


@dataclass(frozen=True)
class Compared:
    """Seconds (turns,) of a step on one path in two environments, turn by turn."""

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
    took = np.empty((2, turns))
    for worker in (one, other):
        worker.step(path)  # makes the traces
    for turn in range(turns):
        for i in (0, 1) if turn % 2 else (1, 0):
            took[i, turn] = (one, other)[i].step(path)
    return Compared(path, *took)
