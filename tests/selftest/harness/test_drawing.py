"""Drawn cases reach their corners, integers stay exact, and failing cases shrink.

These tests follow the model of Hypothesis's tests/quality: they test a strategy by its examples.
"""

import dataclasses
import functools

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings

from reference.formats import FORMATS
from tests.harness.cases import corners, plans, sizes, strategies
from tests.harness.cases.case import DEFAULTS, Case, evaluate_case_text, noise, replace
from tests.harness.cases.values import truncated_to_exact
from tests.harness.target import arguments, layer
from tests.harness.target.layer import CLIP

DRAWS = 600
REPRODUCIBLE = {
    "database": None,
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": list(HealthCheck),  # conditions are rare, and the machine may be slow
}


@functools.cache
def drawn(kind="floats", count=DRAWS):
    """Return `count` cases of a strategy, the same ones in every run."""
    found = []
    masked = {**plans.INTEGER_ACTIVATIONS, **plans.ALWAYS_MASKED}
    strategy = {
        "floats": strategies.cases(plans.run_choices()),
        "integers": strategies.cases(
            plans.narrowed_choices(plans.INTEGER_ACTIVATIONS), integers_only=True
        ),
        "masked integers": strategies.cases(plans.narrowed_choices(masked), integers_only=True),
    }[kind]

    @settings(max_examples=count, phases=[Phase.generate], **REPRODUCIBLE)
    @given(strategy)
    def collect(case):
        found.append(case)

    collect()
    return found


def simplest(condition, **changes):
    """Return the smallest case that satisfies the condition, as a failure would report it."""
    finding = settings(max_examples=2000, **REPRODUCIBLE)
    return find(strategies.cases(plans.narrowed_choices(changes)), condition, settings=finding)


def has_rows(case):
    return case.mask is not None and case.mask.size > 0


# ----------------------------------------------------------------------------- corners are reached


def has(name: str, value):
    """Return whether that field of a case has that value, as a function of the case."""
    return lambda c: getattr(c, name) == value


CORNERS = {
    "no row": lambda c: c.batch == 0,
    "one row": lambda c: c.batch == 1,
    "more than 16 rows": lambda c: c.batch > 16,
    "one step": lambda c: c.time == 1,
    "more than 12 steps": lambda c: c.time > 12,
    "one unit": lambda c: c.units == 1,
    "more than 16 units": lambda c: c.units > 16,
    "one feature": lambda c: c.features == 1,
    "more than 16 features": lambda c: c.features > 16,
    "features equal to units": lambda c: c.features == c.units > 1,
    "batch equal to time": lambda c: c.batch == c.time > 1,
    "no mask": lambda c: c.mask is None,
    "a mask": lambda c: c.mask is not None,
    "a row without an unmasked step": lambda c: has_rows(c) and not c.mask.any(1).all(),
    "a row without one, beside a row with one": lambda c: (
        has_rows(c) and c.mask.any() and not c.mask.any(1).all()
    ),
    "a mask that masks nothing": lambda c: has_rows(c) and c.mask.all(),
    "a mask that masks everything": lambda c: has_rows(c) and not c.mask.any(),
    "a masked step between unmasked ones": lambda c: (
        has_rows(c) and (c.mask[:, :-2] & ~c.mask[:, 1:-1] & c.mask[:, 2:]).any()
    ),
    "the first step masked and the last not": lambda c: (
        has_rows(c) and (~c.mask[:, 0] & c.mask[:, -1]).any()
    ),
    "the last step masked and the first not": lambda c: (
        has_rows(c) and (c.mask[:, 0] & ~c.mask[:, -1]).any()
    ),
    "rows masked differently": lambda c: has_rows(c) and (c.mask != c.mask[0]).any(),
    "an initial state and a mask": lambda c: c.initial_state is not None and has_rows(c),
    "an initial state that is not zero": lambda c: (
        c.initial_state is not None and c.initial_state.any()
    ),
    "no initial state": lambda c: c.initial_state is None,
    "no bias": lambda c: c.bias is None,
    "a bias that is not zero": lambda c: c.bias is not None and c.bias.any(),
    "backwards with a mask": lambda c: c.go_backwards and has_rows(c),
    "zeros for the output with a mask": lambda c: c.zero_output_for_mask and has_rows(c),
    "options left out": lambda c: not c.options(DEFAULTS),
    "every option given": lambda c: (
        {"activation", "use_bias", "dtype"} <= c.options(DEFAULTS).keys()
    ),
    "a default given by name": lambda c: c.options(DEFAULTS).get("activation") == "tanh",
    **{d: has("dtype", d) for d in FORMATS},
    **{f"activation {a}": has("activation", a) for a in plans.OPTIONS["activation"]},
}


@pytest.mark.parametrize("corner", CORNERS)
def test_drawn_cases_reach_the_corner(corner):
    # At least two: the next release of Hypothesis may miss a corner that is reached only once.
    assert sum(bool(CORNERS[corner](case)) for case in drawn()) >= 2


@pytest.mark.parametrize("corner", sorted(CORNERS.keys() & {"one row", "one step", "a mask"}))
def test_integer_cases_reach_the_corner(corner):
    assert any(CORNERS[corner](case) for case in drawn("integers"))


def test_every_kind_of_mask_is_drawn():
    # Plans have the kind of a mask; the mask itself may be of several kinds.
    pool = plans.plan_pool(tuple(plans.run_choices().items()), 60, 0)
    assert {plan.mask for plan in pool} == set(plans.OPTIONS["mask"])


@pytest.mark.parametrize("size", [12, 24, 60])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_pool_uses_choices_in_proportion(size, seed):
    pool = plans.plan_pool(tuple(plans.run_choices().items()), size, seed)
    assert len(pool) == size
    for name, choices in plans.run_choices().items():
        if name in ("large", *plans.DIMENSIONS):
            continue  # `large` is not an entry of a plan; it replaces one of the dimensions
        chosen = [getattr(plan, name) for plan in pool]
        counts = [chosen.count(choice) / choices.count(choice) for choice in choices]
        assert max(counts) - min(counts) <= 1
        assert min(counts) >= 1


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_pool_has_large_sizes_of_each_dimension(seed):
    kinds = plans.OPTIONS["large"]
    pool = plans.plan_pool(tuple(plans.run_choices().items()), 2 * len(kinds), seed)
    for name, found in sizes.current().items():
        assert sum(getattr(plan, name) in found.large for plan in pool) == 2 * kinds.count(name)


def test_similar_pools_share_plans_and_prefixes():
    choices = tuple(plans.run_choices().items())
    masked = tuple(plans.narrowed_choices(plans.ALWAYS_MASKED).items())
    pool = plans.plan_pool(choices, 12, 0)
    assert plans.plan_pool(choices, 5, 0) == pool[:5] != plans.plan_pool(choices, 5, 1)
    for plan, other in zip(pool, plans.plan_pool(masked, 12, 0), strict=True):
        assert dataclasses.replace(plan, mask=None) == dataclasses.replace(other, mask=None)


def test_unsupported_options_are_not_drawn():
    unsupported = {"mask", "initial_state", "go_backwards", "use_bias"}

    @settings(max_examples=50, phases=[Phase.generate], **REPRODUCIBLE)
    @given(strategies.cases(plans.without_features(plans.run_choices(), unsupported)))
    def check(case):
        assert case.mask is None
        assert case.initial_state is None
        assert case.bias is not None
        assert not case.go_backwards

    check()


def test_property_choices_replace_the_defaults():
    asked_for = {"batch": (3,), "large": (None,), "dtype": ("float64",)}

    @settings(max_examples=50, phases=[Phase.generate], **REPRODUCIBLE)
    @given(strategies.cases(plans.narrowed_choices(asked_for), plans=12))
    def check(case):
        assert (case.batch, case.dtype) == (3, "float64")

    check()


def test_dynamic_shape_draws_any_batch_and_time():
    shapes, others = set(), set()

    @settings(max_examples=300, phases=[Phase.generate], **REPRODUCIBLE)
    @given(strategies.cases(plans.run_choices(), plans=4, any_shape=True))
    def collect(case):
        shapes.add((case.batch, case.time))
        others.add((case.features, case.units, case.dtype, case.activation))

    collect()
    assert len(others) <= 4
    assert len(shapes) > 20


# ------------------------------------------------------------------------------------------ values


def scale_of(array):
    """Return the largest power of two that divides all numbers."""
    mantissas, exponents = np.frexp(array[array != 0])
    mantissas = np.ldexp(mantissas, 53).astype(np.int64)
    last_bits = np.log2(mantissas & -mantissas).astype(int)
    return np.ldexp(1.0, int(np.min(exponents - 53 + last_bits, initial=1000)))


def first_rows(case, count=4):
    """Return the case with its first rows only; rows are independent."""
    rows = {name: getattr(case, name) for name in ("inputs", "initial_state", "mask")}
    return replace(case, **{n: None if v is None else v[:count] for n, v in rows.items()})


def largest_sum(case):
    """Return the largest |x||W| + |h||U| + |b| of any unmasked step, in units of the common scale.

    All terms are multiples of this unit; with CLIP it must be 1. Long double has all integers up to
    2^64.
    """
    case = first_rows(case)
    units = [scale_of(case.inputs) * scale_of(case.kernel)]
    units += [scale_of(a) for a in (case.bias, case.initial_state) if a is not None]
    unit = 1.0 if case.activation == CLIP else min(units)
    assert case.activation != CLIP or min(units) >= 1
    x = np.asarray(case.inputs / scale_of(case.inputs), np.longdouble)
    W = np.asarray(case.kernel / (unit / scale_of(case.inputs)), np.longdouble)
    U = np.asarray(case.recurrent_kernel, np.longdouble)
    b, h = (
        np.zeros(case.units, np.longdouble) if a is None else np.asarray(a / unit, np.longdouble)
        for a in (case.bias, case.initial_state)
    )
    h = np.broadcast_to(h, (case.batch, case.units))
    steps = range(case.time)
    largest = 0.0
    for t in reversed(steps) if case.go_backwards else steps:
        size = abs(x[:, t]) @ abs(W) + abs(h) @ abs(U) + abs(b)
        z = x[:, t] @ W + h @ U + b
        if case.activation == "relu":
            z = np.maximum(z, 0)
        elif case.activation == CLIP:
            z = np.clip(z, -1, 1)
        live = np.ones(case.batch, bool) if case.mask is None else case.mask[:, t]
        largest = max(largest, float(np.max(size[live], initial=0)))
        h = np.where(live[:, None], z, h)
    return largest


@pytest.mark.parametrize("kind", ["integers", "masked integers"])
def test_sums_of_integer_cases_are_exact(kind):
    for case in drawn(kind, 300):
        assert largest_sum(case) < FORMATS[case.dtype].integers
        assert largest_sum(replace(case, mask=None)) < FORMATS[case.dtype].integers


def test_sums_stay_exact_if_mask_prevents_cancellation():
    # Without the mask the states are 1, 2 - 2 = 0, 1, 0, ...; with it they double at each step.
    case = Case(
        inputs=np.array([[1.0, -2.0] * 30])[:, :, None],
        kernel=np.array([[1.0]]),
        recurrent_kernel=np.array([[2.0]]),
        mask=np.array([[True, False] * 30]),
        activation="linear",
        dtype="float16",
    )
    assert largest_sum(truncated_to_exact(case)) < FORMATS["float16"].integers


def test_integer_cases_are_integers_times_powers_of_two():
    for case in drawn("integers"):
        for array in (case.inputs, *case.weights, case.initial_state):
            if array is not None and array.any():
                whole_numbers = array / scale_of(array)
                assert np.array_equal(whole_numbers, np.rint(whole_numbers))
                assert abs(whole_numbers).max() <= FORMATS[case.dtype].integers


def test_few_integer_cases_are_truncated():
    # Otherwise most cases of the exact properties would have one step.
    lengths = [case.time for case in drawn("integers")]
    assert np.mean([n == 1 for n in lengths]) < 0.35
    assert max(lengths) > 12


def test_values_are_numbers_of_the_dtype():
    for case in drawn():
        for array in (case.inputs, *case.weights, case.initial_state):
            if array is not None:
                assert np.array_equal(array, FORMATS[case.dtype].round(array))


@pytest.mark.parametrize("kind", ["floats", "integers"])
def test_weights_have_no_symmetry(kind):
    # Transposing or permuting a symmetric or constant matrix, or one with equal columns, is no
    # fault. Small integers of few units may be symmetric by chance; most must not be.
    several = [case for case in drawn(kind) if case.units > 2]
    U = [np.asarray(case.recurrent_kernel) for case in several]
    assert np.mean([np.array_equal(u, u.T) for u in U]) < 0.1
    assert np.mean([len(np.unique(u)) == 1 for u in U]) < 0.1
    assert np.mean([np.array_equal(u, u[:, ::-1]) for u in U]) < 0.1
    W = [np.asarray(c.kernel) for c in several if c.features == c.units]
    assert W
    assert np.mean([np.array_equal(w, w.T) for w in W]) < 0.1


def test_arrays_of_a_case_differ():
    for case in drawn():
        arrays = [case.inputs, case.kernel, case.recurrent_kernel, case.initial_state]
        heads = [np.ravel(a)[:4].tolist() for a in arrays if a is not None and a.size >= 4]
        assert len({tuple(head) for head in heads}) == len(heads)


def test_noise_elements_do_not_depend_on_shape():
    for big, small in (((9, 7, 5), (2, 3, 1)), ((40, 130), (40, 1)), ((300,), (299,))):
        corner = tuple(slice(n) for n in small)
        assert np.array_equal(noise(7, big)[corner], noise(7, small))


def test_noise_is_uniform_and_uncorrelated():
    # The mean of 10^5 uniform numbers has the standard deviation 1/sqrt(12 * 10^5) = 0.0009; the
    # test allows six of them.
    sample = noise(3, (250, 400))
    assert 0 <= sample.min() < 1e-3
    assert 1 - 1e-3 < sample.max() < 1
    assert abs(sample.mean() - 0.5) < 0.0055
    assert len(np.unique(sample)) == sample.size
    assert not np.array_equal(noise(3, (4, 4)), noise(4, (4, 4)))
    assert not np.array_equal(noise(3, (4, 4)), noise(3, (4, 4)).T)
    # The correlation of 10^5 independent pairs has the standard deviation 0.0032.
    for a, b in ((sample[1:], sample[:-1]), (sample[:, 1:], sample[:, :-1])):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 0.02


def test_noise_of_neighbouring_streams_is_not_correlated():
    # The arrays of one case have neighbouring seeds; the limit is that of the test above.
    streams = [noise(8 + stream, (250, 400)).ravel() for stream in range(4)]
    others = np.corrcoef(streams)[~np.eye(4, dtype=bool)]
    assert np.abs(others).max() < 0.02


# ------------------------------------------------------------------------------ the text of cases


def same(a, b):
    """Return whether two cases are equal in every field and every element of arrays."""
    pairs = [(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(Case)]
    return all(
        (x is None) == (y is None) and np.array_equal(x, y) if isinstance(x, np.ndarray) else x == y
        for x, y in pairs
    )


@pytest.mark.parametrize("kind", ["floats", "integers", "masked integers"])
def test_case_repr_evaluates_to_the_case(kind):
    for case in drawn(kind, DRAWS if kind == "floats" else 300)[::3]:
        again = evaluate_case_text(repr(case))
        assert same(again, case)


def test_corner_repr_evaluates_to_the_corner():
    for integers, kind in ((True, plans.INTEGER_ACTIVATIONS), (False, {})):
        for case in corners.corners(plans.narrowed_choices(kind), integers):
            assert same(evaluate_case_text(repr(case)), case)


def test_case_repr_keeps_nan_and_infinity():
    inputs = np.array([[[np.inf], [-np.inf], [np.nan]]])
    case = Case(inputs, np.ones((1, 1)), np.ones((1, 1)))
    again = evaluate_case_text(repr(replace(case, equivalent_case=case)))
    assert np.array_equal(again.inputs, inputs, equal_nan=True)


def test_large_case_has_a_short_repr():
    # The weights of 130 units have 17,000 numbers, too many for a readable line.
    large = [case for case in drawn() if case.units > 128 or case.features > 128]
    assert large
    assert max(len(repr(case)) for case in large) < 8000


def test_changed_case_does_not_print_the_old_formula():
    case = next(c for c in drawn() if c.inputs.size > 240 and c.batch > 1)
    for inputs in (case.inputs[:, ::-1], -case.inputs, case.inputs[:1], case.inputs.copy() * 0):
        changed = replace(case, inputs=inputs, mask=None, initial_state=None)
        assert same(evaluate_case_text(repr(changed)), changed)


def test_assigned_array_elements_are_printed():
    case = next(c for c in drawn() if c.inputs.size > 240)
    inputs = case.inputs.copy()
    inputs[0, 0, 0] = 0.5
    changed = replace(case, inputs=inputs)
    assert evaluate_case_text(repr(changed)).inputs[0, 0, 0] == 0.5


# ------------------------------------------------------------------------------ minimal examples


def test_simplest_case_is_smallest_with_defaults():
    case = simplest(lambda case: True)
    assert case.inputs.shape == (1, 1, 1)
    assert case.units == 1
    assert (case.mask, case.initial_state, case.options(DEFAULTS)) == (None, None, {})


def test_masked_backwards_case_shrinks_to_one_element():
    case = simplest(lambda case: case.mask is not None and case.go_backwards)
    assert case.inputs.shape == (1, 1, 1)
    assert case.units == 1
    assert case.options(DEFAULTS) == {"go_backwards": True}


def test_direction_failure_shrinks_to_two_steps():
    def differs(case):
        if case.batch == 0 or not case.go_backwards:
            return False
        forwards = replace(case, go_backwards=False).recurrence.run(case.inputs)[1]
        return not np.allclose(forwards, case.recurrence.run(case.inputs)[1])

    assert simplest(differs).inputs.shape == (1, 2, 1)


def test_many_units_shrink_with_small_other_sizes():
    case = simplest(lambda case: case.units > 16)
    found = sizes.current()["units"]
    assert case.units == min(size for size in (*found.common, *found.large) if size > 16)
    assert case.inputs.shape == (1, 1, 1)


def test_every_layer_option_is_tried():
    assert layer.OPTIONS.keys() <= plans.OPTIONS.keys() | arguments.NON_DEFAULT_VALUES.keys()


def test_largest_sum_detects_an_inexact_sum():
    # The checks above can fail: 1 + 3 * 2^52 exceeds the exact integers of float64.
    inputs, one = np.array([[[2.0**52]]]), np.array([[1.0]])
    case = Case(inputs, 3 * one, one, bias=one[0], dtype="float64")
    assert largest_sum(case) >= 3 * 2**52 > FORMATS["float64"].integers
