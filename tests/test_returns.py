"""`return_sequences` and `return_state` in all combinations: what comes, of what shape and type."""

import pytest
from hypothesis import strategies as st

from tests.harness.compare import Mismatch, assert_same
from tests.harness.drawing import EXACT
from tests.harness.paths import (
    EAGER,
    FUNCTION,
    UNKNOWN,
    UNROLL,
    UNROLL_FUNCTION,
    WHOLE,
    XLA,
    the_layer,
)
from tests.harness.properties import documented, promise
from tests.harness.releases import tf

FLAGS = st.booleans()


@promise(
    "SimpleRNN",
    "return_sequences: Boolean. Whether to return the last output in the output sequence, or the "
    "full sequence. return_state: Boolean. Whether to return the last state in addition to the "
    "output.",
    on=(EAGER, UNROLL, UNKNOWN, XLA),
    nightly=(FUNCTION,),
    choices={**EXACT, "zero_output_for_mask": (False,)},
    integers=True,
    sequences=st.sampled_from((False, True, False)),
    state=FLAGS,
)
def test_each_combination_returns_its_part_of_the_whole(case, path, sequences, state):
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


@promise(
    "RNN",
    "If `return_sequences`: 3D tensor with shape `(batch_size, timesteps, output_size)`.",
    on=(EAGER, UNROLL),
    sequences=FLAGS,
    state=FLAGS,
    known=FLAGS,
)
def test_symbolic_shapes_are_those_of_the_results(case, path, sequences, state, known):
    made = path.layer(case, return_sequences=sequences, return_state=state)
    time = case.time if known or path is UNROLL else None
    symbol = tf.keras.Input((time, case.features), dtype=case.dtype)
    with the_layer():
        parts = tf.nest.flatten(made(symbol))
    outputs = (None, time, case.units) if sequences else (None, case.units)
    expected = [(shape, case.dtype) for shape in (outputs, *[(None, case.units)] * state)]
    got = [(tuple(part.shape), tf.as_dtype(part.dtype).name) for part in parts]
    if got != expected:
        raise Mismatch(f"symbolic shapes and dtypes: expected {expected}, got {got}")


@pytest.mark.parametrize(
    ("path", "time"), [(FUNCTION, 3), (FUNCTION, None), (UNROLL_FUNCTION, 3)], ids=str
)
@pytest.mark.parametrize("batch", [2, None])
@documented(
    "RNN",
    "If `return_sequences`: 3D tensor with shape `(batch_size, timesteps, output_size)`.",
    needs=WHOLE,
)
def test_a_trace_knows_the_shapes_of_the_results(path, time, batch):
    with the_layer():
        traced = path.call(path.new(4, 2)).get_concrete_function(tf.TensorSpec((batch, time, 2)))
    got = [tuple(part.shape) for part in tf.nest.flatten(traced.structured_outputs)]
    if got != (expected := [(batch, time, 4), (batch, 4)]):
        raise Mismatch(f"shapes in a trace: expected {expected}, got {got}")
