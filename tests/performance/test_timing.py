"""The cost of a step. Only counts, and ratios of times within one process, can fail a test; times
are measured and reported."""

import warnings

import numpy as np
import pytest

from tests.harness.compare.assertions import Mismatch
from tests.harness.paths.execution import (
    DYNAMIC_SHAPE,
    EAGER,
    EXECUTION_PATHS,
    FUNCTION,
    UNROLL,
    XLA,
)
from tests.harness.paths.models import PREDICT_ON_BATCH
from tests.harness.paths.path import SEQUENCES_AND_STATE
from tests.harness.probes import timing
from tests.harness.probes.timing import assert_count
from tests.harness.properties.example import example
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import tf

CALL = "output = simple_rnn(inputs)"
LOOP = "unroll: ... else a symbolic loop will be used."
UNROLLED = "unroll: If `True`, the network will be unrolled"
STEP = "Fully-connected RNN where the output is to be fed back as the new input."

LENGTHS = (1, 10, 100)

MAX_SLOWDOWN = {EAGER: 20, DYNAMIC_SHAPE: 3, XLA: 3}
"""The largest allowed ratio to the time of the same kernels in a hand-written loop. The largest
medians measured with TensorFlow 2.12 to 2.21 are 1.1 for traced loops and 1.6 for XLA, so a ratio
of 3 is a defect. The hand-written eager loop is a Python loop: a step of Keras 3 takes 4 to 7 times
as long, a step of Keras 2 takes 2 to 4 times as long."""

MAX_GROWTH = 1.5
"""The largest allowed ratio of the times of equal numbers of steps in long and short sequences. It
is at most 1 for a cost of a + b T, and overflowing caches add a little. A term c T^2 exceeds the
limit if it is at least 0.55 b T at the larger length."""


def ones(batch: int, time: int, features: int = 8) -> np.ndarray:
    return np.ones((batch, time, features), np.float32)


# ------------------------------------------------------------------------------------ counts


@example("SimpleRNN", LOOP, needs=SEQUENCES_AND_STATE)
def test_one_trace_serves_many_lengths_and_batches():
    call = DYNAMIC_SHAPE.call(DYNAMIC_SHAPE.new_layer(4, 8))
    with layer_call():
        call(tf.constant(ones(1, 1)))
        for batch, time in ((2, 7), (32, 10), (5, 100)):
            graphs = timing.graphs_built(call, tf.constant(ones(batch, time)))
            assert_count(f"graphs built for batch {batch} and time {time}", graphs, 0)


@pytest.mark.parametrize("path", [EAGER, UNROLL, FUNCTION, XLA, PREDICT_ON_BATCH])
@example("SimpleRNN", CALL, needs=SEQUENCES_AND_STATE)
def test_same_shape_does_not_retrace(path):
    call = path.call(path.new_layer(4, 8))
    with layer_call():
        call(ones(2, 5))
        graphs = [timing.graphs_built(call, ones(2, 5)) for _ in range(3)]
        assert_count("graphs built in three later calls", graphs, [0, 0, 0])


@example("SimpleRNN", CALL, needs=SEQUENCES_AND_STATE)
def test_eager_call_does_not_trace_new_lengths():
    call = EAGER.new_layer(4, 8)
    with layer_call():
        call(ones(2, 3)), call(ones(2, 5))
        graphs = [timing.graphs_built(call, ones(2, time)) for time in (4, 6, 9)]
        assert_count("graphs built for lengths 4, 6 and 9", graphs, [0, 0, 0])


@example("SimpleRNN", LOOP, needs=SEQUENCES_AND_STATE)
def test_loop_graph_size_is_independent_of_length():
    made = FUNCTION.new_layer(4, 8)
    with layer_call():
        few, many = (timing.operation_count(made, ones(2, time)) for time in (2, 40))
    assert_count("operations for 40 steps", many, few)


@example("SimpleRNN", UNROLLED, needs=SEQUENCES_AND_STATE | {"unroll"})
def test_unrolled_graph_grows_linearly():
    made = UNROLL.new_layer(4, 8)
    with layer_call():
        n = {time: timing.operation_count(made, ones(2, time)) for time in (2, 3, 12)}
    assert_count("whether a step adds operations", n[3] > n[2], True)
    assert_count("operations that 10 steps add", n[12] - n[2], 10 * (n[3] - n[2]))


@pytest.mark.parametrize(("path", "each"), [(EAGER, 1), (UNROLL, 1), (FUNCTION, 0)])
@example("SimpleRNN", LOOP, needs=SEQUENCES_AND_STATE | {"cell"})
def test_each_step_calls_the_cell_at_most_once(path, each):
    made = path.new_layer(4, 8)
    calls = {}
    for time in (3, 10):
        with layer_call(), timing.count_calls(made.cell, "call") as counted:
            path.call(made)(ones(2, time))
        calls[time] = len(counted)
    if (added := calls[10] - calls[3]) > 7 * each:
        raise Mismatch(f"7 more steps add {added} calls of the cell")


# ------------------------------------------------------------------------------------- ratios


@pytest.mark.parametrize("path", [DYNAMIC_SHAPE, XLA])
@example("SimpleRNN", LOOP, needs=SEQUENCES_AND_STATE)
def test_time_grows_no_faster_than_the_length(path):
    call = path.call(path.new_layer(4, 64))
    short, long = (tf.constant(ones(32, time, 64)) for time in (64, 1024))

    def in_parts():
        """Run as many steps in 16 calls: calls of equal duration suffer equally from noise."""
        for _ in range(16):
            call(short)

    with layer_call():
        ratios = timing.paired_ratios(lambda: call(long), in_parts, MAX_GROWTH)
    warn_or_fail(ratios, "1,024 steps, compared with 16 times 64 steps, take")


@pytest.mark.parametrize(
    ("path", "time"), [(DYNAMIC_SHAPE, 1), (DYNAMIC_SHAPE, 100), (XLA, 100), (EAGER, 20)]
)
@example("SimpleRNN", STEP, needs=SEQUENCES_AND_STATE)
def test_layer_is_about_as_fast_as_baseline(path, time):
    made, x = path.new_layer(4, 8), tf.constant(ones(32, time))
    by_hand = timing.python_loop if path is EAGER else timing.while_loop
    call, other = path.call(made), path.call(by_hand(*map(tf.constant, made.get_weights())))
    with layer_call():
        ratios = timing.paired_ratios(lambda: call(x), lambda: other(x), MAX_SLOWDOWN[path])
    warn_or_fail(ratios, f"{time} steps take")


def warn_or_fail(ratios: timing.Ratios, what: str) -> None:
    """Raise Mismatch if the sign test rejects the factor; warn if only the median exceeds it."""
    if ratios.fails:
        raise Mismatch(f"{what} {ratios.words}")
    if ratios.undecided:
        warnings.warn(f"undecided: {what} {ratios.words}", timing.UndecidedWarning, stacklevel=2)


# -------------------------------------------------------------------------------- measurements


@pytest.mark.parametrize("time", LENGTHS)
@pytest.mark.parametrize("path", EXECUTION_PATHS)
def test_step_loop(benchmark, path, time, record_property):
    if missing := layer.under_test().missing_features(SEQUENCES_AND_STATE | path.required_features):
        pytest.skip(f"not applicable: needs {', '.join(missing)}")
    call, x = path.call(path.new_layer(4, 8)), tf.constant(ones(32, time))
    benchmark.group = f"step loop, T = {time}"
    benchmark.pedantic(call, args=(x,), rounds=3, iterations=max(1, 10 // time), warmup_rounds=1)
    if benchmark.stats is not None:
        step = benchmark.extra_info["microseconds a step"] = benchmark.stats["median"] / time * 1e6
        record_property("microseconds a step", {f"{path}, T = {time}": round(step, 2)})
