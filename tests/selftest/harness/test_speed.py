"""Cases per second of the suite and of a naive verification; measured without a limit."""

import itertools

import numpy as np
import pytest

from tests.harness.cases import plans
from tests.harness.cases.plans import NEVER_MASKED
from tests.harness.cases.values import float_values
from tests.harness.compare.runs import assert_steps
from tests.harness.paths.execution import DYNAMIC_SHAPE
from tests.harness.target.releases import tf

CHOICES = {**NEVER_MASKED, "activation": ("tanh",), "dtype": ("float32",), "batch": (1, 2, 3, 5, 8)}
CHOICES["large"] = (None,)


def cases():
    """Yield the same cases for both ways: a pool of plans, and new values for each case."""
    allowed = plans.narrowed_choices({**CHOICES, "zero_output_for_mask": (False,)})
    pool = plans.plan_pool(tuple(allowed.items()), 12, 0)
    for i in itertools.count():
        yield pool[i % 12].case(i, float_values())


def verify_with_suite(case):
    assert_steps(DYNAMIC_SHAPE.run(case), case)


def verify_naively(case):
    """Verify a case with a new layer, an eager call, a NumPy loop and assert_allclose."""
    layer = tf.keras.layers.SimpleRNN(
        case.units,
        use_bias=case.bias is not None,
        go_backwards=case.go_backwards,
        return_sequences=True,
    )
    layer.build((None, None, case.features))
    layer.set_weights(list(case.weights))
    start = case.initial_state
    state = None if start is None else [tf.constant(start, tf.float32)]
    got = layer(tf.constant(case.inputs, tf.float32), initial_state=state).numpy()
    h = np.zeros((case.batch, case.units)) if start is None else start
    steps = range(case.time)
    expected = np.zeros_like(got)
    for i, t in enumerate(reversed(steps) if case.go_backwards else steps):
        z = case.inputs[:, t] @ case.kernel + h @ case.recurrent_kernel
        h = np.tanh(z if case.bias is None else z + case.bias)
        expected[:, i] = h
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("way", "count"),
    [(verify_with_suite, 1500), (verify_naively, 150)],
    ids=["the way of the suite", "the plain way"],
)
def test_cases_verified_per_second(benchmark, way, count):
    """Measure the time to draw, run and verify a case.

    The time of the suite includes its traces, which serve 1,500 cases as in a run.
    """
    benchmark.group = "verifying cases"
    drawn = cases()
    benchmark.pedantic(lambda: way(next(drawn)), rounds=1, iterations=count)
