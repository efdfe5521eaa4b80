"""Comparison of arrays, exactly or within a bound."""

import numpy as np

from reference.formats import FORMATS
from tests.harness import session


class Mismatch(AssertionError):
    """A departure of the layer from its documentation.

    The message says what differs, where and how far. case_text: the case as `--case` takes it, or
    None. context: the lines that a failure prints below the message: sentence, path, case, command
    and script.
    """

    case_text: str | None = None
    context: str = ""


def assert_same(what: str, got, expected) -> None:
    """Raise Mismatch unless two arrays have equal shapes and values.

    Zeros of either sign are equal, and so are NaNs. what: the name of the array in the message.
    """
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    _assert_shape(what, got, expected.shape)
    wrong = ~((got == expected) | (np.isnan(got) & np.isnan(expected)))
    if wrong.any():
        raise Mismatch(f"{what}{_where(wrong)}: {_pair(got, expected, wrong)} (exact)")


def assert_within(what: str, got, expected, bound, dtype: str) -> None:
    """Raise Mismatch unless |got - expected| <= bound elementwise.

    got, expected, bound: arrays of one shape. NaN is accepted only where NaN is expected. Infinity
    is accepted if expected +- bound reaches the overflow threshold of the dtype. The largest
    error/bound is recorded.
    """
    ratio = _assert_at_most("bound", what, got, expected, bound, dtype)
    run = session.current()
    run.largest_ratio = max(run.largest_ratio, ratio)


def assert_near(what: str, got, expected, tolerance, dtype: str) -> None:
    """Raise Mismatch as `assert_within`, for a tolerance that is an estimate and not a bound.

    error/tolerance is not recorded: it does not mean what error/bound means.
    """
    _assert_at_most("tolerance", what, got, expected, tolerance, dtype)


def _assert_at_most(limit: str, what: str, got, expected, bound, dtype: str) -> float:
    """Return the largest error/bound; limit: what to call the bound in the message."""
    got, expected, bound = (np.asarray(a) for a in (got, expected, bound))
    _assert_shape(what, got, expected.shape)
    largest = FORMATS[dtype].largest
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        error = np.abs(got - expected)
        same = (got == expected) | (np.isnan(got) & np.isnan(expected))
        overflow = np.isinf(got) & (np.sign(got) == np.sign(expected))
        overflow &= np.abs(expected) + bound >= largest * (1 - FORMATS[dtype].u)
        right = same | overflow | np.isinf(bound) | (error <= bound)
        ratios = np.where(right & (same | overflow | (bound == 0)), 0, error / bound)
    if not right.all():
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            times = np.where(right, -1, np.where(np.isnan(error), np.inf, error / bound))
        at = _worst(times)
        excess = f", {float(times[at]):.3g} times the {limit} {float(bound[at]):.3g}"
        raise Mismatch(
            f"{what}{_where(~right, at)}: expected {_number(expected[at])}, got {_number(got[at])}"
            + (excess if bound[at] > 0 else " (exact)")
        )
    return float(np.max(ratios, initial=0))


def _assert_shape(what: str, got: np.ndarray, shape: tuple) -> None:
    if got.shape != shape:
        raise Mismatch(f"{what}: expected shape {shape}, got {got.shape}")


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
