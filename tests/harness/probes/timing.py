"""Time, measured so that a busy machine decides nothing; and what is better counted than timed.

Identical code, timed in blocks on a busy machine, gave ratios from 0.44 to 1.7. So what is compared
is timed in turns, in alternating order, and judged by how many of the paired ratios are above a
factor: a number whose law is known whatever the noise, as long as it hits both sides alike.
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
"""How probable it may be that a gate of time fails although the median ratio is what is allowed."""

MAX_PAIRS = 40
MIN_ABOVE = int(stats.binom.isf(FALSE_ALARM_PROBABILITY, MAX_PAIRS, 0.5)) + 1
"""The sign test: the fewest of all pairs that are above the factor as improbably as that."""

MIN_PAIRS = 9
"""Pairs that are timed in any case, for the median."""

MIN_ROUNDS = 5
"""Rounds of a measurement."""


class UndecidedWarning(UserWarning):
    """A gate of time that passes, though it seems slow: the machine is too busy to tell."""


def seconds(call: Callable) -> float:
    """The time of a call, without the collection of garbage."""
    collecting = gc.isenabled()
    gc.disable()
    began = time.perf_counter()
    try:
        call()
        return time.perf_counter() - began
    finally:
        if collecting:
            gc.enable()


def time_in_turns(calls: Mapping[Hashable, Callable], budget: float) -> dict[Hashable, np.ndarray]:
    """Seconds (rounds,) of each call, one after the other, in the other order in each next round.

    There are so many rounds as fit into the budget, in seconds, and at least FEWEST. A round before
    them does not count: it makes the traces.
    """
    names = list(calls)
    took = {name: [] for name in names}
    for call in calls.values():
        call()
    ends, rounds = time.perf_counter() + budget, 0
    while rounds < MIN_ROUNDS or time.perf_counter() < ends:
        for name in names if rounds % 2 else reversed(names):
            took[name].append(seconds(calls[name]))
        rounds += 1
    return {name: np.array(times) for name, times in took.items()}


@dataclass(frozen=True)
class Cost:
    """a + b T seconds of T steps."""

    fixed: float
    step: float


def fit_cost(lengths: Sequence[int], took: Sequence[float]) -> Cost:
    """The a, b >= 0 with the smallest sum of ((a + b T - t) / t)^2: relative errors, so that the
    shortest counts as much as the longest."""
    t, T = np.asarray(took, float), np.asarray(lengths, float)
    (fixed, step), _ = optimize.nnls(np.column_stack([1 / t, T / t]), np.ones_like(t))
    return Cost(float(fixed), float(step))


@dataclass(frozen=True)
class Ratios:
    """Paired ratios, and whether their median is above a factor."""

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
        """The sign test rejects that the median is at most the factor, at the level ALARM."""
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
    """Ratios of the time of one to that of the other, in alternating order.

    At most PAIRS of them, and no more than FEW once the test of `Ratios.fails` cannot reject any
    longer: that changes nothing in its level, and what is right is soon done.
    """
    one(), other()
    ratios = []
    while len(ratios) < MAX_PAIRS:
        if len(ratios) % 2:
            took, reference = seconds(one), seconds(other)
        else:
            reference, took = seconds(other), seconds(one)
        ratios.append(took / reference)
        lost = sum(r <= factor for r in ratios)
        if len(ratios) >= MIN_PAIRS and lost > MAX_PAIRS - MIN_ABOVE:
            break
    return Ratios(tuple(ratios), factor)


# ------------------------------------------------------------------------------------ counts


@contextlib.contextmanager
def count_calls(owner, name: str) -> Iterator[list]:
    """The calls of that attribute of an object or class, one entry each."""
    right, calls = getattr(owner, name), []
    own = vars(owner).get(name)

    def call(*args, **more):
        calls.append(name)
        return right(*args, **more)

    setattr(owner, name, call)
    try:
        yield calls
    finally:
        if own is None:
            delattr(owner, name)
        else:
            setattr(owner, name, own)


def graphs_built(call: Callable, *arguments) -> int:
    """How many graphs TensorFlow makes in that call, for traces, loops and functions alike."""
    with count_calls(tf.Graph, "__init__") as graphs:
        call(*arguments)
    return len(graphs)


def operation_count(call: Callable, *arguments) -> int:
    """The number of operations in the graph of a function, and in all that it calls."""
    graph = tf.function(call).get_concrete_function(*arguments).graph.as_graph_def()
    return len(graph.node) + sum(len(function.node_def) for function in graph.library.function)


def assert_count(what: str, got, expected) -> None:
    """A count is exact: Mismatch if it differs."""
    if got != expected:
        raise Mismatch(f"{what}: expected {expected}, got {got}")


# --------------------------------------------------------------------- the same kernels by hand


def while_loop(kernel, recurrent_kernel, bias):
    """h_t = tanh(x_t W + b + h_{t-1} U) in a tf.while_loop: a function of x (batch, time, features)
    that gives outputs and state, as the layer does."""

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
    """The same by tf.scan."""

    def call(x):
        outputs = tf.scan(
            lambda h, x: tf.tanh(tf.matmul(x, kernel) + bias + tf.matmul(h, recurrent_kernel)),
            tf.transpose(x, (1, 0, 2)),
            tf.zeros((tf.shape(x)[0], kernel.shape[1]), x.dtype),
        )
        return tf.transpose(outputs, (1, 0, 2)), outputs[-1]

    return call


def python_loop(kernel, recurrent_kernel, bias):
    """The same by a loop of Python."""

    def call(x):
        h, outputs = tf.zeros((x.shape[0], kernel.shape[1]), x.dtype), []
        for t in range(x.shape[1]):
            h = tf.tanh(tf.matmul(x[:, t], kernel) + bias + tf.matmul(h, recurrent_kernel))
            outputs.append(h)
        return tf.stack(outputs, axis=1), h

    return call


def numpy_loop(kernel, recurrent_kernel, bias):
    """The same in NumPy alone, on arrays."""

    def call(x):
        outputs = np.empty((*x.shape[:2], kernel.shape[1]), x.dtype)
        h = np.zeros_like(outputs[:, 0])
        for t in range(x.shape[1]):
            h = outputs[:, t] = np.tanh(x[:, t] @ kernel + bias + h @ recurrent_kernel)
        return outputs, h

    return call
