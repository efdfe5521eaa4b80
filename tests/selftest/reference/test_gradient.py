"""Comparison of backpropagation through time with forward differentiation.

The recurrence of nested lists (`test_recurrence.dumb_run`) runs on dual or complex numbers, which
carry a derivative with respect to one argument. So the comparison has no backward pass.
"""

import cmath
import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference.activations import ACTIVATIONS
from reference.arithmetic import DEFAULT
from reference.formats import FORMATS
from reference.gradient import GradientProblem, backpropagate, backward_steps, partial_sum_bounds
from reference.recurrence import Recurrence
from tests.selftest.reference.test_recurrence import dumb_run, problems, small

H = 1e-150
"""The complex step: H^2 is negligible beside 1 and no terms cancel, so the imaginary part of
f(x + iH) is H f'(x) up to rounding (Squire and Trapp, SIAM Review 40, 1998)."""


@dataclass(frozen=True)
class Dual:
    """value + slope * e with e^2 = 0: exact arithmetic with a derivative."""

    value: Fraction
    slope: Fraction = Fraction(0)

    def __add__(self, other):
        other = other if isinstance(other, Dual) else Dual(Fraction(other))
        return Dual(self.value + other.value, self.slope + other.slope)

    __radd__ = __add__

    def __mul__(self, other):
        return Dual(self.value * other.value, self.value * other.slope + self.slope * other.value)


def problem(p, activation, seed):
    """Return a problem of the reference with random small integers as V and v."""
    r = Recurrence(p["W"], p["U"], p["b"], activation, p["go_backwards"], p["zero_output_for_mask"])
    (batch, time, _), n = p["x"].shape, r.units
    rng = np.random.default_rng(seed)
    V, v = rng.integers(-2, 3, (batch, time, n)), rng.integers(-2, 3, (batch, n))
    return GradientProblem(r, p["x"], p["h0"], p["mask"], V.astype(float), v.astype(float))


def arguments(q):
    r, (batch, _, _) = q.recurrence, q.inputs.shape
    return {
        "inputs": q.inputs,
        "kernel": r.kernel,
        "recurrent_kernel": r.recurrent_kernel,
        "bias": np.zeros(r.units) if r.bias is None else r.bias,
        "initial_state": np.zeros((batch, r.units)) if q.initial_state is None else q.initial_state,
    }


def forwards(q, name, at, f, number, slope):
    """Return the derivative of the loss with respect to element `at` of the named argument."""
    given_arguments = {k: a.astype(object) for k, a in arguments(q).items()}
    for k, a in given_arguments.items():
        for index in np.ndindex(a.shape):
            a[index] = number(a[index], k == name and index == at)
    lists = [a.tolist() for a in given_arguments.values()]
    r, mask = q.recurrence, None if q.mask is None else q.mask.tolist()
    outputs, state = dumb_run(*lists, mask, f, r.go_backwards, r.zero_output_for_mask)
    total = 0
    for got, weights in ((outputs, q.output_weights), (state, q.state_weights)):
        got = np.array(got, object).reshape(weights.shape)
        for index in np.ndindex(weights.shape):
            total = total + slope(got[index]) * weights[index]
    return total


def all_forwards(q, f, number, slope):
    found = {}
    for name, a in arguments(q).items():
        found[name] = np.empty(a.shape, object)
        for at in np.ndindex(a.shape):
            found[name][at] = forwards(q, name, at, f, number, slope)
    return found


def dual(value, is_it):
    return Dual(Fraction(value), Fraction(int(is_it)))


def dual_slope(value):
    return value.slope if isinstance(value, Dual) else Fraction(0)


DUAL = {
    "linear": lambda z: z,
    # The slope at 0 is 0 by convention.
    "relu": lambda z: [v if v.value > 0 else Dual(Fraction(0)) for v in z],
    # The slope of a clip at its ends is 1.
    "hard_tanh": lambda z: [
        v if abs(v.value) <= 1 else Dual(Fraction(1 if v.value > 0 else -1)) for v in z
    ],
}


@settings(max_examples=200, deadline=None)
@given(problems(small, small, small), st.sampled_from(sorted(DUAL)), st.integers(0, 99))
def test_backpropagation_is_exact_on_integers(p, name, seed):
    q = problem(p, name, seed)
    got, expected = backpropagate(q), all_forwards(q, DUAL[name], dual, dual_slope)
    largest = partial_sum_bounds(q)
    for argument, value in got.items():
        assert [Fraction(v) for v in value.ravel()] == list(expected[argument].ravel()), argument
        assert np.all(np.abs(value) <= getattr(largest, argument)), argument


def softplus(z):
    return cmath.log(1 + cmath.exp(z))


def sigmoid(z):
    return 1 / (1 + cmath.exp(-z))


def gelu(z):
    x = z.real  # erf(x + iH) = erf(x) + iH erf'(x): the square of H vanishes
    erf = math.erf(x / math.sqrt(2))
    erf += 1j * z.imag * math.sqrt(2 / math.pi) * math.exp(-x * x / 2)
    return z * (1 + erf) / 2


def elu(z):
    return z if z.real > 0 else cmath.exp(z) - 1


def selu(z):
    e = 1.6732632423543772848 * (cmath.exp(z) - 1)
    return 1.0507009873554804934 * (z if z.real > 0 else e)


def clip(z, low, high):
    return low if z.real < low else high if z.real > high else z


def shrink(z, soft):
    if abs(z.real) <= 0.5:
        return 0
    return z - soft * math.copysign(0.5, z.real)


def softmax(row):
    e = [cmath.exp(z) for z in row]
    return [v / sum(e) for v in e]


def sparsemax(row):
    for size in range(1, len(row) + 1):
        top = sorted(row, key=lambda z: -z.real)[:size]
        tau = (sum(top) - 1) / size
        if sum(z.real > tau.real for z in row) == size:
            return [z - tau if z.real > tau.real else 0 for z in row]
    raise AssertionError(row)


ELEMENTWISE = {
    "linear": lambda z: z,
    "relu": lambda z: z if z.real > 0 else 0,
    "tanh": cmath.tanh,
    "sigmoid": sigmoid,
    "softsign": lambda z: z / (1 + (z if z.real > 0 else -z)),
    "softplus": softplus,
    "exponential": cmath.exp,
    "elu": elu,
    "celu": elu,
    "selu": selu,
    "gelu": gelu,
    "silu": lambda z: z * sigmoid(z),
    "swish": lambda z: z * sigmoid(z),
    "mish": lambda z: z * cmath.tanh(softplus(z)),
    "hard_sigmoid": lambda z: clip(z / 6 + 0.5, 0, 1),
    "hard_sigmoid (Keras 2)": lambda z: clip(z / 5 + 0.5, 0, 1),
    "leaky_relu": lambda z: z if z.real > 0 else z / 5,
    "relu6": lambda z: clip(z, 0, 6),
    "hard_tanh": lambda z: clip(z, -1, 1),
    "hard_silu": lambda z: z * clip(z / 6 + 0.5, 0, 1),
    "hard_swish": lambda z: z * clip(z / 6 + 0.5, 0, 1),
    "log_sigmoid": lambda z: -softplus(-z),
    "squareplus": lambda z: (z + cmath.sqrt(z * z + 4)) / 2,
    "sparse_plus": lambda z: 0 if z.real <= -1 else z if z.real >= 1 else (z + 1) ** 2 / 4,
    "sparse_sigmoid": lambda z: clip((z + 1) / 2, 0, 1),
    "soft_shrink": lambda z: shrink(z, 1),
    "hard_shrink": lambda z: shrink(z, 0),
    "tanh_shrink": lambda z: z - cmath.tanh(z),
}


def elementwise(f):
    """Return the function of a row that applies f to each element."""
    return lambda row: [f(z) for z in row]


COMPLEX = {
    **{name: elementwise(f) for name, f in ELEMENTWISE.items()},
    "softmax": softmax,
    "log_softmax": lambda row: [cmath.log(v) for v in softmax(row)],
    "sparsemax": sparsemax,
}


def test_every_activation_has_a_complex_step_formula():
    assert COMPLEX.keys() == ACTIVATIONS.keys()


def random_problem(seed, name, masked):
    """Return a random problem; almost surely, no element is at a kink."""
    rng = np.random.default_rng(seed)
    batch, time, features, n = 2, 4, 2, 3
    U = rng.normal(size=(n, n)) / 4
    if name == "exponential":  # positive feedback overflows every format
        U = -np.abs(U)
    p = {
        "x": rng.normal(size=(batch, time, features)),
        "W": rng.normal(size=(features, n)),
        "U": U,
        "b": rng.normal(size=n),
        "h0": rng.normal(size=(batch, n)),
        "mask": rng.random((batch, time)) < 0.6 if masked else None,
        "go_backwards": bool(seed % 2),
        "zero_output_for_mask": bool(seed // 2 % 2),
    }
    return problem(p, name, seed)


@pytest.mark.parametrize("name", sorted(COMPLEX))
def test_backpropagation_matches_the_complex_step(name):
    for seed in range(6):
        q = random_problem(seed, name, masked=seed % 3 > 0)
        got = backpropagate(q)
        expected = all_forwards(
            q,
            COMPLEX[name],
            lambda v, is_it: complex(v, H * is_it),
            lambda v: complex(v).imag / H,
        )
        scale = max(np.max(np.abs(v.astype(float))) for v in expected.values())
        for argument, value in got.items():
            # Four steps of some twenty roundings each, of terms up to the natural scale.
            error = np.abs(value - expected[argument].astype(float))
            assert np.all(error <= 1e-13 * max(1, scale)), argument


@pytest.mark.parametrize("name", sorted(COMPLEX))
def test_float64_backward_pass_is_within_its_bounds(name):
    """The reference in float64 passes the bounds, which are computed in long double."""
    for seed in range(4):
        q = random_problem(seed, name, masked=seed % 3 > 0).with_probe()
        r = q.recurrence
        outputs, _ = r.run(q.inputs, q.initial_state, q.mask)
        got = backpropagate(q)
        dz = r.in_order(got.inputs[..., -r.units :])
        steps = backward_steps(q, outputs, dz, DEFAULT["float64"])
        for argument, value in got.items():
            bound = getattr(steps.bound, argument)
            error = np.abs(value - getattr(steps.expected, argument))
            assert np.all(error <= bound), argument
            natural = np.max(np.abs(value)) + 1
            assert np.all(bound[np.isfinite(bound)] <= 2e-13 * natural), argument


def test_truncated_bfloat16_product_is_within_its_bound():
    """dx_t = dz_t W^T for one unit, and one feature for each bfloat16 number from 1 to 2."""
    W = 1 + np.arange(128) / 128
    r = Recurrence(W[:, None], np.zeros((1, 1)), None, "linear")
    for dz in W:
        q = GradientProblem(
            r, np.zeros((1, 1, 128)), None, None, np.full((1, 1, 1), dz), np.zeros((1, 1))
        )
        steps = backward_steps(
            q.with_probe(), np.zeros((1, 1, 1)), q.output_weights, DEFAULT["bfloat16"]
        )
        cut = (np.float32(dz * W).view(np.uint32) >> 16 << 16).view(np.float32)
        error = np.abs(cut - steps.expected.inputs[0, 0, :-1])
        assert np.all(error <= steps.bound.inputs[0, 0, :-1])


@pytest.mark.parametrize("name", ["elu", "selu", "celu"])
def test_slope_of_rounded_output_is_within_its_bound(name):
    """exp(z) - 1 is 0 for a tiny z < 0, and a kernel that sees the output 0 takes the slope of
    z > 0."""
    z = -(2.0**-55)
    r = Recurrence(np.array([[1.0]]), np.zeros((1, 1)), None, name)
    V, v = np.ones((1, 1, 1)), np.zeros((1, 1))
    q = GradientProblem(r, np.full((1, 1, 1), z), None, None, V, v).with_probe()
    right = r.function.slope(np.array(1.0))
    steps = backward_steps(q, np.zeros((1, 1, 1)), np.full((1, 1, 1), right), DEFAULT["float64"])
    error = np.abs(right - steps.expected.inputs[0, 0, -1])
    assert error <= steps.bound.inputs[0, 0, -1]


def test_gradient_bound_does_not_grow_with_time():
    """With U of gain 4 over 60 steps, the gradient grows, and its relative bound does not."""
    rng = np.random.default_rng(0)
    for time in (5, 60):
        x, U = rng.normal(size=(1, time, 2)), rng.normal(size=(4, 4)) * 2
        r = Recurrence(rng.normal(size=(2, 4)), U, None, "tanh")
        V, v = rng.normal(size=(1, time, 4)), rng.normal(size=(1, 4))
        q = GradientProblem(r, x, None, None, V, v).with_probe()
        outputs, got = q.recurrence.run(q.inputs)[0], backpropagate(q)
        dz = got.inputs[..., -4:]
        bound = backward_steps(q, outputs, dz, DEFAULT["float64"]).bound.inputs[..., -4:]
        next_dz = np.concatenate([np.abs(dz[:, 1:]), np.abs(v[:, None])], axis=1)
        size = next_dz @ np.abs(U).T + np.abs(V)
        assert np.all(bound <= 400 * FORMATS["float64"].u * size)


def test_gradients_match_a_hand_computed_example():
    # z1 = 1*2 + 3*5 = 17, z2 = 7*2 + 17*5 = 99; L = o1 + 10 o2 + 100 h2: dz2 = 110, dz1 = 551
    r = Recurrence(np.array([[2.0]]), np.array([[5.0]]), np.array([0.0]), "linear")
    V, v = np.array([[[1.0], [10.0]]]), np.array([[100.0]])
    q = GradientProblem(r, np.array([[[1.0], [7.0]]]), np.array([[3.0]]), None, V, v)
    got = {name: value.ravel().tolist() for name, value in backpropagate(q).items()}
    assert got == {
        "inputs": [1102, 220],
        "kernel": [551 * 1 + 110 * 7],
        "recurrent_kernel": [551 * 3 + 110 * 17],
        "bias": [661],
        "initial_state": [551 * 5],
    }
