"""Deciding: whether what a layer gave is what the reference says, and where it is not."""

from dataclasses import dataclass

import numpy as np

from reference.recurrence import Recurrence
from reference.rounding import FORMATS, all_steps
from tests.harness.cases import Case


class Mismatch(AssertionError):
    """The layer departs from its documentation; the message says what, where and how far."""


@dataclass(frozen=True)
class Run:
    """What a layer returned, as float64: outputs (batch, time, units), state (batch, units)."""

    outputs: np.ndarray
    state: np.ndarray


class Ledger:
    """The largest error/bound of the comparisons since it was last reset."""

    largest = 0.0

    def reset(self) -> None:
        self.largest = 0.0


ledger = Ledger()


def assert_same(what: str, got, expected) -> None:
    """Equal in every bit but the sign of zero; NaN is equal to NaN."""
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    _assert_shape(what, got, expected.shape)
    wrong = ~((got == expected) | (np.isnan(got) & np.isnan(expected)))
    if wrong.any():
        raise Mismatch(f"{what}{_where(wrong)}: {_pair(got, expected, wrong)} (exact)")


def assert_within(what: str, got, expected, bound, dtype: str) -> None:
    """|got - expected| <= bound elementwise; NaN is expected where it is expected alone.

    Beyond the largest finite number of the dtype, infinity is as good as what the bound allows.
    """
    got, expected, bound = (np.asarray(a) for a in (got, expected, bound))
    _assert_shape(what, got, expected.shape)
    largest = FORMATS[dtype].largest
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        error = np.abs(got - expected)
        same = (got == expected) | (np.isnan(got) & np.isnan(expected))
        overflow = np.isinf(got) & (np.sign(got) == np.sign(expected))
        overflow &= np.abs(expected) + bound >= largest * (1 - FORMATS[dtype].u)
        fine = same | overflow | np.isinf(bound) | (error <= bound)
        ratios = np.where(fine & (same | overflow | (bound == 0)), 0, error / bound)
    if not fine.all():
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            times = np.where(fine, -1, np.where(np.isnan(error), np.inf, error / bound))
        at = _worst(times)
        far = f", {float(times[at]):.3g} times the bound {float(bound[at]):.3g}"
        raise Mismatch(
            f"{what}{_where(~fine, at)}: expected {_number(expected[at])}, got {_number(got[at])}"
            + (far if bound[at] > 0 else " (exact)")
        )
    ledger.largest = max(ledger.largest, float(np.max(ratios, initial=0)))


def assert_exact(run: Run, case: Case) -> None:
    """Outputs and state are those of the reference, in every bit: the case is one of integers."""
    outputs, state = (case.instead or case).expected()
    assert_same("outputs", run.outputs, outputs)
    assert_same("state", run.state, state)


def assert_steps(run: Run, case: Case) -> None:
    """Each output is within the rounding bound of one step from the run's own previous state."""
    steps = _steps(run, case)
    assert_within("outputs", run.outputs, steps.expected, steps.bound, case.dtype)


def assert_final_state(run: Run, case: Case) -> None:
    """The state is the output of the last unmasked step, or the initial state if there is none."""
    assert_same("state", run.state, _steps(run, case).final_state)


def assert_run(run: Run, case: Case) -> None:
    """Outputs and state are right to the last digit, which integers would not show."""
    assert_steps(run, case)
    assert_final_state(run, case)


def _assert_shape(what: str, got: np.ndarray, shape: tuple) -> None:
    if got.shape != shape:
        raise Mismatch(f"{what}: expected shape {shape}, got {got.shape}")


def _steps(run: Run, case: Case):
    case = case.instead or case
    _assert_shape("outputs", run.outputs, (case.batch, case.time, case.units))
    recurrence: Recurrence = case.recurrence
    return all_steps(
        recurrence, run.outputs, case.inputs, case.initial_state, case.mask, case.dtype
    )


_AXES = {1: ("",), 2: ("row", "unit"), 3: ("row", "step", "unit")}


def _worst(ratios: np.ndarray) -> tuple:
    return tuple(int(i) for i in np.unravel_index(np.argmax(ratios), ratios.shape))


def _where(wrong: np.ndarray, at: tuple | None = None) -> str:
    at = tuple(int(i) for i in np.argwhere(wrong)[0]) if at is None else at
    names = _AXES.get(len(at), ("",) * len(at))
    place = ", ".join(f"{name} {i}".strip() for name, i in zip(names, at, strict=True))
    return f"[{place}] ({int(wrong.sum())} of {wrong.size} differ)" if at else ""


def _pair(got: np.ndarray, expected: np.ndarray, wrong: np.ndarray) -> str:
    at = tuple(np.argwhere(wrong)[0])
    return f"expected {_number(expected[at])}, got {_number(got[at])}"


def _number(value) -> str:
    return repr(float(value))
