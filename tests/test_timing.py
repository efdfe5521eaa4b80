"""What a step costs, measured and reported; what can fail a build here is counted, not timed."""

import numpy as np
import pytest

from tests.harness import layer
from tests.harness.paths import EVERY
from tests.harness.releases import tf

LENGTHS = (1, 10, 100)


@pytest.fixture
def built():
    return layer.under_test().build(4, 8, return_sequences=True, return_state=True)


def test_one_trace_serves_many_lengths_and_batches(built, record_property):
    record_property("promise", "SimpleRNN: else a symbolic loop will be used")
    traces = []

    @tf.function(input_signature=[tf.TensorSpec([None, None, 8])])
    def run(x):
        traces.append(x)
        return built(x)

    for batch, time in ((1, 1), (2, 7), (32, 10), (5, 100)):
        outputs, _ = run(tf.ones((batch, time, 8)))
        assert tuple(outputs.shape) == (batch, time, 4)
    assert len(traces) == 1
    record_property("cases", 4)


@pytest.mark.parametrize("time", LENGTHS)
@pytest.mark.parametrize("path", EVERY, ids=str)
def test_step_loop(benchmark, path, time, record_property):
    if missing := layer.under_test().lacks(path.needs | dict(path.options).keys()):
        pytest.skip(f"not applicable: the layer has no {', '.join(missing)}")
    made = layer.under_test().build(
        4, 8, return_sequences=True, return_state=True, **dict(path.options)
    )
    call, x = path.call(made), tf.constant(np.ones((32, time, 8), np.float32))
    benchmark.group = f"step loop, T = {time}"
    benchmark.pedantic(call, args=(x,), rounds=5, iterations=max(1, 20 // time), warmup_rounds=1)
    if benchmark.stats is not None:
        step = benchmark.extra_info["microseconds a step"] = benchmark.stats["median"] / time * 1e6
        record_property("microseconds a step", {f"{path}, T = {time}": round(step, 2)})
