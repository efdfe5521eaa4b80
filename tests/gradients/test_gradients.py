"""Gradients by backpropagation through time, on each path."""

from functools import partial

import numpy as np
from hypothesis import strategies as st

from reference.activations import ACTIVATIONS
from tests.harness.cases.plans import (
    ALWAYS_MASKED,
    CROSSED_OPTIONS,
    HALF_DTYPES,
    INTEGER_ACTIVATIONS,
    UNIT_MAGNITUDE,
    non_empty,
)
from tests.harness.compare.assertions import assert_same
from tests.harness.paths.execution import (
    CELL_LOOP,
    DYNAMIC_SHAPE,
    EAGER,
    FUNCTION,
    UNROLL,
    UNROLL_FUNCTION,
    XLA,
)
from tests.harness.paths.implicit_masks import MASKING
from tests.harness.paths.models import NON_EMPTY_BATCHES
from tests.harness.probes.gradients import (
    assert_backward_steps,
    assert_exact_gradients,
    forward_mode_products,
    gradient_from_jacobian,
    last_output_gradients,
    run,
    script,
    second_call_gradients,
    second_derivatives,
    separate_gradient_calls,
    truncated_to_exact_gradients,
    with_probe_features,
)
from tests.harness.properties.generated import generated
from tests.harness.target.releases import documented_activations, reset_state

GRADIENT_PATHS = (EAGER, DYNAMIC_SHAPE, XLA, UNROLL, CELL_LOOP)
MASK = "mask: ... a `False` entry indicates that the corresponding timestep should be ignored."
GRADIENT = "Computes the gradient using operations recorded in context of this tape."
SMALL = {
    **INTEGER_ACTIVATIONS,
    **UNIT_MAGNITUDE,
    "batch": (1, 2),
    "time": (1, 2, 3),
    "features": (1, 2),
    "units": (1, 2, 3),
    "large": (None,),
}


@generated(
    "GradientTape.gradient",
    GRADIENT,
    choices={**INTEGER_ACTIVATIONS, **UNIT_MAGNITUDE},
    integers=True,
    paths=(EAGER, DYNAMIC_SHAPE, UNROLL, UNROLL_FUNCTION, CELL_LOOP),
    nightly_paths=(FUNCTION, XLA),
    primary=True,
    prepare=truncated_to_exact_gradients,
    script=script,
    trace_cost=3,
)
def test_gradients_are_exact_on_integers(case, path):
    assert_exact_gradients(run(path, case)[1], case)


@generated(
    "GradientTape.gradient",
    GRADIENT,
    choices={**INTEGER_ACTIVATIONS, **UNIT_MAGNITUDE, "zero_output_for_mask": (False,)},
    integers=True,
    paths=(EAGER, DYNAMIC_SHAPE, UNROLL),
    nightly_paths=(FUNCTION, XLA),
    primary=True,
    prepare=truncated_to_exact_gradients,
    script=partial(script, all_outputs=False),
    trace_cost=3,
)
def test_last_output_gradients_are_exact(case, path):
    assert_exact_gradients(last_output_gradients(path, case), case, all_outputs=False)


@generated(
    "GradientTape.gradient",
    GRADIENT,
    paths=GRADIENT_PATHS,
    exhaustive_over=CROSSED_OPTIONS,
    primary=True,
    prepare=with_probe_features,
    script=script,
    trace_cost=3,
)
def test_each_backward_step_is_within_rounding(case, path):
    assert_backward_steps(*run(path, case), case)


@generated(
    "Policy",
    "mixed_float16, mixed_bfloat16: the compute dtype is float16 or bfloat16, and the variable "
    "dtype is float32",
    choices=HALF_DTYPES,
    paths=(EAGER, DYNAMIC_SHAPE, UNROLL),
    needs={"dtype"},
    prepare=with_probe_features,
    script=lambda path, case: script(path.with_mixed_policy(case), case),
    trace_cost=3,
)
def test_mixed_policy_gradients_are_within_rounding(case, path):
    assert_backward_steps(*run(path.with_mixed_policy(case), case), case)


@generated(
    "GradientTape.gradient",
    GRADIENT,
    choices={
        "activation": (None, *documented_activations(ACTIVATIONS)),
        "dtype": ("float32", "float64"),
        "batch": non_empty,
        "time": (1, 2, 3),
        "large": (None,),
        "mask": (None, "random"),  # other masks may mask every step
    },
    paths=(EAGER,),
    needs={"activation"},
    exhaustive_over=("activation",),
    prepare=with_probe_features,
    script=script,
)
def test_each_activation_has_the_documented_slope(case, path):
    assert_backward_steps(*run(path, case), case)


@generated(
    "Masking",
    "the timestep will be masked (skipped) in all downstream layers (as long as they support "
    "masking)",
    choices=ALWAYS_MASKED,
    paths=(MASKING,),
    needs={"mask"},
    prepare=with_probe_features,
    script=script,
)
def test_gradients_flow_through_a_masking_layer(case, path):
    assert_backward_steps(*run(path, case), case)


@generated(
    "SimpleRNN",
    MASK,
    choices=ALWAYS_MASKED,
    paths=(EAGER,),
    needs={"mask"},
    script=script,
    case_cost=2,
    strategies={"value": st.sampled_from((0.0, 1.0, -100.0))},
)
def test_masked_inputs_do_not_change_gradients(case, path, value):
    changed, gradients = run(path, case.with_inputs(~case.mask, value))[1], run(path, case)[1]
    for name, gradient in gradients.items():
        assert_same(f"gradient to {name}", changed[name], gradient)


@generated(
    "SimpleRNN",
    MASK,
    choices={"mask": ("leading", "all")},
    paths=(EAGER,),
    needs={"mask"},
    script=script,
    case_cost=8,
)
def test_masked_nan_does_not_reach_gradients(case, path):
    changed, gradients = run(path, case.with_inputs(~case.mask, np.nan))[1], run(path, case)[1]
    for name, gradient in gradients.items():
        assert_same(f"gradient to {name}", changed[name], gradient)


@generated(
    "SimpleRNN",
    "stateful: Boolean (default `False`). If `True`, the last state for each sample at index i in "
    "a batch will be used as the initial state for the sample of index i in the following batch.",
    choices={
        "activation": ("linear", "relu"),
        "initial_state": (False,),
        "mask": (None, "random", "leading"),
        **UNIT_MAGNITUDE,
        "time": (4, 6),
        "batch": non_empty,
        "dtype": ("float32", "float64", "float16"),
    },
    integers=True,
    paths=(EAGER,),
    needs={"stateful"},
)
def test_stateful_gradient_stops_at_the_previous_call(case, path):
    second, gradients = second_call_gradients(case)
    assert_exact_gradients(gradients, second)


@generated(
    "RNN",
    "You can specify the initial state of RNN layers symbolically by calling them with the keyword "
    "argument `initial_state`.",
    choices={
        **INTEGER_ACTIVATIONS,
        **UNIT_MAGNITUDE,
        **NON_EMPTY_BATCHES,
        "initial_state": (True,),
        "dtype": ("float32",),
    },
    integers=True,
    paths=(EAGER, FUNCTION),
    needs={"stateful", "initial_state"},
    prepare=truncated_to_exact_gradients,
    script=lambda path, case: script(path.with_options(stateful=True), case),
    trace_cost=3,
    case_cost=2,
)
def test_stateful_layer_has_an_initial_state_gradient(case, path):
    stateful = path.with_options(stateful=True)
    reset_state(stateful.layer_with_state(case))
    assert_exact_gradients(run(stateful, case)[1], case)


@generated(
    "GradientTape",
    "persistent: Boolean controlling whether a persistent gradient tape is created.",
    choices={**INTEGER_ACTIVATIONS, **UNIT_MAGNITUDE},
    integers=True,
    paths=(EAGER,),
    prepare=truncated_to_exact_gradients,
    script=script,
    case_cost=2,
)
def test_persistent_tape_gives_each_gradient(case, path):
    assert_exact_gradients(run(path, case, separate_gradient_calls)[1], case)


@generated(
    "GradientTape.jacobian",
    "Computes the jacobian using operations recorded in context of this tape.",
    choices={**SMALL, "time": (2, 3)},
    integers=True,
    paths=(UNROLL,),
    prepare=truncated_to_exact_gradients,
    script=script,
    case_cost=6,
)
def test_jacobian_contains_every_output_gradient(case, path):
    assert_exact_gradients(run(path, case, gradient_from_jacobian)[1], case)


@generated(
    "ForwardAccumulator",
    'Computes Jacobian-vector products ("JVP"s) using forward-mode autodiff.',
    choices={
        **SMALL,
        "batch": (2, 3),
        "time": (2, 3),
        "dtype": ("float32", "float64"),
        "mask": (None, "random"),
    },
    integers=True,
    paths=(EAGER,),
    prepare=truncated_to_exact_gradients,
    case_cost=4,
)
def test_forward_mode_gives_jacobian_vector_products(case, path):
    assert_same("<V, J t>", *forward_mode_products(path, case))


@generated(
    "GradientTape",
    "GradientTapes can be nested to compute higher-order derivatives.",
    choices={**SMALL, "activation": ("linear", None), "dtype": ("float32", "float64")},
    integers=True,
    paths=(EAGER, UNROLL),
    nightly_paths=(FUNCTION,),
    trace_cost=3,
    case_cost=3,
)
def test_nested_tapes_give_second_derivatives(case, path):
    for name, (got, expected) in second_derivatives(path, case).items():
        assert_same(f"derivative of the gradient to {name}", got, expected)
