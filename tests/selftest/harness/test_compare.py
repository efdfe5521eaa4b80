"""Comparison: correct results are accepted, wrong ones are rejected with their position."""

import dataclasses

import numpy as np
import pytest

from reference.arithmetic import DEFAULT
from reference.formats import FORMATS
from reference.rounding import all_steps
from tests.harness import session
from tests.harness.cases.case import Case
from tests.harness.compare.assertions import Mismatch, assert_same, assert_within
from tests.harness.compare.runs import Run, assert_exact, assert_final_state, assert_steps

NUMBERS = np.arange(24.0).reshape(2, 3, 4)
LARGEST = FORMATS["float32"].largest


def changed(array, at, value):
    array = np.array(array, float)
    array[at] = value
    return array


# --------------------------------------------------------------------------------- assert_same


def test_assert_same_accepts_equal_values():
    assert_same("outputs", NUMBERS, NUMBERS.copy())
    assert_same("outputs", np.float32([0.5, np.inf]), [0.5, np.inf])
    assert_same("outputs", [np.nan, 0.0], [np.nan, -0.0])
    assert_same("outputs", np.zeros((0, 3)), np.zeros((0, 3)))


@pytest.mark.parametrize("value", [np.nextafter(23.0, 24.0), np.nan, np.inf, -23.0])
def test_assert_same_names_the_differing_element(value):
    place = r"^outputs\[row 1, step 2, unit 3\] \(1 of 24 differ\): expected 23\.0, got "
    with pytest.raises(Mismatch, match=place):
        assert_same("outputs", changed(NUMBERS, (1, 2, 3), value), NUMBERS)


def test_assert_same_rejects_number_for_nan_or_infinity():
    for expected in (np.nan, np.inf, -np.inf):
        with pytest.raises(Mismatch, match=r"state\[row 0, unit 1\] \(1 of 2 differ\)"):
            assert_same("state", [[1.0, 2.0]], [[1.0, expected]])


@pytest.mark.parametrize("shape", [(2, 4, 3), (24,), (1, 2, 3, 4), (6, 4)])
def test_assert_same_rejects_another_shape(shape):
    with pytest.raises(Mismatch, match="shape"):
        assert_same("outputs", NUMBERS.reshape(shape), NUMBERS)


def test_assert_same_rejects_a_broadcastable_shape():
    for got, expected in (((1, 3), (2, 3)), ((2, 1), (2, 3)), ((0, 3), (1, 3)), ((), (1,))):
        with pytest.raises(Mismatch, match="shape"):
            assert_same("outputs", np.zeros(got), np.zeros(expected))


# ------------------------------------------------------------------------------- assert_within


def test_assert_within_accepts_bound_and_records_ratio():
    bound = np.full(NUMBERS.shape, 0.5)
    session.current().largest_ratio = 0.0
    assert_within("outputs", changed(NUMBERS, (0, 1, 2), 6.25), NUMBERS, bound, "float32")
    assert session.current().largest_ratio == 0.5
    assert_within("outputs", NUMBERS + 0.5, NUMBERS, bound, "float32")
    assert session.current().largest_ratio == 1
    assert_within("outputs", NUMBERS, NUMBERS, bound, "float32")
    assert session.current().largest_ratio == 1
    session.current().largest_ratio = 0.0
    assert session.current().largest_ratio == 0


def test_assert_within_reports_the_element_and_ratio():
    bound = np.full(NUMBERS.shape, 0.5)
    place = r"^outputs\[row 0, step 1, unit 2\] \(1 of 24 differ\): expected 6\.0, got 8\.0, "
    with pytest.raises(Mismatch, match=place + r"4 times the bound 0\.5$"):
        assert_within("outputs", changed(NUMBERS, (0, 1, 2), 8), NUMBERS, bound, "float32")


def test_assert_within_reports_the_worst_element():
    got = changed(changed(NUMBERS, (0, 0, 0), 1), (1, 1, 1), -50)
    with pytest.raises(Mismatch, match=r"\[row 1, step 1, unit 1\] \(2 of 24 differ\)"):
        assert_within("outputs", got, NUMBERS, np.full(NUMBERS.shape, 0.5), "float32")


def test_zero_bound_requires_equality():
    assert_within("outputs", NUMBERS, NUMBERS, np.zeros(NUMBERS.shape), "float32")
    got = changed(NUMBERS, (1, 0, 0), np.nextafter(12, 13))
    with pytest.raises(Mismatch, match=r"\[row 1, step 0, unit 0\].*\(exact\)$"):
        assert_within("outputs", got, NUMBERS, np.zeros(NUMBERS.shape), "float32")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_non_finite_values_exceed_a_finite_bound(value):
    bound = np.full(NUMBERS.shape, 1e6)
    with pytest.raises(Mismatch, match=r"\[row 1, step 1, unit 1\] \(1 of 24 differ\)"):
        assert_within("outputs", changed(NUMBERS, (1, 1, 1), value), NUMBERS, bound, "float32")
    with pytest.raises(Mismatch, match=r"\[row 1, step 1, unit 1\] \(1 of 24 differ\)"):
        assert_within("outputs", NUMBERS, changed(NUMBERS, (1, 1, 1), value), bound, "float32")


def test_expected_nan_and_infinity_are_accepted():
    values = np.array([np.nan, np.inf, -np.inf, 1.0])
    session.current().largest_ratio = 0.0
    assert_within("outputs", values, values, np.array([0, 0, 0, 0.5]), "float32")
    assert session.current().largest_ratio == 0
    with pytest.raises(Mismatch):
        assert_within("outputs", [np.inf], [-np.inf], [0.0], "float32")


def test_infinite_bound_accepts_any_value():
    for value in (np.nan, np.inf, -np.inf, 7.0):
        assert_within("outputs", [value], [1.0], [np.inf], "float32")


def test_infinity_is_accepted_if_bound_reaches_overflow():
    assert_within("outputs", [np.inf], [2 * LARGEST], [1.0], "float32")
    assert_within("outputs", [-np.inf], [-0.9 * LARGEST], [0.2 * LARGEST], "float32")


@pytest.mark.parametrize(
    ("got", "expected", "bound"),
    [
        (np.inf, 0.9 * LARGEST, 0.05 * LARGEST),  # expected + bound is below the largest number
        (-np.inf, 2 * LARGEST, 1.0),  # the other sign
        (np.inf, -0.9 * LARGEST, 0.2 * LARGEST),
        (LARGEST / 2, 2 * LARGEST, 1.0),  # a wrong finite number
    ],
)
def test_wrong_values_near_overflow_are_rejected(got, expected, bound):
    with pytest.raises(Mismatch):
        assert_within("outputs", [got], [expected], [bound], "float32")


def test_overflow_depends_on_the_dtype():
    assert_within("outputs", [np.inf], [70000.0], [1.0], "float16")
    with pytest.raises(Mismatch):
        assert_within("outputs", [np.inf], [70000.0], [1.0], "float32")


@pytest.mark.parametrize("shape", [(1, 3, 4), (2, 1, 4), (0, 3, 4)])
def test_assert_within_rejects_another_shape(shape):
    # All of these broadcast: the first two to comparisons of every element, the last to none.
    got = np.zeros(shape)
    expected = np.zeros((1 if 0 in shape else 2, 3, 4))
    with pytest.raises(Mismatch, match="shape"):
        assert_within("outputs", got, expected, np.ones(expected.shape), "float32")


# ---------------------------------------------------------------------------------- whole runs


def case(**options):
    """Return a case of integers without symmetry: 2 rows, 3 steps, 2 features and 2 units."""
    values = {
        "inputs": np.array([[[1, -2], [3, 0], [-1, 2]], [[2, 2], [0, -3], [1, 1]]]),
        "kernel": np.array([[1, 2], [-3, 1]]),
        "recurrent_kernel": np.array([[0, 1], [-2, 1]]),
        "bias": np.array([1, -1]),
        "initial_state": np.array([[1, 2], [-1, 3]]),
        "activation": "linear",
    }
    return Case(**{**values, **options})


VARIANTS = {
    "plain": {},
    "backwards": {"go_backwards": True},
    "masked": {"mask": np.array([[True, False, True], [False, True, False]])},
    "all masked": {"mask": np.zeros((2, 3), bool)},
    "zero output": {"mask": np.array([[1, 0, 1], [0, 1, 0]]), "zero_output_for_mask": True},
    "tanh": {"activation": "tanh", "dtype": "float64"},
}
each_variant = pytest.mark.parametrize("options", VARIANTS.values(), ids=VARIANTS.keys())
PLACES = list(np.ndindex(2, 3, 2))


def right(c):
    return Run(*c.recurrence.run(c.inputs, c.initial_state, c.mask))


@each_variant
def test_run_of_the_reference_is_accepted(options):
    c = case(**options)
    assert_exact(right(c), c)
    assert_steps(right(c), c)
    assert_final_state(right(c), c)


@each_variant
@pytest.mark.parametrize("value", [0.125, np.nan, np.inf])
def test_one_wrong_output_is_rejected(options, value):
    c = case(**options)
    for at in PLACES:
        outputs = right(c).outputs
        wrong = Run(changed(outputs, at, outputs[at] + value), right(c).state)
        row, step, unit = at
        with pytest.raises(Mismatch, match=rf"^outputs\[row {row}, step {step}, unit {unit}\]"):
            assert_exact(wrong, c)
        with pytest.raises(Mismatch, match=rf"^outputs\[row {row}, step \d, unit \d\]"):
            assert_steps(wrong, c)


@each_variant
@pytest.mark.parametrize("value", [1e-9, np.nan, np.inf])
def test_one_wrong_state_element_is_rejected(options, value):
    c = case(**options)
    for at in np.ndindex(2, 2):
        wrong = Run(right(c).outputs, changed(right(c).state, at, right(c).state[at] + value))
        for check in (assert_exact, assert_final_state):
            with pytest.raises(Mismatch, match=rf"^state\[row {at[0]}, unit {at[1]}\]"):
                check(wrong, c)


def test_wrong_step_does_not_implicate_later_steps():
    c = case()
    wrong = right(c).outputs[:, :1] + 8.0
    x = dataclasses.replace(c, inputs=c.inputs[:, 1:], initial_state=wrong[:, 0])
    outputs = np.concatenate([wrong, right(x).outputs], axis=1)
    with pytest.raises(Mismatch, match=r"\[row \d, step 0, unit \d\] \(4 of 12 differ\)"):
        assert_steps(Run(outputs, outputs[:, -1]), c)


def test_bound_separates_accepted_and_rejected_errors():
    c = case(activation="tanh")
    run = right(c)
    bound = all_steps(
        c.recurrence, run.outputs, c.inputs, c.initial_state, None, DEFAULT[c.dtype]
    ).bound
    at = (1, 2, 1)  # at the last step, so that no later step starts from it
    assert_steps(Run(changed(run.outputs, at, run.outputs[at] + 0.9 * bound[at]), run.state), c)
    with pytest.raises(Mismatch, match=r"step 2, unit 1\].*1\.1 times the bound"):
        assert_steps(Run(changed(run.outputs, at, run.outputs[at] + 1.1 * bound[at]), run.state), c)


@pytest.mark.parametrize("mistake", ["one row", "no row", "one step", "one unit", "transposed"])
@pytest.mark.parametrize("check", [assert_exact, assert_steps])
def test_outputs_of_another_shape_are_rejected(check, mistake):
    c = case()
    outputs = {
        "one row": right(c).outputs[:1],
        "no row": right(c).outputs[:0],
        "one step": right(c).outputs[:, :1],
        "one unit": right(c).outputs[:, :, :1],
        "transposed": right(c).outputs.transpose(1, 0, 2),
    }[mistake]
    with pytest.raises(Mismatch, match="shape"):
        check(Run(outputs, right(c).state), c)


@pytest.mark.parametrize("check", [assert_exact, assert_final_state])
def test_state_of_another_shape_is_rejected(check):
    c = case()
    for state in (right(c).state[:1], right(c).state[:, :1], right(c).state[None]):
        with pytest.raises(Mismatch, match="shape"):
            check(Run(right(c).outputs, state), c)


def test_extra_row_is_rejected_for_empty_batch():
    c = case(inputs=np.zeros((0, 3, 2)), initial_state=None)
    for check in (assert_exact, assert_steps):
        with pytest.raises(Mismatch, match="shape"):
            check(Run(np.zeros((1, 3, 2)), np.zeros((0, 2))), c)


@each_variant
def test_wrong_direction_is_rejected(options):
    c = case(**options)
    if c.mask is not None and not c.mask.any():
        pytest.skip("without an unmasked step both directions are the same")
    other = dataclasses.replace(c, go_backwards=not c.go_backwards)
    for check in (assert_exact, assert_steps):
        with pytest.raises(Mismatch):
            check(right(other), c)
