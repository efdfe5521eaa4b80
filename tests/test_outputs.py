"""h_t = activation(x_t W + h_{t-1} U + b), at each step, on each path."""

import dataclasses
import random

import numpy as np
from hypothesis import strategies as st

from tests.harness import session
from tests.harness.cases import replace
from tests.harness.compare import assert_exact, assert_same, assert_steps
from tests.harness.drawing import EXACT, MEETING
from tests.harness.layer import CLIP
from tests.harness.paths import EAGER, EVERY, OF_ONE_KERAS, UNKNOWN, UNROLL, UNROLL_FUNCTION, XLA
from tests.harness.properties import promise

RECURRENT = "Fully-connected RNN where the output is to be fed back as the new input."
LONG_UNROLL = dataclasses.replace(UNROLL, choices={"time": lambda times: times[:1]}, share=0.4)


def long(_) -> tuple[int, ...]:
    """Times beyond those of the sweeps, two in each run."""
    generator = random.Random(session.current().seed_of("long sequences"))
    return generator.randint(131, 400), generator.randint(401, 1000)


@promise(
    "SimpleRNN",
    RECURRENT,
    choices=EXACT,
    integers=True,
    on=(*EVERY, UNROLL_FUNCTION, *OF_ONE_KERAS),
    thorough=True,
)
def test_integers_give_the_recurrence_exactly(case, path):
    assert_exact(path.run(case), case)


@promise("SimpleRNN", RECURRENT, thorough=True, covers=MEETING)
def test_each_step_is_within_rounding_of_the_recurrence(case, path):
    assert_steps(path.run(case), case)


@promise(
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
    on=(UNKNOWN, XLA, LONG_UNROLL),
    case_cost=4,
)
def test_a_long_sequence_is_processed_to_its_end(case, path):
    assert_exact(path.run(case), case)
    assert_same("last output", path.results(case, path.layer(case)), case.expected()[0][:, -1])


@promise(
    "SimpleRNN",
    RECURRENT,
    choices={"activation": ("linear", None)},
    integers=True,
    on=(EAGER, UNROLL, UNKNOWN, XLA),
    value=st.sampled_from((np.nan, np.inf, -np.inf)),
)
def test_what_is_no_finite_number_goes_where_the_recurrence_takes_it(case, path, value):
    inputs = np.array(case.inputs)
    inputs[-1:, case.time // 2, 0] = value
    case = replace(case, inputs=inputs)
    assert_exact(path.run(case), case)
