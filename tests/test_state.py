"""What the state is, and that handing it over continues the run."""

import numpy as np
from hypothesis import strategies as st

from tests.harness.cases import replace
from tests.harness.compare import Run, assert_final_state, assert_run, assert_same
from tests.harness.drawing import ALWAYS_MASKED, NEVER_MASKED, not_empty
from tests.harness.paths import CELL, EAGER, UNKNOWN, UNROLL
from tests.harness.properties import promise
from tests.harness.releases import STATE_FORMS, tf

RETURN_STATE = "return_state: Boolean. Whether to return the last state in addition to the output."


@promise("SimpleRNN", RETURN_STATE, choices=NEVER_MASKED)
def test_the_last_element_of_the_sequence_is_the_final_state(case, path):
    run = path.run(case)
    assert_same("state", run.state, run.outputs[:, -1])


@promise(
    "SimpleRNN",
    "mask: ... a `False` entry indicates that the corresponding timestep should be ignored.",
    choices=ALWAYS_MASKED,
    needs={"mask"},
)
def test_the_final_state_is_the_one_after_the_last_unmasked_step(case, path):
    assert_final_state(path.run(case), case)


@promise(
    "RNN",
    "The value of `initial_state` should be a tensor or list of tensors representing the initial "
    "state of the RNN layer.",
    choices=NEVER_MASKED,
    on=(EAGER, UNROLL, CELL, UNKNOWN),
    needs={"initial_state"},
    case_cost=2,
    at=st.integers(0, 99),
)
def test_a_run_split_anywhere_continues_from_the_state_handed_over(case, path, at):
    if case.time < 2:
        return
    first, second = case.split(1 + at % (case.time - 1))
    before = path.run(first)
    after = path.run(replace(second, initial_state=before.state))
    outputs = np.concatenate([before.outputs, after.outputs], axis=1)
    assert_run(Run(outputs, after.state), case)


@promise(
    "RNN",
    "The value of `initial_state` should be a tensor or list of tensors representing the initial "
    "state of the RNN layer.",
    choices={"initial_state": (True,), "batch": not_empty},
    on=(EAGER, UNROLL),
    needs={"initial_state"},
    form=st.sampled_from(tuple(STATE_FORMS)),
)
def test_an_initial_state_may_have_any_form(case, path, form):
    state = STATE_FORMS[form](tf.cast(np.asarray(case.initial_state), case.dtype))
    assert_run(path.run(case, initial_state=state), case)


@promise(
    "RNN",
    "The cell might choose to create a tensor full of zeros, or other values based on the cell's "
    "implementation.",
    choices={"initial_state": (False,)},
    on=(EAGER, UNROLL, UNKNOWN),
    needs={"initial_state"},
    case_cost=2,
)
def test_without_an_initial_state_it_is_zero(case, path):
    zero = replace(case, initial_state=np.zeros((case.batch, case.units)))
    assert_same("outputs", path.run(case).outputs, path.run(zero).outputs)
