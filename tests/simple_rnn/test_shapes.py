"""The shapes of `compute_output_shape`."""

from hypothesis import strategies as st

from tests.harness.compare.assertions import Mismatch
from tests.harness.paths.execution import EAGER, UNROLL
from tests.harness.properties.generated import generated
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import flat_shapes, tf

FLAGS = st.booleans()


@generated(
    "RNN",
    "If `return_state`: a list of tensors. The first tensor is the output. The remaining tensors "
    "are the last states, each with shape `(batch_size, state_size)`. If `return_sequences`: 3D "
    "tensor with shape `(batch_size, timesteps, output_size)`.",
    choices={"zero_output_for_mask": (False,)},
    paths=(EAGER, UNROLL),
    strategies={"sequences": FLAGS, "state": FLAGS},
)
def test_compute_output_shape_matches_the_results(case, path, sequences, state):
    made = path.layer(case, return_sequences=sequences, return_state=state)
    with layer_call():
        computed = flat_shapes(made.compute_output_shape((case.batch, case.time, case.features)))
    returned = [tuple(part.shape) for part in tf.nest.flatten(path.results(case, made))]
    if computed != returned:
        raise Mismatch(f"shapes: {computed} are computed, {returned} are returned")
