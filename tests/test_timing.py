"""What a step costs. What can fail a build is a count, or a ratio within one process; times are
measured and reported."""

import warnings

import numpy as np
import pytest

from tests.harness import layer, timing
from tests.harness.compare import Mismatch
from tests.harness.copies import PREDICT_ON_BATCH
from tests.harness.paths import EAGER, EVERY, FUNCTION, UNKNOWN, UNROLL, WHOLE, XLA, the_layer
from tests.harness.properties import documented
from tests.harness.releases import tf
from tests.harness.timing import expect

CALL = "output = simple_rnn(inputs)"
LOOP = "unroll: ... else a symbolic loop will be used."
UNROLLED = "unroll: If `True`, the network will be unrolled"
STEP = "Fully-connected RNN where the output is to be fed back as the new input."

LENGTHS = (1, 10, 100)

SLOWER = {EAGER: 20, UNKNOWN: 3, XLA: 3}
"""How many times as long as the same kernels by hand is too long. The largest medians measured with
TensorFlow 2.12 to 2.21 are 1.1 traced and 1.6 by XLA, so that thrice is a defect and no matter of
taste. By hand, the eager path is a loop of Python: a step of Keras 3 takes 4 to 7 times as long,
one of Keras 2 takes 2 to 4 times."""

SUPERLINEAR = 1.5
"""a + b T grows at most as T does. Caches that overflow add a little. A part c T^2 exceeds this
once it is 0.55 b T at the larger length."""


def ones(batch: int, time: int, features: int = 8) -> np.ndarray:
    return np.ones((batch, time, features), np.float32)


# ------------------------------------------------------------------------------------ counts


@documented("SimpleRNN", LOOP, needs=WHOLE)
def test_one_trace_serves_many_lengths_and_batches():
    call = UNKNOWN.call(UNKNOWN.new(4, 8))
    with the_layer():
        call(tf.constant(ones(1, 1)))
        for batch, time in ((2, 7), (32, 10), (5, 100)):
            graphs = timing.graphs_built(call, tf.constant(ones(batch, time)))
            expect(f"graphs built for batch {batch} and time {time}", graphs, 0)


@pytest.mark.parametrize("path", [EAGER, UNROLL, FUNCTION, XLA, PREDICT_ON_BATCH], ids=str)
@documented("SimpleRNN", CALL, needs=WHOLE)
def test_a_new_array_of_the_same_shape_makes_no_new_trace(path):
    call = path.call(path.new(4, 8))
    with the_layer():
        call(ones(2, 5))
        graphs = [timing.graphs_built(call, ones(2, 5)) for _ in range(3)]
        expect("graphs built in three later calls", graphs, [0, 0, 0])


@documented("SimpleRNN", CALL, needs=WHOLE)
def test_an_eager_call_makes_no_new_trace_for_each_new_length():
    call = EAGER.new(4, 8)
    with the_layer():
        call(ones(2, 3)), call(ones(2, 5))
        graphs = [timing.graphs_built(call, ones(2, time)) for time in (4, 6, 9)]
        expect("graphs built for lengths 4, 6 and 9", graphs, [0, 0, 0])


@documented("SimpleRNN", LOOP, needs=WHOLE)
def test_a_loop_has_as_many_operations_whatever_its_length():
    made = FUNCTION.new(4, 8)
    with the_layer():
        few, many = (timing.operations(made, ones(2, time)) for time in (2, 40))
    expect("operations for 40 steps", many, few)


@documented("SimpleRNN", UNROLLED, needs=WHOLE | {"unroll"})
def test_each_step_adds_as_many_operations_where_the_layer_is_unrolled():
    made = UNROLL.new(4, 8)
    with the_layer():
        n = {time: timing.operations(made, ones(2, time)) for time in (2, 3, 12)}
    expect("whether a step adds operations", n[3] > n[2], True)
    expect("operations that 10 steps add", n[12] - n[2], 10 * (n[3] - n[2]))


@pytest.mark.parametrize(("path", "each"), [(EAGER, 1), (UNROLL, 1), (FUNCTION, 0)], ids=str)
@documented("SimpleRNN", LOOP, needs=WHOLE | {"cell"})
def test_a_step_calls_the_cell_once_at_most_and_a_step_of_a_trace_never(path, each):
    made = path.new(4, 8)
    calls = {}
    for time in (3, 10):
        with the_layer(), timing.counted(made.cell, "call") as counted:
            path.call(made)(ones(2, time))
        calls[time] = len(counted)
    if (added := calls[10] - calls[3]) > 7 * each:
        raise Mismatch(f"7 steps more add {added} calls of the cell")


# ------------------------------------------------------------------------------------- ratios


@pytest.mark.parametrize("path", [UNKNOWN, XLA], ids=str)
@documented("SimpleRNN", LOOP, needs=WHOLE)
def test_time_grows_no_faster_than_the_length(path):
    call = path.call(path.new(4, 64))
    short, long = (tf.constant(ones(32, time, 64)) for time in (64, 1024))

    def in_parts():
        """As many steps: what takes about as long is disturbed as often by what else is running."""
        for _ in range(16):
            call(short)

    with the_layer():
        ratios = timing.paired(lambda: call(long), in_parts, SUPERLINEAR)
    judge(ratios, "1,024 steps take, as against 16 times 64 steps,")


@pytest.mark.parametrize(
    ("path", "time"), [(UNKNOWN, 1), (UNKNOWN, 100), (XLA, 100), (EAGER, 20)], ids=str
)
@documented("SimpleRNN", STEP, needs=WHOLE)
def test_the_layer_is_about_as_fast_as_the_same_kernels_by_hand(path, time):
    made, x = path.new(4, 8), tf.constant(ones(32, time))
    by_hand = timing.python_loop if path is EAGER else timing.while_loop
    call, other = path.call(made), path.call(by_hand(*map(tf.constant, made.get_weights())))
    with the_layer():
        ratios = timing.paired(lambda: call(x), lambda: other(x), SLOWER[path])
    judge(ratios, f"{time} steps take")


def judge(ratios: timing.Ratios, what: str) -> None:
    """Fail where the ratio is surely above its factor, warn where it may be."""
    if ratios.fails:
        raise Mismatch(f"{what} {ratios.words}")
    if ratios.undecided:
        warnings.warn(f"undecided: {what} {ratios.words}", timing.Undecided, stacklevel=2)


# -------------------------------------------------------------------------------- measurements


@pytest.mark.parametrize("time", LENGTHS)
@pytest.mark.parametrize("path", EVERY, ids=str)
def test_step_loop(benchmark, path, time, record_property):
    if missing := layer.under_test().lacks(WHOLE | path.wants):
        pytest.skip(f"not applicable: the layer has no {', '.join(missing)}")
    call, x = path.call(path.new(4, 8)), tf.constant(ones(32, time))
    benchmark.group = f"step loop, T = {time}"
    benchmark.pedantic(call, args=(x,), rounds=3, iterations=max(1, 10 // time), warmup_rounds=1)
    if benchmark.stats is not None:
        step = benchmark.extra_info["microseconds a step"] = benchmark.stats["median"] / time * 1e6
        record_property("microseconds a step", {f"{path}, T = {time}": round(step, 2)})
