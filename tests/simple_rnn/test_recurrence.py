"""The recurrence h_t = activation(x_t W + h_{t-1} U + b), at each step, on each path."""

import dataclasses
import random

import numpy as np
from hypothesis import strategies as st

from tests.harness import session
from tests.harness.cases.case import replace
from tests.harness.cases.plans import CROSSED_OPTIONS, INTEGER_ACTIVATIONS
from tests.harness.compare.assertions import assert_same
from tests.harness.compare.runs import assert_exact, assert_steps
from tests.harness.paths.execution import (
    DYNAMIC_SHAPE,
    EAGER,
    EXECUTION_PATHS,
    UNROLL,
    UNROLL_FUNCTION,
    VERSION_SPECIFIC,
    XLA,
)
from tests.harness.properties.generated import generated
from tests.harness.target.layer import CLIP

RECURRENT = "Fully-connected RNN where the output is to be fed back as the new input."
LONG_UNROLL = dataclasses.replace(
    UNROLL, choices={"time": lambda times: times[:1]}, example_fraction=0.4
)


def long(_) -> tuple[int, ...]:
    """Return two lengths beyond those of the sweeps, which differ from run to run."""
    generator = random.Random(session.current().seed_of("long sequences"))
    return generator.randint(131, 400), generator.randint(401, 1000)


@generated(
    "SimpleRNN",
    RECURRENT,
    choices=INTEGER_ACTIVATIONS,
    integers=True,
    paths=(*EXECUTION_PATHS, UNROLL_FUNCTION, *VERSION_SPECIFIC),
    primary=True,
)
def test_outputs_are_exact_on_integers(case, path):
    assert_exact(path.run(case), case)


@generated("SimpleRNN", RECURRENT, primary=True, exhaustive_over=CROSSED_OPTIONS)
def test_each_step_is_within_rounding_of_the_recurrence(case, path):
    assert_steps(path.run(case), case)


@generated(
    "SimpleRNN",
    RECURRENT,
    choices={
        "time": long,
        "large": (None,),
        "activation": (CLIP,),
        "dtype": ("float32",),
        "mask": (None, "random"),
        "zero_output_for_mask": (False,),
    },
    integers=True,
    paths=(DYNAMIC_SHAPE, XLA, LONG_UNROLL),
    case_cost=4,
)
def test_long_sequences_are_exact_on_integers(case, path):
    assert_exact(path.run(case), case)
    assert_same("last output", path.results(case, path.layer(case)), case.expected()[0][:, -1])


@generated(
    "SimpleRNN",
    RECURRENT,
    choices={"activation": ("linear", None)},
    integers=True,
    paths=(EAGER, UNROLL, DYNAMIC_SHAPE, XLA),
    strategies={"value": st.sampled_from((np.nan, np.inf, -np.inf))},
)
def test_non_finite_inputs_propagate_as_in_the_recurrence(case, path, value):
    inputs = np.array(case.inputs)
    inputs[-1:, case.time // 2, 0] = value
    case = replace(case, inputs=inputs)
    assert_exact(path.run(case), case)
