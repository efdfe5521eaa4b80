"""Comparison of the outputs and the state of a run with the reference."""

from dataclasses import dataclass

import numpy as np

from reference.recurrence import Recurrence
from reference.rounding import all_steps
from tests.harness import session
from tests.harness.cases.case import Case
from tests.harness.compare.assertions import _assert_shape, assert_same, assert_within


@dataclass(frozen=True)
class Run:
    """The results of a layer, as float64: outputs (batch, time, units), state (batch, units)."""

    outputs: np.ndarray
    state: np.ndarray


def assert_exact(run: Run, case: Case) -> None:
    """Raise Mismatch unless outputs and state equal the reference; the case has integers only."""
    outputs, state = (case.equivalent_case or case).expected()
    assert_same("outputs", run.outputs, outputs)
    assert_same("state", run.state, state)


def assert_steps(run: Run, case: Case) -> None:
    """Raise Mismatch unless each output is within the rounding bound of one step, which starts from
    the run's own previous state."""
    steps = _steps(run, case)
    assert_within("outputs", run.outputs, steps.expected, steps.bound, case.dtype)


def assert_final_state(run: Run, case: Case) -> None:
    """Raise Mismatch unless the state equals the output of the last unmasked step, or the initial
    state if every step is masked."""
    assert_same("state", run.state, _steps(run, case).final_state)


def assert_run(run: Run, case: Case) -> None:
    """Raise Mismatch unless the outputs are within their bounds and the state is exact."""
    assert_steps(run, case)
    assert_final_state(run, case)


def _steps(run: Run, case: Case):
    case = case.equivalent_case or case
    _assert_shape("outputs", run.outputs, (case.batch, case.time, case.units))
    recurrence: Recurrence = case.recurrence
    arithmetic = session.current().arithmetics[case.dtype]
    return all_steps(
        recurrence, run.outputs, case.inputs, case.initial_state, case.mask, arithmetic
    )
