"""Comparison of the oracle with a second one: scalars, loops, exact or 50-digit arithmetic.

The second oracle shares no code with `reference`; it follows the sentences of the documentation.
"""

import itertools
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from reference.activations import ACTIVATIONS
from reference.recurrence import Recurrence

mp = mpmath.mp.clone()
mp.dps = 50


def softplus(z):
    return mp.log(mp.exp(z) + 1)  # "softplus(x) = log(exp(x) + 1)"


def sigmoid(z):
    return 1 / (1 + mp.exp(-z))  # "sigmoid(x) = 1 / (1 + exp(-x))"


def elu(z):
    return z if z > 0 else mp.exp(z) - 1  # "x if x > 0, alpha * exp(x) - 1 if x < 0", alpha = 1


def selu(z):
    # "scale * x if x > 0, scale * alpha * (exp(x) - 1) if x < 0": the constants are documented to
    # nine digits, and derived to any number of digits in Klambauer et al., 2017, equation 14.
    e = mp.e
    alpha = -mp.sqrt(2 / mp.pi) / (mp.erfc(1 / mp.sqrt(2)) * mp.sqrt(e) - 1)
    scale = (1 - mp.erfc(1 / mp.sqrt(2)) * mp.sqrt(e)) * mp.sqrt(2 * mp.pi)
    scale /= mp.sqrt(
        2 * mp.erfc(mp.sqrt(2)) * e**2
        + mp.pi * mp.erfc(1 / mp.sqrt(2)) ** 2 * e
        - 2 * (2 + mp.pi) * mp.erfc(1 / mp.sqrt(2)) * mp.sqrt(e)
        + mp.pi
        + 2
    )
    return scale * z if z > 0 else scale * alpha * (mp.exp(z) - 1)


def gelu(z):
    return z * (1 + mp.erf(z / mp.sqrt(2))) / 2  # "0.5 * x * (1 + erf(x / sqrt(2)))"


def hard_silu(z):
    return 0 if z < -3 else z if z > 3 else z * (z + 3) / 6


def sparse_plus(z):
    return 0 if z <= -1 else z if z >= 1 else (z + 1) ** 2 / 4


def soft_shrink(z):
    return z - half if z > half else z + half if z < -half else 0


def clip(z, low, high):
    return low if z < low else high if z > high else z


def log_of_exponentials(row):
    return mp.log(mp.fsum(mp.exp(z) for z in row))


def sparsemax(row):
    """Return the point of the simplex nearest to the row, from the only consistent support."""
    for size in range(1, len(row) + 1):
        for support in itertools.combinations(range(len(row)), size):
            tau = (mp.fsum(row[i] for i in support) - 1) / size
            if all((row[i] > tau) == (i in support) for i in range(len(row))):
                return [max(z - tau, 0) for z in row]
    raise AssertionError(f"no projection of {row}")


half = mp.mpf(1) / 2

ELEMENTWISE = {
    "linear": lambda z: z,
    "relu": lambda z: max(z, 0),
    "tanh": lambda z: mp.sinh(z) / mp.cosh(z),
    "sigmoid": sigmoid,
    "softsign": lambda z: z / (abs(z) + 1),
    "softplus": softplus,
    "exponential": mp.exp,
    "elu": elu,
    "selu": selu,
    "gelu": gelu,
    "silu": lambda z: z * sigmoid(z),
    "swish": lambda z: z * sigmoid(z),
    "mish": lambda z: z * mp.tanh(softplus(z)),
    "hard_sigmoid": lambda z: 0 if z <= -3 else 1 if z >= 3 else z / 6 + half,
    "hard_sigmoid (Keras 2)": lambda z: 0 if z < -2.5 else 1 if z > 2.5 else z / 5 + half,
    "leaky_relu": lambda z: z if z > 0 else z / 5,
    "relu6": lambda z: clip(z, 0, 6),
    "hard_tanh": lambda z: clip(z, -1, 1),
    "hard_silu": hard_silu,
    "hard_swish": hard_silu,
    "celu": elu,
    "log_sigmoid": lambda z: mp.log(1 / (1 + mp.exp(-z))),
    "squareplus": lambda z: (z + mp.sqrt(z**2 + 4)) / 2,
    "sparse_plus": sparse_plus,
    "sparse_sigmoid": lambda z: 0 if z <= -1 else 1 if z >= 1 else half * (z + 1),
    "soft_shrink": soft_shrink,
    "hard_shrink": lambda z: z if abs(z) > half else 0,
    "tanh_shrink": lambda z: z - mp.tanh(z),
}
BY_ROW = {
    "softmax": lambda row: [mp.exp(z - log_of_exponentials(row)) for z in row],
    "log_softmax": lambda row: [z - log_of_exponentials(row) for z in row],
    "sparsemax": sparsemax,
}


def elementwise(f):
    """Return the function of a row that applies f to each element."""
    return lambda row: [f(z) for z in row]


DOCUMENTED = {
    **{n: elementwise(f) for n, f in ELEMENTWISE.items()},
    **BY_ROW,
}

KINKS = {
    "relu": (0,),
    "elu": (0,),  # the slope is continuous, but the curvature jumps, which mpmath.diff reaches
    "selu": (0,),
    "celu": (0,),
    "hard_sigmoid": (-3, 3),
    "hard_sigmoid (Keras 2)": (-2.5, 2.5),
    "leaky_relu": (0,),
    "relu6": (0, 6),
    "hard_tanh": (-1, 1),
    "hard_silu": (-3, 3),
    "hard_swish": (-3, 3),
    "sparse_plus": (-1, 1),
    "sparse_sigmoid": (-1, 1),
    "soft_shrink": (-0.5, 0.5),
    "hard_shrink": (-0.5, 0.5),
    "softsign": (0,),
}

# Points of every size and sign, which include the kinks and their neighbours.
POINTS = np.unique(
    np.concatenate(
        [
            np.linspace(-9, 9, 145),  # multiples of an eighth: all kinks
            np.random.default_rng(0).uniform(-9, 9, 40),
            [s * m for s in (-1, 1) for m in (1e-300, 1e-9, 1e-3, 20.0, 36.5, 80.0)],
            np.nextafter([-3, -1, -0.5, 0.5, 1, 3, 6], np.inf),
        ]
    )
)


def exact_row(name, row):
    return np.array([float(v) for v in DOCUMENTED[name]([mp.mpf(float(z)) for z in row])])


def test_every_activation_has_a_documented_formula():
    assert DOCUMENTED.keys() == ACTIVATIONS.keys()


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_activation_matches_the_documented_formula(name):
    act = ACTIVATIONS[name]
    # Each formula has a few float64 operations, each of which rounds once.
    allowed = 4 * np.spacing(act.magnitude(POINTS))
    assert np.all(np.abs(act.f(POINTS) - exact_row(name, POINTS)) <= allowed)


@pytest.mark.parametrize("name", BY_ROW)
@pytest.mark.parametrize("units", [1, 2, 5])
def test_row_activation_matches_the_documented_formula(name, units):
    act = ACTIVATIONS[name]
    rows = np.random.default_rng(units).normal(size=(30, units))
    rows *= np.geomspace(0.01, 30, 30)[:, None]
    expected = np.array([exact_row(name, row) for row in rows])
    # The sum over the units adds one rounding per unit to those of the formula.
    allowed = (4 + units) * np.spacing(act.magnitude(rows))
    assert np.all(np.abs(act.f(rows) - expected) <= allowed)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "sparsemax"])
def test_row_activation_is_applied_along_last_axis(name):
    rows = np.random.default_rng(3).normal(size=(2, 3, 4))
    one_by_one = [[ACTIVATIONS[name].f(row) for row in block] for block in rows]
    assert np.array_equal(ACTIVATIONS[name].f(rows), one_by_one)


def away_from_kinks(name, z, distance):
    kinks = np.array(KINKS.get(name, ()), float)
    return np.all(np.abs(z[:, None] - kinks) > distance, axis=1)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_derivative_matches_the_documented_formula(name):
    z = POINTS[away_from_kinks(name, POINTS, 1e-9)]
    slope = np.array([float(mp.diff(ELEMENTWISE[name], mp.mpf(float(p)))) for p in z])
    got = np.broadcast_to(ACTIVATIONS[name].derivative(z), z.shape)
    # In some derivatives, terms of size |z| f' cancel; each has a few roundings.
    allowed = 8 * np.finfo(float).eps * (1 + np.abs(z)) * np.maximum(1, np.abs(slope))
    assert np.all(np.abs(got - slope) <= allowed)


@pytest.mark.parametrize("name", sorted(KINKS.keys() - {"elu", "celu", "softsign", "hard_shrink"}))
def test_derivative_at_kink_is_the_steeper_slope(name):
    derivative = ACTIVATIONS[name].derivative
    for kink in np.array(KINKS[name], float):
        sides = [derivative(np.array(kink + step)) for step in (-1e-9, 1e-9)]
        steeper = max(sides, key=abs)
        # The slope changes by about 1e-9 over the step.
        assert abs(derivative(np.array(kink)) - steeper) < 1e-8


def moved(act, z, rho, samples):
    """Return the largest |f(z') - f(z)| over samples of [z - rho, z + rho], with both ends."""
    shift = np.linspace(-1, 1, samples)[:, None]
    return np.max(np.abs(act.f(z + shift * rho) - act.f(z)), axis=0)


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("rho", [1e-6, 1e-3, 0.1, 1.0, 7.0])
def test_spread_bounds_the_change_of_an_activation(name, rho):
    act = ACTIVATIONS[name]
    z = POINTS[np.abs(POINTS) < 40]
    # Both values of f are rounded. The extremes of mish have five digits, which is an error of
    # about 1e-9 in a slope that is level there.
    rounding = 8 * np.spacing(act.magnitude(z) + act.magnitude(z + rho))
    bound = act.spread(z, np.full_like(z, rho)) * (1 + 1e-8) + rounding
    assert np.all(moved(act, z, rho, 81) <= bound)


@pytest.mark.parametrize("name", ELEMENTWISE)
@pytest.mark.parametrize("rho", [1e-3, 0.1])
def test_spread_is_a_tight_bound(name, rho):
    act = ACTIVATIONS[name]
    z = POINTS[away_from_kinks(name, POINTS, 2 * rho) & (np.abs(POINTS) < 9)]
    # Where f is level at z it changes by f'' rho^2 / 2 while its slope reaches f'' rho: a factor of
    # 2. At a minimum of |f'|, as tanh_shrink has at 0, the factor is 3: z^3 / 3 and rho * rho^2.
    factor = 3 if name == "tanh_shrink" else 2
    rounding = 8 * np.spacing(act.magnitude(z) + act.magnitude(z + rho))
    spread = act.spread(z, np.full_like(z, rho))
    assert np.all(spread <= factor * 1.05 * moved(act, z, rho, 81) + rounding)


@pytest.mark.parametrize("name", BY_ROW)
@pytest.mark.parametrize("size", [1e-6, 1e-3, 0.1, 1.0])
def test_spread_bounds_the_change_of_a_row(name, size):
    act = ACTIVATIONS[name]
    rng = np.random.default_rng(5)
    z = rng.normal(size=(60, 4)) * np.geomspace(0.1, 20, 60)[:, None]
    rho = size * rng.uniform(0, 1, z.shape)
    spread = act.spread(z, rho) + 16 * np.spacing(act.magnitude(z))
    for corner in itertools.product((-1, 1), repeat=4):
        assert np.all(np.abs(act.f(z + rho * corner) - act.f(z)) <= spread)
    for _ in range(50):
        assert np.all(np.abs(act.f(z + rho * rng.uniform(-1, 1, z.shape)) - act.f(z)) <= spread)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_spread_is_zero_for_exact_arguments(name):
    z = np.linspace(-4, 4, 30).reshape(10, 3)
    assert not ACTIVATIONS[name].spread(z, np.zeros_like(z)).any()


# ------------------------------------------------------------------ the recurrence with loops


def dumb_run(x, W, U, b, h0, mask, activation, go_backwards, zero_output_for_mask):
    """Return h_t = act(x_t W + h_{t-1} U + b) for nested lists of numbers of any type."""
    all_outputs, all_states = [], []
    for row in range(len(x)):
        h = list(h0[row])
        repeated = [0 for _ in h]
        outputs = []
        steps = list(range(len(x[row])))
        if go_backwards:
            steps.reverse()
        for t in steps:
            if mask is not None and not mask[row][t]:
                outputs.append([0 for _ in h] if zero_output_for_mask else repeated)
                continue
            z = []
            for j in range(len(h)):
                total = b[j]
                for f in range(len(W)):
                    total = total + x[row][t][f] * W[f][j]
                for i in range(len(h)):
                    total = total + h[i] * U[i][j]
                z.append(total)
            h = activation(z)
            repeated = h
            outputs.append(h)
        all_outputs.append(outputs)
        all_states.append(h)
    return all_outputs, all_states


@st.composite
def masks(draw, batch, time):
    kind = draw(st.sampled_from(["no mask", "any", "leading", "all", "none"]))
    if kind == "no mask":
        return None
    if kind == "any":
        return draw(hnp.arrays(bool, (batch, time)))
    first = {"leading": time // 2, "all": time, "none": 0}[kind]
    return np.broadcast_to(np.arange(time) >= first, (batch, time)).copy()


@st.composite
def problems(draw, elements, kernel_elements, recurrent_elements):
    """Draw all arguments of a recurrence, as NumPy arrays."""
    batch, time = draw(st.integers(0, 2)), draw(st.integers(0, 4))
    features, units = draw(st.integers(1, 3)), draw(st.integers(1, 3))

    def array(values, *shape):
        return draw(hnp.arrays(np.float64, shape, elements=values))

    return {
        "x": array(elements, batch, time, features),
        "W": array(kernel_elements, features, units),
        "U": array(recurrent_elements, units, units),
        "b": array(elements, units) if draw(st.booleans()) else None,
        "h0": array(elements, batch, units) if draw(st.booleans()) else None,
        "mask": draw(masks(batch, time)),
        "go_backwards": draw(st.booleans()),
        "zero_output_for_mask": draw(st.booleans()),
    }


def by_reference(p, activation):
    r = Recurrence(p["W"], p["U"], p["b"], activation, p["go_backwards"], p["zero_output_for_mask"])
    return r.run(p["x"], p["h0"], p["mask"])


def by_loops(p, activation, number):
    """Return the result of `dumb_run` as nested lists, with every number converted by `number`."""

    def numbers(value):
        if isinstance(value, list):
            return [numbers(v) for v in value]
        return number(value)

    batch, units = p["x"].shape[0], p["U"].shape[0]
    b = np.zeros(units) if p["b"] is None else p["b"]
    h0 = np.zeros((batch, units)) if p["h0"] is None else p["h0"]
    arrays = [numbers(a.tolist()) for a in (p["x"], p["W"], p["U"], b, h0)]
    mask = None if p["mask"] is None else p["mask"].tolist()
    return dumb_run(*arrays, mask, activation, p["go_backwards"], p["zero_output_for_mask"])


def flat(value):
    return [n for v in value for n in flat(v)] if isinstance(value, list) else [value]


# Sums stay below 4 (3*9 + 9 + 3)^4, far below 2^53: float64 is exact, in any order.
small = st.integers(-3, 3).map(float)


@settings(max_examples=300, deadline=None)
@given(problems(small, small, small), st.sampled_from(["linear", "relu"]))
def test_recurrence_is_exact_on_integers(p, name):
    relu = name == "relu"
    f = (lambda z: [max(v, Fraction(0)) for v in z]) if relu else (lambda z: z)
    outputs, state = by_reference(p, name)
    expected, expected_state = by_loops(p, f, Fraction)
    assert outputs.shape == (*p["x"].shape[:2], p["U"].shape[0])
    assert state.shape == (p["x"].shape[0], p["U"].shape[0])
    assert [Fraction(v) for v in flat(outputs.tolist())] == flat(expected)
    assert [Fraction(v) for v in flat(state.tolist())] == flat(expected_state)


# The exponential overflows in a recurrence, and hard_shrink is discontinuous.
CONTINUOUS = sorted(DOCUMENTED.keys() - {"exponential", "hard_shrink"})
unit = st.floats(-1, 1)


@settings(max_examples=300, deadline=None)
@given(problems(unit, unit, unit.map(lambda v: v / 4)), st.sampled_from(CONTINUOUS))
def test_recurrence_matches_formula_for_every_activation(p, name):
    outputs, state = by_reference(p, name)
    expected, expected_state = by_loops(p, DOCUMENTED[name], mp.mpf)
    # A step adds at most 8 roundings of sums of at most 16 (the fixed point of h = 4 + 3/4 h) and
    # a few of the activation, and passes on at most 1.76 * 3/4 of the error before it (the
    # steepest is selu): within four steps 6.4 * 8 * 16 * 2^-53 < 1e-13.
    for got, want in ((outputs, expected), (state, expected_state)):
        want = np.array([float(v) for v in flat(want)])
        assert np.all(np.abs(got.ravel() - want) <= 1e-13)


def test_recurrence_matches_a_hand_computed_example():
    # h1 = 1*2 + 3*1 + 5 = 10, h2 = 2*2 + 10*1 + 5 = 19; masked at step 1: carried, output repeated
    r = Recurrence(np.array([[2.0]]), np.array([[1.0]]), np.array([5.0]), "linear")
    x, h0 = np.array([[[1.0], [2.0]]]), np.array([[3.0]])
    outputs, state = r.run(x, h0)
    assert outputs.tolist() == [[[10], [19]]]
    assert state.tolist() == [[19]]
    outputs, state = r.run(x, h0, np.array([[False, True]]))
    assert outputs.tolist() == [[[0], [12]]]
    outputs, state = r.run(x, h0, np.array([[False, False]]))
    assert outputs.tolist() == [[[0], [0]]]
    assert state.tolist() == [[3]]


def test_transposed_recurrent_kernel_changes_the_outputs():
    # The comparison above can fail: the outputs differ.
    U = np.array([[0.0, 1.0], [0.0, 0.0]])
    given_state = np.array([[1.0, 0.0]])
    outputs = [
        Recurrence(np.zeros((1, 2)), M, None, "linear").run(np.zeros((1, 1, 1)), given_state)[0]
        for M in (U, U.T)
    ]
    assert outputs[0].tolist() == [[[0, 1]]]
    assert outputs[1].tolist() == [[[0, 0]]]
