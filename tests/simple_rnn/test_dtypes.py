"""The dtypes of inputs, results and weights; mixed policies."""

import numpy as np
import pytest
from hypothesis import strategies as st

from reference.formats import FORMATS
from tests.harness.cases.case import replace
from tests.harness.cases.plans import HALF_DTYPES, INTEGER_ACTIVATIONS, UNIT_MAGNITUDE
from tests.harness.cases.values import truncated_to_exact
from tests.harness.compare.assertions import Mismatch
from tests.harness.compare.runs import assert_exact, assert_run, assert_steps
from tests.harness.paths.execution import DYNAMIC_SHAPE, EAGER, FUNCTION, UNROLL, XLA
from tests.harness.properties.example import example
from tests.harness.properties.generated import generated
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import INPUT_DTYPES, global_policy, tf


def assert_weight_dtype(dtype, made):
    kept = {tf.as_dtype(w.dtype).name for w in made.trainable_weights}
    if kept != {dtype}:
        raise Mismatch(f"weights: expected {dtype}, got {kept}")


@pytest.mark.parametrize("dtype", FORMATS)
@example("Layer", "dtype: The dtype of the layer's computations and weights.", needs={"dtype"})
def test_weights_have_the_given_dtype(dtype):
    with layer_call():
        made = layer.under_test().build(2, 3, dtype=dtype, **layer.under_test().zero_initializers)
    assert_weight_dtype(dtype, made)


@generated(
    "Policy",
    "mixed_float16, mixed_bfloat16: the compute dtype is float16 or bfloat16, and the variable "
    "dtype is float32",
    choices=HALF_DTYPES,
    paths=(EAGER, UNROLL, DYNAMIC_SHAPE, XLA),
    nightly_paths=(FUNCTION,),
    needs={"dtype"},
    script=lambda path, case: path.with_mixed_policy(case).script(case),
)
def test_mixed_policy_uses_half_compute_and_float32_weights(case, path):
    assert_run(path.with_mixed_policy(case).run(case), case)
    assert_weight_dtype("float32", path.with_mixed_policy(case).layer_with_state(case))


@generated(
    "Policy",
    "The global policy is the default `tf.keras.mixed_precision.Policy` used for layers, if no "
    "policy is passed to the layer constructor.",
    paths=(EAGER,),
    needs={"dtype"},
    strategies={"mixed": st.booleans()},
)
def test_layer_without_dtype_uses_the_global_policy(case, path, mixed):
    mixed = mixed and case.dtype in HALF_DTYPES["dtype"]
    policy = f"mixed_{case.dtype}" if mixed else case.dtype
    with global_policy(policy):  # the name separates the cached layers of different policies
        made = path.layer(case, dtype=None, name=policy, return_sequences=True, return_state=True)
    assert_run(path.run(case, made), case)
    assert_weight_dtype("float32" if mixed else case.dtype, made)


def with_binary_inputs(case):
    """Return the case with inputs of 0 and 1, which every dtype can hold."""
    return truncated_to_exact(replace(case, inputs=np.clip(case.inputs, 0, 1)))


@generated(
    "Layer",
    "dtype: The dtype of the layer's computations and weights. Floating-point inputs are cast to "
    "it",
    choices={**INTEGER_ACTIVATIONS, **UNIT_MAGNITUDE},
    integers=True,
    paths=(EAGER, UNROLL),
    prepare=with_binary_inputs,
    strategies={"given": st.sampled_from(INPUT_DTYPES)},
)
def test_inputs_of_another_dtype_are_cast(case, path, given):
    if given not in FORMATS and "SimpleRNN" not in layer.under_test().keras_bases:
        return  # the documentation of SimpleRNN does not bind other layers for integers
    assert_exact(path.run(case, x=tf.cast(np.asarray(case.inputs), given)), case)


@generated(
    "Layer",
    "dtype: The dtype of the layer's computations and weights. Floating-point inputs are cast to "
    "it",
    paths=(EAGER, UNROLL),
    strategies={"as_array": st.booleans()},
)
def test_float64_inputs_keep_the_layer_precision(case, path, as_array):
    x = np.asarray(case.inputs)
    assert_steps(path.run(case, x=x if as_array else tf.constant(x)), case)
