"""The rounding bound: never below the error of a correct kernel, and not far above it."""

from dataclasses import replace

import ml_dtypes
import numpy as np
import pytest

from reference.arithmetic import DEFAULT
from reference.formats import FORMATS
from reference.gradient import GradientProblem
from reference.recurrence import Recurrence
from reference.rounding import all_steps, one_step
from tests.selftest.reference.emulation import Machine
from tests.selftest.reference.emulation import outputs as outputs_of

NUMPY = {
    "float16": np.float16,
    "bfloat16": ml_dtypes.bfloat16,
    "float32": np.float32,
    "float64": np.float64,
}
each_dtype = pytest.mark.parametrize("dtype", NUMPY)


def every_magnitude(dtype, count=400):
    """Return numbers of both signs over the whole range of a dtype, with subnormal numbers."""
    form = FORMATS[dtype]
    rng = np.random.default_rng(0)
    lowest = form.smallest_exponent - form.precision
    powers = rng.integers(lowest, form.largest_exponent + 1, count)
    return np.ldexp(rng.uniform(1, 2, count) * rng.choice([-1, 1], count), powers)


# ------------------------------------------------------------------------------------- formats


@each_dtype
def test_a_format_has_the_constants_of_its_dtype(dtype):
    form, info = FORMATS[dtype], ml_dtypes.finfo(NUMPY[dtype])
    assert form.u == float(info.eps) / 2
    assert form.smallest == float(info.smallest_normal)
    assert form.largest == float(info.max)


@each_dtype
def test_integers_are_exact_up_to_the_limit(dtype):
    form = FORMATS[dtype]
    below, at, beyond = form.integers - 1, form.integers, form.integers + 1
    kind = NUMPY[dtype]
    assert [float(kind(below)), float(kind(at))] == [below, at]
    # For float64 the sum above is rounded, too.
    assert float(kind(beyond)) == at


@each_dtype
def test_rounding_matches_the_dtype(dtype):
    values = every_magnitude(dtype)
    with np.errstate(over="ignore"):
        assert np.array_equal(FORMATS[dtype].round(values), values.astype(NUMPY[dtype]))


@each_dtype
def test_ties_are_rounded_to_even(dtype):
    u = FORMATS[dtype].u
    if dtype == "float64":
        pytest.skip("float64 cannot represent the midpoint of two float64 numbers")
    assert FORMATS[dtype].round([1 + u, 1 + 3 * u, -1 - u]).tolist() == [1, 1 + 4 * u, -1]


@each_dtype
def test_rounding_keeps_representable_and_non_finite_values(dtype):
    form = FORMATS[dtype]
    kept = np.array([0, 1, -form.largest, form.smallest, form.smallest * 2 * form.u, np.inf])
    assert np.array_equal(form.round(kept), kept)
    assert np.isnan(form.round(np.nan))
    if dtype != "float64":
        # IEEE 754-2019, 4.3.1: numbers round to infinity from largest + ulp / 2 on.
        assert form.round(form.largest * (1 + form.u)) == np.inf
        assert form.round(form.largest * (1 + form.u / 4)) == form.largest


@each_dtype
def test_an_ulp_is_the_spacing_of_the_dtype(dtype):
    numbers = FORMATS[dtype].round(every_magnitude(dtype))
    numbers = np.append(numbers[np.abs(numbers) < FORMATS[dtype].largest / 2], [1.0, -1.0, 0.0])
    spacing = np.abs(np.spacing(np.abs(numbers).astype(NUMPY[dtype])).astype(np.float64))
    assert np.array_equal(FORMATS[dtype].ulp(numbers), spacing)


# --------------------------------------------------------------------- operands without a bound


@each_dtype
def test_bound_is_infinite_only_if_sum_may_overflow(dtype):
    largest = FORMATS[dtype].largest
    r = Recurrence(np.array([[1.0], [-1.0]]), np.zeros((1, 1)), None, "linear")
    h = np.zeros((2, 1))
    _, bound = one_step(r, np.array([[largest, largest / 4], [largest / 4, 0]]), h, DEFAULT[dtype])
    assert np.isinf(bound).tolist() == [[True], [False]]


@each_dtype
def test_bound_is_infinite_for_infinity_plus_overflow(dtype):
    # inf + -inf is NaN if the sum of the inputs is computed first.
    largest = FORMATS[dtype].largest
    r = Recurrence(-np.ones((2, 1)), np.ones((1, 1)), None, "linear")
    x, h = np.array([[largest, largest], [largest / 4, 1]]), np.full((2, 1), np.inf)
    value, bound = one_step(r, x, h, DEFAULT[dtype])
    assert value.tolist() == [[np.inf], [np.inf]]
    assert bound.tolist() == [[np.inf], [0]]


def test_non_finite_operands_have_a_zero_bound():
    r = Recurrence(np.ones((1, 1)), np.ones((1, 1)), None, "linear")
    x = np.array([[np.inf], [np.nan], [np.inf]])
    value, bound = one_step(r, x, np.array([[0], [0], [-np.inf]]), DEFAULT["float32"])
    assert np.array_equal(value, [[np.inf], [np.nan], [np.nan]], equal_nan=True)
    assert bound.tolist() == [[0], [0], [0]]


# ---------------------------------------------------------------- sharpness: what must be beyond it


def long_run(dtype, factor=1.0, seed=0):
    """Return a recurrence, inputs, and the outputs of a kernel that uses U * factor."""
    rng, rounded = np.random.default_rng(seed), FORMATS[dtype].round
    W, U = rng.normal(size=(4, 8)), rng.normal(size=(8, 8)) / 8**0.5
    r = Recurrence(rounded(W), rounded(U), rounded(0.3 * rng.normal(size=8)), "tanh")
    x = rounded(0.5 * rng.normal(size=(8, 40, 4)))
    # In float64, U * factor keeps three digits of the difference, because 1e-13 is 450 eps.
    taken = replace(r, recurrent_kernel=rounded(r.recurrent_kernel * factor))
    posed = GradientProblem(taken, x, None, None, np.zeros(0), np.zeros(0))
    return r, x, outputs_of(Machine(DEFAULT[dtype], "one by one", rng), posed, np.tanh)


@pytest.mark.parametrize(("dtype", "relative"), [("float32", 1e-5), ("float64", 1e-13)])
@pytest.mark.parametrize("seed", range(5))
def test_slightly_wrong_recurrent_kernel_exceeds_the_bound(dtype, relative, seed):
    for factor, seen in ((1.0, False), (1 + relative, True), (1 - relative, True)):
        r, x, outputs = long_run(dtype, factor, seed)
        steps = all_steps(r, outputs, x, None, None, DEFAULT[dtype])
        assert np.any(np.abs(outputs - steps.expected) > steps.bound) == seen


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_error_of_four_bounds_is_detected_anywhere(dtype):
    r, x, outputs = long_run(dtype)
    rng = np.random.default_rng(1)
    bound = all_steps(r, outputs, x, None, None, DEFAULT[dtype]).bound
    for _ in range(100):
        at = tuple(rng.integers(0, outputs.shape))
        wrong = outputs.copy()
        # Correct to one bound, off by four, rounded by less than one: at least two remain.
        wrong[at] = FORMATS[dtype].round(wrong[at] + rng.choice([-4, 4]) * bound[at])
        steps = all_steps(r, wrong, x, None, None, DEFAULT[dtype])
        assert np.abs(wrong - steps.expected)[at] > steps.bound[at]


@each_dtype
def test_bound_is_a_small_multiple_of_roundoff(dtype):
    # Ten roundings of terms of at most 1/2 and tanh's own error, in units of 2 u.
    r = Recurrence(np.array([[0.5]]), np.array([[0.5]]), np.array([0.125]), "tanh")
    _, bound = one_step(r, np.array([[0.5]]), np.array([[0.5]]), DEFAULT[dtype])
    form = FORMATS[dtype]
    assert bound < (5 + r.function.kernel_error[dtype]) * 2 * form.u + 10 * form.smallest


def test_the_bound_does_not_grow_along_the_sequence():
    r, x, outputs = long_run("float32")
    bound = all_steps(r, outputs, x, None, None, DEFAULT["float32"]).bound
    assert np.max(bound[:, 20:]) < 2 * np.max(bound[:, :20])


# -------------------------------------------------------------- the state before each step


RUNNING_SUM = Recurrence(np.array([[1.0]]), np.array([[1.0]]), None, "linear")  # h + x


def held(outputs, inputs, start=None, mask=None, **options):
    """Return the steps of a run of one row, one feature and one unit, as lists."""
    r = Recurrence(RUNNING_SUM.kernel, RUNNING_SUM.recurrent_kernel, None, "linear", **options)
    steps = all_steps(
        r,
        np.array(outputs, float).reshape(1, -1, 1),
        np.array(inputs, float).reshape(1, -1, 1),
        None if start is None else np.array([[start]], float),
        None if mask is None else np.array([mask]),
        DEFAULT["float32"],
    )
    bounded = (steps.bound > 0).ravel().tolist()
    return steps.expected.ravel().tolist(), bounded, steps.final_state.ravel().tolist()


def test_each_step_starts_from_the_returned_state():
    # The run's second output, 7, is wrong; the third is right, given the second.
    assert held([1, 7, 10], [1, 2, 3]) == ([1, 3, 10], [True, True, True], [10])
    assert held([6], [1], start=5) == ([6], [True], [6])


def test_a_masked_step_carries_state_and_output_exactly():
    got = held([1, 1, 4], [1, 2, 3], mask=[True, False, True])
    assert got == ([1, 1, 4], [True, False, True], [4])
    # The expected output of a masked step is the previous output, and no step starts from it.
    got = held([1, 9, 4], [1, 2, 3], mask=[True, False, True])
    assert got == ([1, 1, 4], [True, False, True], [4])


def test_trailing_masked_steps_keep_the_state():
    got = held([1, 3, 3], [1, 2, 3], mask=[True, True, False])
    assert got == ([1, 3, 3], [True, True, False], [3])


def test_outputs_before_first_unmasked_step_are_zero():
    got = held([0, 0, 8], [1, 2, 3], start=5, mask=[False, False, True])
    assert got == ([0, 0, 8], [False, False, True], [8])


def test_fully_masked_row_keeps_the_initial_state():
    assert held([0, 0], [1, 2], start=5, mask=[False, False]) == ([0, 0], [False, False], [5])
    assert held([0, 0], [1, 2], mask=[False, False]) == ([0, 0], [False, False], [0])


def test_zero_output_for_mask_does_not_change_states():
    options = {"mask": [True, False, True, False], "zero_output_for_mask": True}
    got = held([1, 0, 4, 0], [1, 2, 3, 4], **options)
    assert got == ([1, 0, 4, 0], [True, False, True, False], [4])


def test_go_backwards_reverses_inputs_and_mask():
    got = held([3, 5, 6], [1, 2, 3], go_backwards=True)
    assert got == ([3, 5, 6], [True, True, True], [6])
    got = held([0, 2, 3], [1, 2, 3], mask=[True, True, False], go_backwards=True)
    assert got == ([0, 2, 3], [False, True, True], [3])


def test_each_row_uses_its_own_mask():
    steps = all_steps(
        RUNNING_SUM,
        np.array([[[1.0], [1.0]], [[0.0], [4.0]]]),
        np.array([[[1.0], [2.0]], [[3.0], [4.0]]]),
        None,
        np.array([[True, False], [False, True]]),
        DEFAULT["float32"],
    )
    assert steps.expected.ravel().tolist() == [1, 1, 0, 4]
    assert (steps.bound > 0).ravel().tolist() == [True, False, False, True]
    assert steps.final_state.ravel().tolist() == [1, 4]


@pytest.mark.parametrize(("batch", "time"), [(0, 3), (2, 0), (0, 0)])
def test_empty_runs_have_no_steps_to_check(batch, time):
    x = np.zeros((batch, time, 1))
    steps = all_steps(RUNNING_SUM, x, x, np.full((batch, 1), 5.0), None, DEFAULT["float32"])
    assert steps.expected.shape == steps.bound.shape == (batch, time, 1)
    assert steps.final_state.tolist() == [[5]] * batch


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_flushed_operands_are_within_the_bound(dtype):
    # Denormals-are-zero: a subnormal operand counts as 0, whatever the other factor is.
    form, rng = FORMATS[dtype], np.random.default_rng(1)
    for magnitude in (10.0, 1e3, 1e20):
        x = form.round(rng.uniform(-2, 2, (50, 6)) * form.smallest)
        W = form.round(rng.uniform(-1, 1, (6, 4)) * magnitude)
        recurrence = Recurrence(W, np.zeros((4, 4)), None, "linear")
        expected, bound = one_step(recurrence, x, np.zeros((50, 4)), DEFAULT[dtype])
        flushed = np.where(np.abs(x) < form.smallest, 0, x) @ W
        assert np.any(flushed != expected)
        assert np.all(np.abs(flushed - expected) <= bound)
        # Without subnormal operands the bound does not change.
        normal = np.where(np.abs(x) < form.smallest, form.smallest, x)
        _, bound = one_step(recurrence, normal, np.zeros((50, 4)), DEFAULT[dtype])
        size = np.abs(normal) @ np.abs(W)
        assert np.all(bound <= 24 * form.u * size + 20 * form.smallest)
