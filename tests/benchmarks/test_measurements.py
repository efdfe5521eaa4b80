"""Measurements by pytest-benchmark, in groups by path.

Each measurement varies one dimension around a centre: 32 units and features, 32 rows, float32,
without gradients. All combinations would take days. Each way is timed in turns with the same
kernels in a tf.while_loop, so that the ratio of the two is valid on a busy machine, too. No
measurement fails a run.
"""

import contextlib
import ctypes
import functools
from dataclasses import replace

import numpy as np
import pytest

from tests.benchmarks import LONGEST
from tests.benchmarks.ways import (
    BASELINE,
    IMPLEMENTATIONS,
    REQUIRED_MODULES,
    WITHOUT_FLOAT64,
    WITHOUT_GRADIENTS,
    Problem,
)
from tests.harness.probes import timing
from tests.harness.target.releases import tf

CENTRE = Problem()
LENGTHS = (1, 3, 10, 30, 100, 300, 1000)
VARIED = {
    "units": (1, 4, 16, 64, 128, 256, 512),
    "batch": (1, 4, 16, 64, 256),
    "dtype": ("float32", "float64"),
    "gradients": (False, True),
}
STEPS = 50
"""The larger of the two lengths for the cost of a step; the other is 1."""

BUDGET = 2.0
"""The duration of each measurement in seconds, without its traces."""


@pytest.fixture(params=IMPLEMENTATIONS)
def way(request):
    for module in REQUIRED_MODULES.get(request.param, ()):
        pytest.importorskip(module)
    return request.param


def test_time_against_length(benchmark, way, record_property):
    lengths = [T for T in LENGTHS if LONGEST.get(way, max(LENGTHS)) >= T]
    names = dict.fromkeys((way, BASELINE))
    runs = {name: IMPLEMENTATIONS[name](CENTRE) for name in names}
    calls = {(name, T): runs[name](CENTRE.inputs(T)) for name in names for T in lengths}
    took = timing.time_in_turns(calls, BUDGET)
    medians = {name: [float(np.median(took[name, T])) for T in lengths] for name in names}
    cost = timing.fit_cost(lengths, medians[way])
    longest = lengths[-1]
    found = {
        "fixed, microseconds": cost.fixed * 1e6,
        "step, microseconds": cost.step * 1e6,
        f"times {BASELINE}": float(np.median(took[way, longest] / took[BASELINE, longest])),
        "of the matrix-product rate": CENTRE.operations / cost.step / rate(CENTRE.dtype),
        "memory, kilobytes a step": memory(calls[way, longest]) / longest,
    }
    microseconds = [t * 1e6 for t in medians[way]]
    record_property("cost", {way: found})
    record_property("time against length", {way: [lengths, microseconds, [cost.fixed, cost.step]]})
    report(benchmark, way, calls[way, longest], found)


@pytest.mark.parametrize("dimension", VARIED)
def test_cost_of_a_step(benchmark, way, dimension, record_property):
    found, times, floor = {}, {}, {}
    for value in VARIED[dimension]:
        problem = replace(CENTRE, **{dimension: value})
        if problem.gradients and way in WITHOUT_GRADIENTS:
            continue
        if problem.dtype == "float64" and way in WITHOUT_FLOAT64:
            continue
        names = dict.fromkeys((way, BASELINE))
        runs = {name: IMPLEMENTATIONS[name](problem) for name in names}
        calls = {(name, T): runs[name](problem.inputs(T)) for name in names for T in (1, STEPS)}
        took = timing.time_in_turns(calls, BUDGET / len(VARIED[dimension]))
        one, many = (np.median(took[way, T]) for T in (1, STEPS))
        found[value] = max(0.0, float(many - one)) / (STEPS - 1) * 1e6
        times[value] = float(np.median(took[way, STEPS] / took[BASELINE, STEPS]))
        floor[value] = problem.operations / rate(problem.dtype) * 1e6
    series = [list(found), list(found.values()), list(floor.values())]
    record_property(f"step against {dimension}", {way: series})
    more = {f"step, microseconds, {dimension}={v}": step for v, step in found.items()}
    more |= {f"times {BASELINE}, {dimension}={v}": ratio for v, ratio in times.items()}
    report(benchmark, way, calls[way, STEPS], more)


def report(benchmark, way: str, call, found: dict) -> None:
    benchmark.group = way
    benchmark.extra_info.update(found)
    benchmark.pedantic(call, rounds=timing.MIN_ROUNDS)


@functools.cache
def rate(dtype: str) -> float:
    """Return the peak operations per second of this machine in a large matrix product."""
    n = 1024
    x = tf.ones((n, n), dtype)
    durations = timing.time_in_turns({"product": lambda: tf.matmul(x, x).numpy()}, 1.0)["product"]
    return 2 * n**3 / float(durations.min())


def memory(call) -> float:
    """Return the peak memory of a call in kilobytes, beyond the memory before it.

    Returns NaN on systems other than Linux with the GNU C library.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)  # returns freed memory, so that the call must allocate
        with open("/proc/self/clear_refs", "w") as reset:
            reset.write("5")  # resets the peak to the resident memory
        before = _status("VmRSS")
        call()
        return _status("VmHWM") - before
    return float("nan")


def _status(name: str) -> int:
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(name))
