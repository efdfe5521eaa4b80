"""`TimeDistributed`: each slice gives what the layer gives for it by itself."""

import numpy as np
from hypothesis import strategies as st

from tests.harness.cases.plans import (
    ALWAYS_MASKED,
    HALF_DTYPES,
    INTEGER_ACTIVATIONS,
    UNIT_MAGNITUDE,
)
from tests.harness.compare.assertions import assert_same
from tests.harness.compare.runs import Run, assert_exact, assert_steps
from tests.harness.paths.time_distributed import (
    BEHIND_SLICES,
    MASKED_SLICES,
    SLICES,
    SLICES_OF_MODELS,
    TRACED_SLICES,
)
from tests.harness.properties.generated import generated

SLICE_BY_SLICE = "This wrapper allows to apply a layer to every temporal slice of an input."
EXACT = {
    **INTEGER_ACTIVATIONS,
    **UNIT_MAGNITUDE,
    "zero_output_for_mask": (False,),
}


def assert_slices(case, path, sequences: bool = True) -> None:
    """The outputs are those of the reference for each slice, in every bit."""
    outputs = path.results(case, path.layer(case, return_sequences=sequences))
    expected, _ = (case.equivalent_case or case).expected()
    assert_same("outputs", outputs, expected if sequences else expected[:, -1])


@generated(
    "TimeDistributed",
    SLICE_BY_SLICE,
    choices=EXACT,
    integers=True,
    paths=(SLICES, *TRACED_SLICES, *SLICES_OF_MODELS),
    case_cost=2,
    trace_cost=2,
    strategies={"sequences": st.booleans()},
)
def test_each_slice_equals_the_layer_result(case, path, sequences):
    assert_slices(case, path, sequences)


@generated("TimeDistributed", SLICE_BY_SLICE, choices=UNIT_MAGNITUDE, paths=(SLICES,))
def test_slices_are_within_rounding(case, path):
    outputs = path.results(case, path.layer(case, return_sequences=True))
    assert_steps(Run(np.asarray(outputs, np.float64), None), case)


@generated(
    "Policy",
    "mixed_float16, mixed_bfloat16: the compute dtype is float16 or bfloat16, and the variable "
    "dtype is float32",
    choices={**EXACT, **HALF_DTYPES},
    integers=True,
    paths=(SLICES,),
    case_cost=3,
    needs={"dtype"},
)
def test_slices_follow_a_mixed_policy(case, path):
    assert_slices(case, path.with_mixed_policy(case))


@generated(
    "Embedding",
    'mask_zero: Boolean, whether or not the input value 0 is a special "padding" value that '
    "should be masked out. This is useful when using recurrent layers which may take variable "
    "length input.",
    choices={**EXACT, **ALWAYS_MASKED},
    integers=True,
    paths=MASKED_SLICES,
    case_cost=2,
    needs={"mask"},
)
def test_slices_receive_a_mask_made_inside(case, path):
    assert_slices(case, path)


@generated(
    "TimeDistributed",
    SLICE_BY_SLICE,
    choices={**EXACT, "batch": (1, 3, 2, 4), "initial_state": (False,)},
    integers=True,
    paths=BEHIND_SLICES,
    case_cost=2,
)
def test_layer_behind_time_distributed_is_exact(case, path):
    assert_exact(path.run(case), case)
