"""Gradients: backpropagation through time, on each path."""

from functools import partial

import numpy as np
from hypothesis import strategies as st

from reference.activations import ACTIVATIONS
from tests.harness.compare import assert_same
from tests.harness.copies import BATCHES
from tests.harness.drawing import (
    ABOUT_ONE,
    ALWAYS_MASKED,
    EXACT,
    HALF,
    MEETING,
    not_empty,
)
from tests.harness.gradients import (
    assert_backward_steps,
    assert_exact_gradients,
    by_jacobian,
    forward_mode,
    kept_exact,
    of_second_call,
    of_the_last_output,
    one_by_one,
    probed,
    run,
    script,
    second_derivative,
)
from tests.harness.paths import CELL, EAGER, FUNCTION, UNKNOWN, UNROLL, UNROLL_FUNCTION, XLA
from tests.harness.properties import promise
from tests.harness.releases import documented_activations, reset_state
from tests.harness.upstream import MASKING

ON = (EAGER, UNKNOWN, XLA, UNROLL, CELL)
MASK = "mask: ... a `False` entry indicates that the corresponding timestep should be ignored."
GRADIENT = "Computes the gradient using operations recorded in context of this tape."
SMALL = {
    **EXACT,
    **ABOUT_ONE,
    "batch": (1, 2),
    "time": (1, 2, 3),
    "features": (1, 2),
    "units": (1, 2, 3),
    "large": (None,),
}


@promise(
    "GradientTape.gradient",
    GRADIENT,
    choices={**EXACT, **ABOUT_ONE},
    integers=True,
    on=(EAGER, UNKNOWN, UNROLL, UNROLL_FUNCTION, CELL),
    nightly=(FUNCTION, XLA),
    thorough=True,
    prepare=kept_exact,
    script=script,
    trace_cost=3,
)
def test_integers_give_every_gradient_exactly(case, path):
    assert_exact_gradients(run(path, case)[1], case)


@promise(
    "GradientTape.gradient",
    GRADIENT,
    choices={**EXACT, **ABOUT_ONE, "zero_output_for_mask": (False,)},
    integers=True,
    on=(EAGER, UNKNOWN, UNROLL),
    nightly=(FUNCTION, XLA),
    thorough=True,
    prepare=kept_exact,
    script=partial(script, whole=False),
    trace_cost=3,
)
def test_the_last_output_alone_has_the_gradients_of_the_last_output(case, path):
    assert_exact_gradients(of_the_last_output(path, case), case, whole=False)


@promise(
    "GradientTape.gradient",
    GRADIENT,
    on=ON,
    covers=MEETING,
    thorough=True,
    prepare=probed,
    script=script,
    trace_cost=3,
)
def test_each_backward_step_is_within_rounding_of_the_chain_rule(case, path):
    assert_backward_steps(*run(path, case), case)


@promise(
    "Policy",
    "mixed_float16, mixed_bfloat16: the compute dtype is float16 or bfloat16, and the variable "
    "dtype is float32",
    choices=HALF,
    on=(EAGER, UNKNOWN, UNROLL),
    needs={"dtype"},
    prepare=probed,
    script=lambda path, case: script(path.mixed(case), case),
    trace_cost=3,
)
def test_under_a_mixed_policy_the_gradients_are_those_of_half_precision(case, path):
    assert_backward_steps(*run(path.mixed(case), case), case)


@promise(
    "GradientTape.gradient",
    GRADIENT,
    choices={
        "activation": (None, *documented_activations(ACTIVATIONS)),
        "dtype": ("float32", "float64"),
        "batch": not_empty,
        "time": (1, 2, 3),
        "large": (None,),
        "mask": (None, "random"),  # not one that leaves nothing to see
    },
    on=(EAGER,),
    needs={"activation"},
    covers=("activation",),
    prepare=probed,
    script=script,
)
def test_each_documented_activation_has_the_slope_of_its_formula(case, path):
    assert_backward_steps(*run(path, case), case)


@promise(
    "Masking",
    "the timestep will be masked (skipped) in all downstream layers (as long as they support "
    "masking)",
    choices=ALWAYS_MASKED,
    on=(MASKING,),
    needs={"mask"},
    prepare=probed,
    script=script,
)
def test_gradients_reach_what_stands_before_the_layer_that_masks(case, path):
    assert_backward_steps(*run(path, case), case)


@promise(
    "SimpleRNN",
    MASK,
    choices=ALWAYS_MASKED,
    on=(EAGER,),
    needs={"mask"},
    script=script,
    case_cost=2,
    value=st.sampled_from((0.0, 1.0, -100.0)),
)
def test_what_stands_in_a_masked_step_reaches_no_gradient(case, path, value):
    changed, gradients = run(path, case.with_inputs(~case.mask, value))[1], run(path, case)[1]
    for name, gradient in gradients.items():
        assert_same(f"gradient to {name}", changed[name], gradient)


@promise(
    "SimpleRNN",
    MASK,
    choices={"mask": ("leading", "all")},
    on=(EAGER,),
    needs={"mask"},
    script=script,
    case_cost=8,
)
def test_nan_in_a_masked_step_reaches_no_gradient(case, path):
    changed, gradients = run(path, case.with_inputs(~case.mask, np.nan))[1], run(path, case)[1]
    for name, gradient in gradients.items():
        assert_same(f"gradient to {name}", changed[name], gradient)


@promise(
    "SimpleRNN",
    "stateful: Boolean (default `False`). If `True`, the last state for each sample at index i in "
    "a batch will be used as the initial state for the sample of index i in the following batch.",
    choices={
        "activation": ("linear", "relu"),
        "initial_state": (False,),
        "mask": (None, "random", "leading"),
        **ABOUT_ONE,
        "time": (4, 6),
        "batch": not_empty,
        "dtype": ("float32", "float64", "float16"),
    },
    integers=True,
    on=(EAGER,),
    needs={"stateful"},
)
def test_no_gradient_flows_from_an_earlier_call_of_a_stateful_layer(case, path):
    second, gradients = of_second_call(case)
    assert_exact_gradients(gradients, second)


@promise(
    "RNN",
    "You can specify the initial state of RNN layers symbolically by calling them with the keyword "
    "argument `initial_state`.",
    choices={**EXACT, **ABOUT_ONE, **BATCHES, "initial_state": (True,), "dtype": ("float32",)},
    integers=True,
    on=(EAGER, FUNCTION),
    needs={"stateful", "initial_state"},
    prepare=kept_exact,
    script=lambda path, case: script(path.with_options(stateful=True), case),
    trace_cost=3,
    case_cost=2,
)
def test_a_stateful_layer_that_is_given_a_state_has_a_gradient_to_it(case, path):
    stateful = path.with_options(stateful=True)
    reset_state(stateful.built(case))
    assert_exact_gradients(run(stateful, case)[1], case)


@promise(
    "GradientTape",
    "persistent: Boolean controlling whether a persistent gradient tape is created.",
    choices={**EXACT, **ABOUT_ONE},
    integers=True,
    on=(EAGER,),
    prepare=kept_exact,
    script=script,
    case_cost=2,
)
def test_a_persistent_tape_gives_the_gradient_of_each_result(case, path):
    assert_exact_gradients(run(path, case, one_by_one)[1], case)


@promise(
    "GradientTape.jacobian",
    "Computes the jacobian using operations recorded in context of this tape.",
    choices={**SMALL, "time": (2, 3)},
    integers=True,
    on=(UNROLL,),
    prepare=kept_exact,
    script=script,
    case_cost=6,
)
def test_the_jacobian_holds_the_gradient_of_every_output(case, path):
    assert_exact_gradients(run(path, case, by_jacobian)[1], case)


@promise(
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
    on=(EAGER,),
    prepare=kept_exact,
    case_cost=4,
)
def test_forward_mode_gives_the_products_of_the_jacobian(case, path):
    assert_same("<V, J t>", *forward_mode(path, case))


@promise(
    "GradientTape",
    "GradientTapes can be nested to compute higher-order derivatives.",
    choices={**SMALL, "activation": ("linear", None), "dtype": ("float32", "float64")},
    integers=True,
    on=(EAGER, UNROLL),
    nightly=(FUNCTION,),
    trace_cost=3,
    case_cost=3,
)
def test_nested_tapes_give_the_derivative_of_each_gradient(case, path):
    for name, (got, expected) in second_derivative(path, case).items():
        assert_same(f"derivative of the gradient to {name}", got, expected)
