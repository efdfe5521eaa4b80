"""Independence of later steps, of other rows, and of the order of units and features."""

import numpy as np
import pytest
from hypothesis import strategies as st

from reference.formats import FORMATS
from tests.harness.cases.plans import INTEGER_ACTIVATIONS, NEVER_MASKED
from tests.harness.compare.assertions import Mismatch, assert_same
from tests.harness.paths.execution import CELL_LOOP, DYNAMIC_SHAPE, EAGER, FUNCTION, UNROLL, XLA
from tests.harness.properties.example import example
from tests.harness.properties.generated import generated
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import tf

ROWS = "the last state for each sample at index i in a batch"
ANY_VALUE = st.sampled_from((0.0, 1.0, 1e4, np.inf, np.nan))


@generated(
    "SimpleRNNCell",
    "This class processes one step within the whole time sequence input",
    choices=NEVER_MASKED,
    case_cost=2,
    strategies={"at": st.integers(0, 99), "value": ANY_VALUE},
)
def test_later_inputs_do_not_affect_earlier_outputs(case, path, at, value):
    at %= case.time
    step = case.recurrence.in_order(np.arange(case.time)[None])  # the step of each element
    later = np.broadcast_to(step >= at, (case.batch, case.time))
    changed = path.run(case.with_inputs(later, value))
    assert_same("outputs", changed.outputs[:, :at], path.run(case).outputs[:, :at])


@generated(
    "SimpleRNN",
    ROWS,
    case_cost=2,
    strategies={"at": st.integers(0, 99), "value": ANY_VALUE},
)
def test_batch_rows_are_independent(case, path, at, value):
    row = np.arange(case.batch) == at % max(case.batch, 1)
    others = np.broadcast_to(~row[:, None], (case.batch, case.time))
    changed = path.run(case.with_inputs(others, value))
    whole = path.run(case)
    assert_same("outputs", changed.outputs[row], whole.outputs[row])
    assert_same("state", changed.state[row], whole.state[row])


@pytest.mark.parametrize("dtype", FORMATS)
@example("SimpleRNN", ROWS, needs={"dtype", "kernel_initializer", "recurrent_initializer"})
def test_infinite_row_affects_no_other_row(dtype):
    for features in (1, 7, 33, 64, 100):
        inputs = np.full((19, 1, features), np.inf)
        inputs[0] = 1
        with layer_call():
            made = layer.under_test().build(
                3, features, dtype=dtype, **layer.under_test().zero_initializers
            )
            outputs = np.asarray(made(tf.cast(inputs, dtype)), np.float64)
        if not np.isfinite(outputs[0]).all():
            raise Mismatch(f"{features} features: row 0 is {outputs[0]}, and only others infinite")


@generated(
    "SimpleRNN",
    "units: Positive integer, dimensionality of the output space.",
    choices={**INTEGER_ACTIVATIONS, "units": lambda sizes: (2, sizes[-1], 29)},
    integers=True,
    paths=(EAGER, XLA, UNROLL),
    nightly_paths=(FUNCTION, DYNAMIC_SHAPE, CELL_LOOP),
    case_cost=2,
    strategies={"seed": st.integers(0, 99)},
)
def test_permuting_the_units_permutes_the_results(case, path, seed):
    order = np.random.RandomState(seed).permutation(case.units)
    permuted = path.run(case.with_units(order))
    assert_same("outputs", permuted.outputs, path.run(case).outputs[:, :, order])


@generated(
    "SimpleRNN",
    "sequence: A 3D tensor, with shape `[batch, timesteps, feature]`.",
    choices={**INTEGER_ACTIVATIONS, "features": lambda sizes: (2, sizes[-1], 260)},
    integers=True,
    paths=(EAGER, XLA, UNROLL),
    nightly_paths=(FUNCTION, DYNAMIC_SHAPE, CELL_LOOP),
    case_cost=2,
    strategies={"seed": st.integers(0, 99)},
)
def test_permuting_the_features_changes_nothing(case, path, seed):
    order = np.random.RandomState(seed).permutation(case.features)
    assert_same("outputs", path.run(case.with_features(order)).outputs, path.run(case).outputs)
