"""The bounds for each arithmetic: never below the error of a kernel, and not far above it."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from reference.arithmetic import ARITHMETICS, DEFAULT
from reference.formats import FORMATS
from reference.gradient import GradientProblem, backward_steps
from reference.recurrence import Recurrence
from reference.rounding import one_step
from tests.selftest.reference.emulation import (
    ASSOCIATIONS,
    FUSED,
    GROUPINGS,
    ONTO,
    ORDERS,
    Machine,
    gradients,
    outputs,
    step,
)

EVERY = [
    replace(arithmetic, flushes=flushes)
    for by_dtype in ARITHMETICS.values()
    for arithmetic in by_dtype.values()
    for flushes in (True, False)
]


def name(arithmetic) -> str:
    return f"{arithmetic.name}-{arithmetic.form.name}{'' if arithmetic.flushes else '-kept'}"


each_arithmetic = pytest.mark.parametrize("arithmetic", EVERY, ids=name)
KERNELS: dict[str, Callable] = {
    "tanh": np.tanh,
    "relu": lambda z: np.maximum(z, 0),
    "linear": lambda z: z,
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
}


def problem(rng, arithmetic, activation, scale, sizes=None):
    """Return a recurrence of numbers of the dtype, with inputs and states of many rows."""
    features, units = sizes or rng.integers(1, 40, 2)
    rounded = arithmetic.form.round
    W, U = rng.normal(size=(features, units)), rng.normal(size=(units, units)) / units**0.5
    r = Recurrence(rounded(W), rounded(U), rounded(scale * rng.normal(size=units)), activation)
    x = rounded(scale * rng.normal(size=(16, features)))
    h = rounded(rng.uniform(-1, 1, (16, units)) * (1 if activation == "tanh" else scale))
    return r, x, h


def ratio(arithmetic, r, x, h, order, association, rng, bounded_by=None) -> float:
    """Return the largest error/bound of one step of the emulated kernel."""
    machine = Machine(arithmetic, order, rng)
    z = step(machine, r, x, h, association)
    with np.errstate(over="ignore"):
        got = machine.number(KERNELS[r.activation](z))
    value, bound = one_step(r, x, h, bounded_by or arithmetic)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.abs(got - value) / bound
    return float(np.max(np.where(np.isinf(bound) | (got == value), 0, error)))


def largest_ratio(arithmetic, scales=(1e-3, 0.1, 1.0, 30.0), activations=tuple(KERNELS), **more):
    rng = np.random.default_rng(len(name(arithmetic)))
    worst = 0.0
    for scale, activation in itertools.product(scales, activations):
        for order, association in itertools.product(ORDERS, [*ASSOCIATIONS, ONTO, FUSED]):
            for sizes in [(1, 1)] * 4 + [None] * 4:  # single terms, where one rounding counts
                r, x, h = problem(rng, arithmetic, activation, scale, sizes)
                worst = max(worst, ratio(arithmetic, r, x, h, order, association, rng, **more))
    return worst


@each_arithmetic
def test_emulated_kernels_are_within_the_bound(arithmetic):
    assert largest_ratio(arithmetic) <= 1


@each_arithmetic
def test_emulated_kernels_are_within_bound_under_cancellation(arithmetic):
    rng = np.random.default_rng(7)
    for activation, order in itertools.product(KERNELS, ORDERS):
        for association in [*ASSOCIATIONS, ONTO, FUSED]:
            r, x, _ = problem(rng, arithmetic, activation, 1.0, sizes=(12, 12))
            r = replace(r, recurrent_kernel=-r.kernel)
            assert ratio(arithmetic, r, x, x, order, association, rng) <= 1


@each_arithmetic
def test_emulated_kernels_are_within_bound_among_subnormals(arithmetic):
    """Operands, products, partial sums and results are below the normal numbers."""
    rng, form = np.random.default_rng(8), arithmetic.form
    for gain, order, association in itertools.product(
        (1.0, 300.0), ORDERS, [*ASSOCIATIONS, ONTO, FUSED]
    ):
        r, x, h = problem(rng, arithmetic, "linear", 1.0, sizes=(5, 5))
        r = Recurrence(*(form.round(w * gain) for w in (r.kernel, r.recurrent_kernel)), r.bias)
        r = replace(r, bias=form.round(r.bias * form.smallest), activation="linear")
        x, h = (form.round(given * form.smallest) for given in (x, h))
        assert ratio(arithmetic, r, x, h, order, association, rng) <= 1


@each_arithmetic
def test_some_emulated_kernel_comes_near_the_bound(arithmetic):
    """The search has 2,560 steps of one term; worst cases of more terms are too rare to meet."""
    rng = np.random.default_rng(3)
    worst = max(
        ratio(arithmetic, *problem(rng, arithmetic, "linear", 1.0, (1, 1)), order, how, rng)
        for order, how in itertools.product(ORDERS * 16, [*ASSOCIATIONS, ONTO, FUSED])
    )
    assert worst > 0.5


def backward_ratios(arithmetic, grouping, order, rng, bounded_by=None) -> dict[str, float]:
    """Return the largest error/bound of each gradient of an emulated backward pass."""
    activation = rng.choice(["tanh", "relu", "linear"])
    batch, time = rng.integers(1, 6, 2)
    r, _, _ = problem(rng, arithmetic, activation, 0.5, tuple(rng.integers(1, 9, 2)))
    x = arithmetic.form.round(rng.normal(size=(batch, time, len(r.kernel))))
    V, v = (np.floor(rng.uniform(-2, 3, (batch, *s))) for s in ((time, r.units), (r.units,)))
    posed = GradientProblem(r, x, None, None, V, v).with_probe()
    machine = Machine(arithmetic, order, rng)
    run = outputs(machine, posed, KERNELS[activation])
    got, dz = gradients(machine, posed, run, grouping)
    steps = backward_steps(posed, run, dz, bounded_by or arithmetic)
    found = {}
    for gradient, value in got.items():
        error = np.abs(value - getattr(steps.expected, gradient))
        bound = getattr(steps.bound, gradient)
        with np.errstate(invalid="ignore", divide="ignore"):
            ratios = np.where(error == 0, 0, error / bound)
        found[gradient] = float(np.max(ratios))
    return found


@each_arithmetic
@pytest.mark.parametrize("grouping", GROUPINGS)
def test_emulated_backward_passes_are_within_their_bounds(arithmetic, grouping):
    rng = np.random.default_rng(5)
    for order in ORDERS * 12:
        assert max(backward_ratios(arithmetic, grouping, order, rng).values()) <= 1


@each_arithmetic
def test_some_emulated_gradients_come_near_their_bounds(arithmetic):
    rng, worst = np.random.default_rng(6), dict[str, float]()
    for order in ORDERS * 60:
        found = backward_ratios(arithmetic, "by step", order, rng)
        worst = {name: max(ratio, worst.get(name, 0)) for name, ratio in found.items()}
    assert min(worst.values()) > 0.2


@pytest.mark.parametrize("units", [8, 17, 64, 130])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_bound_does_not_grow_with_the_size(dtype, units):
    """With sums in float32, the bound is a few roundings of the sum, whatever its terms."""
    rng, arithmetic = np.random.default_rng(units), ARITHMETICS["float32-sums"][dtype]
    r, x, h = problem(rng, arithmetic, "linear", 1.0, (units, units))
    r = replace(r, kernel=arithmetic.form.round(r.kernel / units**0.5))
    _, bound = one_step(r, x, h, arithmetic)
    assert np.median(bound) < 6 * FORMATS[dtype].u


WRONG = [
    ("half-sums", "float16", "float32-sums"),
    ("half-sums", "bfloat16", "truncated-sums"),
    ("truncated-sums", "bfloat16", "float32-sums"),
    ("tf32", "float32", "ieee"),
]


@pytest.mark.parametrize(("held", "dtype", "declared"), WRONG)
def test_emulated_kernel_exceeds_bound_of_sharper_arithmetic(held, dtype, declared):
    sharper = ARITHMETICS[declared][dtype]
    assert largest_ratio(ARITHMETICS[held][dtype], (1.0,), ("linear",), bounded_by=sharper) > 1


def test_flushing_kernel_exceeds_bound_that_keeps_subnormals():
    for held in DEFAULT.values():
        flushing, rng = replace(held, flushes=True), np.random.default_rng(2)
        r, x, h = problem(rng, held, "linear", 1.0, (3, 3))
        x, h = (held.form.round(given * held.form.smallest) for given in (x, h))
        r = replace(r, bias=np.zeros(3))
        kept = replace(held, flushes=False)
        assert ratio(flushing, r, x, h, "one by one", FUSED, rng, bounded_by=kept) > 1


def test_half_operands_have_exact_products_in_float32():
    for dtype in ("float16", "bfloat16"):
        assert 2 * FORMATS[dtype].precision <= FORMATS["float32"].precision


def test_integers_are_limited_by_the_operands():
    limits = {name(a): a.integers for a in EVERY if a.flushes}
    assert limits["tf32-float32"] == 2**11
    assert limits["ieee-float32"] == 2**24
    assert limits["float32-sums-float16"] == limits["half-sums-float16"] == 2**11
    assert limits["truncated-sums-bfloat16"] == 2**8
