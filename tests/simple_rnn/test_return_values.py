"""The results for all combinations of `return_sequences` and `return_state`."""

import pytest
from hypothesis import strategies as st

from tests.harness.cases.plans import INTEGER_ACTIVATIONS
from tests.harness.compare.assertions import Mismatch, assert_same
from tests.harness.paths.execution import (
    DYNAMIC_SHAPE,
    EAGER,
    FUNCTION,
    UNROLL,
    UNROLL_FUNCTION,
    XLA,
)
from tests.harness.paths.path import SEQUENCES_AND_STATE
from tests.harness.properties.example import example
from tests.harness.properties.generated import generated
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import tf

FLAGS = st.booleans()


@generated(
    "SimpleRNN",
    "return_sequences: Boolean. Whether to return the last output in the output sequence, or the "
    "full sequence. return_state: Boolean. Whether to return the last state in addition to the "
    "output.",
    paths=(EAGER, UNROLL, DYNAMIC_SHAPE, XLA),
    nightly_paths=(FUNCTION,),
    choices={**INTEGER_ACTIVATIONS, "zero_output_for_mask": (False,)},
    integers=True,
    strategies={"sequences": st.sampled_from((False, True, False)), "state": FLAGS},
)
def test_return_flags_select_the_results(case, path, sequences, state):
    outputs, final_state = case.expected()
    expected = [outputs if sequences else outputs[:, -1]] + [final_state] * state
    got = path.results(case, path.layer(case, return_sequences=sequences, return_state=state))
    parts = tf.nest.flatten(got)
    if isinstance(got, (list, tuple)) != state or len(parts) != len(expected):
        raise Mismatch(
            f"expected {len(expected)} tensors, got {len(parts)} in {type(got).__name__}"
        )
    for what, part, wanted in zip(("output", "state"), parts, expected, strict=False):
        assert_same(what, part, wanted)


@generated(
    "RNN",
    "If `return_sequences`: 3D tensor with shape `(batch_size, timesteps, output_size)`.",
    paths=(EAGER, UNROLL),
    strategies={"sequences": FLAGS, "state": FLAGS, "known": FLAGS},
)
def test_symbolic_shapes_match_the_results(case, path, sequences, state, known):
    made = path.layer(case, return_sequences=sequences, return_state=state)
    time = case.time if known or path is UNROLL else None
    symbol = tf.keras.Input((time, case.features), dtype=case.dtype)
    with layer_call():
        parts = tf.nest.flatten(made(symbol))
    outputs = (None, time, case.units) if sequences else (None, case.units)
    expected = [(shape, case.dtype) for shape in (outputs, *[(None, case.units)] * state)]
    got = [(tuple(part.shape), tf.as_dtype(part.dtype).name) for part in parts]
    if got != expected:
        raise Mismatch(f"symbolic shapes and dtypes: expected {expected}, got {got}")


@pytest.mark.parametrize(("path", "time"), [(FUNCTION, 3), (FUNCTION, None), (UNROLL_FUNCTION, 3)])
@pytest.mark.parametrize("batch", [2, None])
@example(
    "RNN",
    "If `return_sequences`: 3D tensor with shape `(batch_size, timesteps, output_size)`.",
    needs=SEQUENCES_AND_STATE,
)
def test_trace_has_static_result_shapes(path, time, batch):
    with layer_call():
        traced = path.call(path.new_layer(4, 2)).get_concrete_function(
            tf.TensorSpec((batch, time, 2))
        )
    got = [tuple(part.shape) for part in tf.nest.flatten(traced.structured_outputs)]
    if got != (expected := [(batch, time, 4), (batch, 4)]):
        raise Mismatch(f"shapes in a trace: expected {expected}, got {got}")
