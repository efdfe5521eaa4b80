"""The returned state, and continuing a run from it."""

import numpy as np
from hypothesis import strategies as st

from tests.harness.cases.case import replace
from tests.harness.cases.plans import ALWAYS_MASKED, NEVER_MASKED, non_empty
from tests.harness.compare.assertions import assert_same
from tests.harness.compare.runs import Run, assert_final_state, assert_run
from tests.harness.paths.execution import CELL_LOOP, DYNAMIC_SHAPE, EAGER, UNROLL
from tests.harness.properties.generated import generated
from tests.harness.target.releases import STATE_FORMS, tf

RETURN_STATE = "return_state: Boolean. Whether to return the last state in addition to the output."


@generated("SimpleRNN", RETURN_STATE, choices=NEVER_MASKED)
def test_last_output_is_the_final_state(case, path):
    run = path.run(case)
    assert_same("state", run.state, run.outputs[:, -1])


@generated(
    "SimpleRNN",
    "mask: ... a `False` entry indicates that the corresponding timestep should be ignored.",
    choices=ALWAYS_MASKED,
    needs={"mask"},
)
def test_final_state_follows_the_last_unmasked_step(case, path):
    assert_final_state(path.run(case), case)


@generated(
    "RNN",
    "The value of `initial_state` should be a tensor or list of tensors representing the initial "
    "state of the RNN layer.",
    choices=NEVER_MASKED,
    paths=(EAGER, UNROLL, CELL_LOOP, DYNAMIC_SHAPE),
    needs={"initial_state"},
    case_cost=2,
    strategies={"at": st.integers(0, 99)},
)
def test_split_run_continues_from_the_returned_state(case, path, at):
    if case.time < 2:
        return
    first, second = case.split(1 + at % (case.time - 1))
    before = path.run(first)
    after = path.run(replace(second, initial_state=before.state))
    outputs = np.concatenate([before.outputs, after.outputs], axis=1)
    assert_run(Run(outputs, after.state), case)


@generated(
    "RNN",
    "The value of `initial_state` should be a tensor or list of tensors representing the initial "
    "state of the RNN layer.",
    choices={"initial_state": (True,), "batch": non_empty},
    paths=(EAGER, UNROLL),
    needs={"initial_state"},
    strategies={"form": st.sampled_from(tuple(STATE_FORMS))},
)
def test_initial_state_accepts_any_form(case, path, form):
    state = STATE_FORMS[form](tf.cast(np.asarray(case.initial_state), case.dtype))
    assert_run(path.run(case, initial_state=state), case)


@generated(
    "RNN",
    "The cell might choose to create a tensor full of zeros, or other values based on the cell's "
    "implementation.",
    choices={"initial_state": (False,)},
    paths=(EAGER, UNROLL, DYNAMIC_SHAPE),
    needs={"initial_state"},
    case_cost=2,
)
def test_initial_state_defaults_to_zero(case, path):
    zero = replace(case, initial_state=np.zeros((case.batch, case.units)))
    assert_same("outputs", path.run(case).outputs, path.run(zero).outputs)
