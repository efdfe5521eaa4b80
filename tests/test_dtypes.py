"""Which dtype goes in and which comes out; mixed policies."""

import numpy as np
import pytest
from hypothesis import strategies as st

from reference.rounding import FORMATS
from tests.harness import layer
from tests.harness.cases import replace
from tests.harness.compare import Mismatch, assert_exact, assert_run, assert_steps
from tests.harness.drawing import ABOUT_ONE, EXACT, HALF
from tests.harness.paths import EAGER, FUNCTION, UNKNOWN, UNROLL, XLA, the_layer
from tests.harness.properties import documented, promise
from tests.harness.releases import INPUT_DTYPES, global_policy, tf
from tests.harness.values import kept_exact


def assert_weights_are_of(dtype, made):
    kept = {tf.as_dtype(w.dtype).name for w in made.trainable_weights}
    if kept != {dtype}:
        raise Mismatch(f"weights: expected {dtype}, got {kept}")


@pytest.mark.parametrize("dtype", FORMATS)
@documented("Layer", "dtype: The dtype of the layer's computations and weights.", needs={"dtype"})
def test_the_weights_are_of_the_dtype_that_is_given(dtype):
    with the_layer():
        made = layer.under_test().build(2, 3, dtype=dtype, **layer.under_test().zeros)
    assert_weights_are_of(dtype, made)


@promise(
    "Policy",
    "mixed_float16, mixed_bfloat16: the compute dtype is float16 or bfloat16, and the variable "
    "dtype is float32",
    choices=HALF,
    on=(EAGER, UNROLL, UNKNOWN, XLA),
    nightly=(FUNCTION,),
    needs={"dtype"},
    script=lambda path, case: path.mixed(case).script(case),
)
def test_a_mixed_policy_computes_in_half_and_keeps_its_weights_in_float32(case, path):
    assert_run(path.mixed(case).run(case), case)
    assert_weights_are_of("float32", path.mixed(case).built(case))


@promise(
    "Policy",
    "The global policy is the default `tf.keras.mixed_precision.Policy` used for layers, if no "
    "policy is passed to the layer constructor.",
    on=(EAGER,),
    needs={"dtype"},
    mixed=st.booleans(),
)
def test_a_layer_that_is_given_no_dtype_keeps_the_policy_that_was_global(case, path, mixed):
    mixed = mixed and case.dtype in HALF["dtype"]
    policy = f"mixed_{case.dtype}" if mixed else case.dtype
    with global_policy(policy):  # a name for each, as layers are kept by their arguments
        made = path.layer(case, dtype=None, name=policy, return_sequences=True, return_state=True)
    assert_run(path.run(case, made), case)
    assert_weights_are_of("float32" if mixed else case.dtype, made)


def of_zeros_and_ones(case):
    """The case with the inputs that bool and uint8 know."""
    return kept_exact(replace(case, inputs=np.clip(case.inputs, 0, 1)))


@promise(
    "Layer",
    "dtype: The dtype of the layer's computations and weights. Floating-point inputs are cast to "
    "it",
    choices={**EXACT, **ABOUT_ONE},
    integers=True,
    on=(EAGER, UNROLL),
    prepare=of_zeros_and_ones,
    given=st.sampled_from(INPUT_DTYPES),
)
def test_inputs_of_another_dtype_are_cast(case, path, given):
    if given not in FORMATS and "SimpleRNN" not in layer.under_test().made_from:
        return  # others need not do what SimpleRNN does with integers
    assert_exact(path.run(case, x=tf.cast(np.asarray(case.inputs), given)), case)


@promise(
    "Layer",
    "dtype: The dtype of the layer's computations and weights. Floating-point inputs are cast to "
    "it",
    on=(EAGER, UNROLL),
    as_array=st.booleans(),
)
def test_inputs_of_float64_keep_the_digits_that_the_layer_has(case, path, as_array):
    x = np.asarray(case.inputs)
    assert_steps(path.run(case, x=x if as_array else tf.constant(x)), case)
