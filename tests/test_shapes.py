"""Shapes that are computed are those that come; a mask is handed on where a sequence is."""

from hypothesis import strategies as st

from tests.harness.compare import Mismatch
from tests.harness.paths import EAGER, UNROLL, the_layer
from tests.harness.properties import promise
from tests.harness.releases import shapes_of, tf

FLAGS = st.booleans()


@promise(
    "RNN",
    "If `return_state`: a list of tensors. The first tensor is the output. The remaining tensors "
    "are the last states, each with shape `(batch_size, state_size)`. If `return_sequences`: 3D "
    "tensor with shape `(batch_size, timesteps, output_size)`.",
    choices={"zero_output_for_mask": (False,)},
    on=(EAGER, UNROLL),
    sequences=FLAGS,
    state=FLAGS,
)
def test_compute_output_shape_gives_the_shapes_that_come(case, path, sequences, state):
    made = path.layer(case, return_sequences=sequences, return_state=state)
    with the_layer():
        computed = shapes_of(made.compute_output_shape((case.batch, case.time, case.features)))
    come = [tuple(part.shape) for part in tf.nest.flatten(path.results(case, made))]
    if computed != come:
        raise Mismatch(f"shapes: {computed} are computed, {come} come")
