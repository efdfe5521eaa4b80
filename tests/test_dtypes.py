"""Which dtype goes in and which comes out; mixed policies."""

import numpy as np
from hypothesis import strategies as st

from tests.harness.cases import replace
from tests.harness.compare import Mismatch, assert_exact, assert_steps
from tests.harness.drawing import EXACT, kept_exact
from tests.harness.paths import EAGER, FUNCTION, UNKNOWN, UNROLL, XLA
from tests.harness.properties import promise
from tests.harness.releases import INPUT_DTYPES, tf

HALF = {"dtype": ("float16", "bfloat16")}


@promise(
    "Policy",
    "mixed_float16, mixed_bfloat16: the compute dtype is float16 or bfloat16, and the variable "
    "dtype is float32",
    choices={**EXACT, **HALF},
    integers=True,
    on=(EAGER, UNROLL, UNKNOWN, XLA),
    nightly=(FUNCTION,),
    needs={"dtype"},
)
def test_a_mixed_policy_computes_in_half_and_keeps_its_weights_in_float32(case, path):
    mixed = path.with_options(dtype=f"mixed_{case.dtype}")
    assert_exact(mixed.run(case), case)
    kept = {tf.as_dtype(w.dtype).name for w in mixed.built(case).trainable_weights}
    if kept != {"float32"}:
        raise Mismatch(f"weights: expected float32, got {kept}")


def of_zeros_and_ones(case):
    """The case with the inputs that bool and uint8 know."""
    return kept_exact(replace(case, inputs=np.clip(case.inputs, 0, 1)))


@promise(
    "Layer",
    "dtype: The dtype of the layer's computations and weights. Floating-point inputs are cast to "
    "it",
    choices=EXACT,
    integers=True,
    on=(EAGER, UNROLL),
    prepare=of_zeros_and_ones,
    given=st.sampled_from(INPUT_DTYPES),
)
def test_inputs_of_another_dtype_are_cast(case, path, given):
    assert_exact(path.run(case, x=tf.cast(np.asarray(case.inputs), given)), case)


@promise(
    "Layer",
    "dtype: The dtype of the layer's computations and weights. Floating-point inputs are cast to "
    "it",
    on=(EAGER, UNROLL),
)
def test_inputs_of_float64_keep_the_digits_that_the_layer_has(case, path):
    assert_steps(path.run(case, x=tf.constant(np.asarray(case.inputs))), case)
