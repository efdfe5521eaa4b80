"""Comparison of times on a busy machine, and counts of graphs, operations and calls.

Identical code, timed in separate blocks on a busy machine, gave ratios from 0.44 to 1.7. So two
calls are timed in pairs of alternating order, and a sign test counts the ratios above a factor. Its
level does not depend on the noise, if the noise affects both calls equally.
"""

import contextlib
import gc
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import optimize, stats

from tests.harness.compare.assertions import Mismatch
from tests.harness.target.releases import tf

FALSE_ALARM_PROBABILITY = 1e-9
"""The probability that a timing test fails although the median ratio is the allowed factor."""

MAX_PAIRS = 40
MIN_ABOVE = int(stats.binom.isf(FALSE_ALARM_PROBABILITY, MAX_PAIRS, 0.5)) + 1
"""The critical value of the sign test, which rejects if this many ratios are above the factor."""

MIN_PAIRS = 9
"""The smallest number of pairs, for the median."""

MIN_ROUNDS = 5
"""The smallest number of rounds of a measurement."""


class UndecidedWarning(UserWarning):
    """A timing test passes although the median ratio exceeds the factor: the noise is too large."""


def seconds(call: Callable) -> float:
    """Return the duration of a call in seconds, with garbage collection disabled."""
    collecting = gc.isenabled()
    gc.disable()
    start = time.perf_counter()
    try:
        call()
        return time.perf_counter() - start
    finally:
        if collecting:
            gc.enable()


def time_in_turns(calls: Mapping[Hashable, Callable], budget: float) -> dict[Hashable, np.ndarray]:
    """Return the durations (rounds,) of each call in seconds, timed in alternating order.

    budget: the total duration in seconds; there are at least MIN_ROUNDS rounds. One more round at
    the start is not timed, because it traces.
    """
    names = list(calls)
    durations: dict[Hashable, list[float]] = {name: [] for name in names}
    for call in calls.values():
        call()
    end, rounds = time.perf_counter() + budget, 0
    while rounds < MIN_ROUNDS or time.perf_counter() < end:
        for name in names if rounds % 2 else reversed(names):
            durations[name].append(seconds(calls[name]))
        rounds += 1
    return {name: np.array(times) for name, times in durations.items()}


@dataclass(frozen=True)
class Cost:
    """The cost a + b T of T steps, in seconds: `fixed` is a, `step` is b."""

    fixed: float
    step: float


def fit_cost(lengths: Sequence[int], durations: Sequence[float]) -> Cost:
    """Return the a, b >= 0 with the smallest sum of ((a + b T - t) / t)^2.

    lengths: the numbers of steps T. durations: the times t in seconds. Errors are relative, so that
    short sequences have the same weight as long ones.
    """
    t, T = np.asarray(durations, float), np.asarray(lengths, float)
    (fixed, step), _ = optimize.nnls(np.column_stack([1 / t, T / t]), np.ones_like(t))
    return Cost(float(fixed), float(step))


@dataclass(frozen=True)
class Ratios:
    """Paired ratios of durations, and the sign test of their median against a factor."""

    ratios: tuple[float, ...]
    factor: float

    @property
    def median(self) -> float:
        return float(np.median(self.ratios))

    @property
    def above(self) -> int:
        return sum(r > self.factor for r in self.ratios)

    @property
    def fails(self) -> bool:
        """Whether the sign test rejects a median of at most the factor, at the level
        FALSE_ALARM_PROBABILITY."""
        return self.above >= MIN_ABOVE

    @property
    def undecided(self) -> bool:
        return self.median > self.factor and not self.fails

    @property
    def words(self) -> str:
        return (
            f"{self.median:.3g} times as long (median), above {self.factor:.3g} times in "
            f"{self.above} of {len(self.ratios)} pairs"
        )


def paired_ratios(one: Callable, other: Callable, factor: float) -> Ratios:
    """Return the ratios of the durations of two calls, timed in alternating order.

    There are at most MAX_PAIRS ratios. After MIN_PAIRS, the measurement stops as soon as
    `Ratios.fails` cannot become true. This does not change the level of the test, and saves time
    where the layer is fast enough.
    """
    one(), other()
    ratios: list[float] = []
    while len(ratios) < MAX_PAIRS:
        if len(ratios) % 2:
            numerator, denominator = seconds(one), seconds(other)
        else:
            denominator, numerator = seconds(other), seconds(one)
        ratios.append(numerator / denominator)
        not_above = sum(r <= factor for r in ratios)
        if len(ratios) >= MIN_PAIRS and not_above > MAX_PAIRS - MIN_ABOVE:
            break
    return Ratios(tuple(ratios), factor)


# ------------------------------------------------------------------------------------ counts


@contextlib.contextmanager
def count_calls(owner, name: str) -> Iterator[list]:
    """Record the calls of an attribute of an object or class within the block, one entry each."""
    original, calls = getattr(owner, name), []
    attribute = vars(owner).get(name)

    def call(*args, **more):
        calls.append(name)
        return original(*args, **more)

    setattr(owner, name, call)
    try:
        yield calls
    finally:
        if attribute is None:
            delattr(owner, name)
        else:
            setattr(owner, name, attribute)


def graphs_built(call: Callable, *arguments) -> int:
    """Return the number of graphs that TensorFlow builds in a call: of traces, loops, functions."""
    with count_calls(tf.Graph, "__init__") as graphs:
        call(*arguments)
    return len(graphs)


def operation_count(call: Callable, *arguments) -> int:
    """Return the number of operations in the graph of a function and of the functions it calls."""
    graph = tf.function(call).get_concrete_function(*arguments).graph.as_graph_def()
    return len(graph.node) + sum(len(function.node_def) for function in graph.library.function)


def assert_count(what: str, got, expected) -> None:
    """Raise Mismatch unless a count is the expected one."""
    if got != expected:
        raise Mismatch(f"{what}: expected {expected}, got {got}")


# --------------------------------------------------------------------- the same kernels by hand


def while_loop(kernel, recurrent_kernel, bias):
    """Return h_t = tanh(x_t W + b + h_{t-1} U) in a tf.while_loop.

    It is a function of x (batch, time, features) that returns outputs and state, as the layer does.
    """

    def call(x):
        rows = tf.transpose(x, (1, 0, 2))
        length, units = tf.shape(rows)[0], kernel.shape[1]
        outputs = tf.TensorArray(x.dtype, length, element_shape=(None, units))

        def step(t, h, outputs):
            h = tf.tanh(tf.matmul(rows[t], kernel) + bias + tf.matmul(h, recurrent_kernel))
            return t + 1, h, outputs.write(t, h)

        start = (0, tf.zeros((tf.shape(x)[0], units), x.dtype), outputs)
        _, state, outputs = tf.while_loop(lambda t, *_: t < length, step, start)
        return tf.transpose(outputs.stack(), (1, 0, 2)), state

    return call


def scan_loop(kernel, recurrent_kernel, bias):
    """Return the same function with tf.scan."""

    def call(x):
        outputs = tf.scan(
            lambda h, x: tf.tanh(tf.matmul(x, kernel) + bias + tf.matmul(h, recurrent_kernel)),
            tf.transpose(x, (1, 0, 2)),
            tf.zeros((tf.shape(x)[0], kernel.shape[1]), x.dtype),
        )
        return tf.transpose(outputs, (1, 0, 2)), outputs[-1]

    return call


def python_loop(kernel, recurrent_kernel, bias):
    """Return the same function with a Python loop."""

    def call(x):
        h, outputs = tf.zeros((x.shape[0], kernel.shape[1]), x.dtype), []
        for t in range(x.shape[1]):
            h = tf.tanh(tf.matmul(x[:, t], kernel) + bias + tf.matmul(h, recurrent_kernel))
            outputs.append(h)
        return tf.stack(outputs, axis=1), h

    return call


def numpy_loop(kernel, recurrent_kernel, bias):
    """Return the same function in NumPy, for arrays."""

    def call(x):
        outputs = np.empty((*x.shape[:2], kernel.shape[1]), x.dtype)
        h = np.zeros_like(outputs[:, 0])
        for t in range(x.shape[1]):
            h = outputs[:, t] = np.tanh(x[:, t] @ kernel + bias + h @ recurrent_kernel)
        return outputs, h

    return call
