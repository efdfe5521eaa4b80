"""Backpropagation through time, and how far a correct layer may be from it, step by step.

With z_t = x_t W + h_{t-1} U + b and h_t = act(z_t), the gradients of the loss

    L = sum_t <V_t, o_t> + <v, h_T>          o_t the outputs, V and v any weightings

follow from the last step to the first. Where step t is used, o_t = h_t and

    g_t = V_t + (V of the masked steps that repeat o_t) + dh_t
    dz_t = g_t act'(z_t)                     dh_T = v, and dh_{t-1} = dz_t U^T

Where step t is masked, dz_t = 0 and dh_{t-1} = dh_t: the state is carried over. A masked step
repeats the last output, so its V counts for the step that computed this output, and for no step
before the first. With `zero_output_for_mask` it counts for no step. From dz,

    dx_t = dz_t W^T   dW = sum x_t^T dz_t   dU = sum h_{t-1}^T dz_t   db = sum dz_t   dh_0

(Werbos, Proceedings of the IEEE 78, 1990). The slope of relu at 0 is 0, as in TensorFlow and in the
literature. `activations.py` has the slopes at other kinks.

**Step by step.** Two correct backward passes drift apart as two correct forward passes do. So each
step is compared with the layer's own neighbouring steps: z_t is computed from the layer's h_{t-1},
and g_t from the layer's dz of the next used step. A probe makes dz visible: the inputs get n more
features, all zero, with the identity as their rows of the kernel. They do not change the outputs,
and the gradient with respect to them is exactly dz_t I = dz_t (`with_probe`). Every other gradient
is one sum or product of dz. So the bounds depend neither on the length of the sequence nor on the
gain of U. With u as in `rounding.roundoff` they are

    dh_{t-1}    n u |dz_t||U|^T
    g_t         (m + 1) u (|dh_t| + sum |V|), m the number of masked steps that repeat o_t
    dz_t        |act'| err g + |g| (sup |act'(z') - act'(z_t)| + c u) + 2 u |dz_t|,
                over |z' - z_t| <= rho as in `rounding.py`; c: `Activation.pullback_error`
    dW, dU, db  N u sum |x|^T |dz| and so on, N the number of used steps of all rows, for any
                order of summation (Jeannerod and Rump, SIAM J. Matrix Anal. Appl. 34, 2013)

Each term of a sum may also be flushed to zero where it is subnormal.

Shapes: as in `recurrence.py`; V (batch, time, units) in order of processing, v (batch, units).
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from reference.activations import Array
from reference.recurrence import Recurrence, used_steps
from reference.rounding import (
    FORMATS,
    Format,
    last_unmasked_step,
    preactivation,
    returned_states,
    roundoff,
)


@dataclass(frozen=True)
class Gradients:
    """One gradient for each argument of the layer, of its shape; bias is None without a bias."""

    inputs: Array
    kernel: Array
    recurrent_kernel: Array
    bias: Array | None
    initial_state: Array

    def items(self) -> list[tuple[str, Array]]:
        """Return (name, array) for each gradient that is not None."""
        named = [(field.name, getattr(self, field.name)) for field in fields(self)]
        return [(name, value) for name, value in named if value is not None]


@dataclass(frozen=True)
class GradientProblem:
    """The loss to differentiate: arguments as in `Recurrence.run`, and the weightings V and v.

    output_weights: V, (batch, time, units) in order of processing. state_weights: v,
    (batch, units).
    """

    recurrence: Recurrence
    inputs: Array
    initial_state: Array | None
    mask: Array | None
    output_weights: Array
    state_weights: Array

    @property
    def used(self) -> Array:
        """The unmasked steps as booleans (batch, time), in order of processing."""
        return self.recurrence.in_order(used_steps(self.inputs, self.mask))

    @property
    def repeats(self) -> Array:
        """For each step (batch, time) the number, from 1, of the step that computed its output; 0
        if no step did."""
        origin = last_unmasked_step(self.used)
        return np.where(self.used, origin, 0) if self.recurrence.zero_output_for_mask else origin

    def direct(self, weights: Array) -> Array:
        """Return for each step the sum of the weights of all outputs that repeat its output.

        weights: (batch, time, units), as the result.
        """
        total = np.zeros((weights.shape[0], weights.shape[1] + 1, weights.shape[2]), weights.dtype)
        rows = np.arange(weights.shape[0])[:, None]
        np.add.at(total, (rows, self.repeats), weights)
        return total[:, 1:]

    def with_probe(self) -> "GradientProblem":
        """Return the problem with one more feature per unit: zero, with weight 1 to that unit."""
        r = self.recurrence
        kernel, inputs = probe(r.kernel, self.inputs)
        return replace(self, recurrence=replace(r, kernel=kernel), inputs=inputs)


def probe(kernel: Array, inputs: Array) -> tuple[Array, Array]:
    """Return kernel (features + units, units) and inputs (batch, time, features + units)."""
    n = kernel.shape[1]
    zeros = np.zeros((*inputs.shape[:2], n))
    return np.concatenate([kernel, np.eye(n)]), np.concatenate([inputs, zeros], axis=-1)


def backpropagate(problem: GradientProblem) -> Gradients:
    """Return the gradients in float64; exact if all terms of the sums are small integers."""
    p, r = problem, problem.recurrence
    outputs, _ = replace(r, zero_output_for_mask=False).run(p.inputs, p.initial_state, p.mask)
    used, direct = p.used, p.direct(p.output_weights)
    x, states = r.in_order(p.inputs), returned_states(outputs, used, p.initial_state)
    dz, dh = np.zeros(outputs.shape), p.state_weights
    for t in reversed(range(outputs.shape[1])):
        step = used[:, t, None]
        z = r.preactivation(x[:, t], states[:, t])
        dz[:, t] = np.where(step, r.function.pullback(z, direct[:, t] + dh), 0)
        dh = np.where(step, dz[:, t] @ r.recurrent_kernel.T, dh)
    return _from_preactivations(p, x, states, dz, dh)


def _from_preactivations(
    p: GradientProblem, x: Array, states: Array, dz: Array, dh: Array
) -> Gradients:
    """Return all gradients, given those with respect to z and the initial state."""
    r = p.recurrence
    rows = np.where(p.used[:, :, None], x, 0)  # a masked step may hold NaN, and NaN times 0 is NaN
    return Gradients(
        r.in_order(dz @ r.kernel.T.astype(dz.dtype)),
        np.einsum("btf,btn->fn", rows, dz),
        np.einsum("btm,btn->mn", states[:, :-1], dz),
        None if r.bias is None else dz.sum(axis=(0, 1)),
        dh,
    )


def partial_sum_bounds(problem: GradientProblem) -> Gradients:
    """Return upper bounds of the magnitudes of all partial sums of each gradient.

    Terms of opposite sign do not cancel in these bounds. They hold for activations whose slope is
    at most 1.
    """
    p, r = problem, problem.recurrence
    outputs, _ = replace(r, zero_output_for_mask=False).run(p.inputs, p.initial_state, p.mask)
    states = np.abs(returned_states(outputs, p.used, p.initial_state))
    x, direct = np.abs(r.in_order(p.inputs)), p.direct(np.abs(p.output_weights))
    linear = replace(r, activation="linear", kernel=np.abs(r.kernel))
    linear = replace(linear, recurrent_kernel=np.abs(r.recurrent_kernel))
    dz, dh = np.zeros(outputs.shape), np.abs(p.state_weights)
    for t in reversed(range(outputs.shape[1])):
        step = p.used[:, t, None]
        dz[:, t] = np.where(step, direct[:, t] + dh, 0)
        dh = np.where(step, dz[:, t] @ linear.recurrent_kernel.T, dh)
    return _from_preactivations(replace(p, recurrence=linear), x, states, dz, dh)


@dataclass(frozen=True)
class BackwardSteps:
    """The expected gradients, given the layer's own outputs and dz, and the bounds of their error.

    The gradient of the inputs includes that of the probe, which is dz.
    """

    expected: Gradients
    bound: Gradients


def backward_steps(
    problem: GradientProblem, outputs: Array, dz: Array, dtype: str
) -> BackwardSteps:
    """Return the expected gradients and their bounds, each step given the pass's own neighbours.

    problem: the problem that the layer was given, with the probe. outputs: (batch, time, units), as
    the layer returned them. dz: (batch, time, units), the layer's gradients with respect to the
    probe, in order of processing. dtype: a key of FORMATS, the layer's dtype. The bounds are
    infinite where a partial sum may overflow or is not finite.
    """
    run = _backward_pass(problem, outputs, dz, dtype)
    r, form, used = problem.recurrence, run.form, run.used[:, :, None]
    with np.errstate(invalid="ignore", over="ignore"):
        dh = _state_gradients(run)
        dz, dz_error, lost = _preactivation_gradients(run, _output_gradients(run, dh))
        expected = _from_preactivations(problem, run.x, run.states, run.dz, dh.value[:, 0])
        expected.inputs[..., -r.units :] = r.in_order(dz)
        x_error = np.where(used, _input_errors(run), 0)
        x_error[..., -r.units :] = np.where(used, dz_error, 0)
        state_error = r.units * run.u * dh.size[:, 0] + dh.flushed[:, 0]
        ones = np.ones((*run.x.shape[:2], 1))
        bound = Gradients(
            r.in_order(np.where(lost[:, :, None], np.inf, x_error)),
            _sum_errors(run, run.x, lost),
            _sum_errors(run, run.states[:, :-1], lost),
            None if r.bias is None else _sum_errors(run, ones, lost)[0],
            np.where(_fits(dh.size[:, 0], form) & ~lost[:, :1], state_error, np.inf),
        )
    bounds: dict[str, Any] = {"bias": None} | {
        name: np.where(np.isfinite(getattr(expected, name)), value, np.inf)
        for name, value in bound.items()
    }
    return BackwardSteps(expected, Gradients(**bounds))


@dataclass(frozen=True)
class _BackwardPass:
    """The operands of the layer's backward pass, in the reference's wider numbers.

    x: (batch, time, features + units), with the probe. states: (batch, time + 1, units). dz:
    (batch, time, units), zero at masked steps. All are in order of processing.
    """

    problem: GradientProblem
    dtype: str
    x: Array
    states: Array
    dz: Array
    used: Array

    @property
    def form(self) -> Format:
        return FORMATS[self.dtype]

    @property
    def u(self) -> float:
        return roundoff(self.dtype)

    @property
    def size(self) -> Array:
        """|dz|, plus the most that flushing may have removed from dz I + 0 before the probe."""
        return np.abs(self.dz) + self.form.smallest

    def wide(self, array: Array) -> Array:
        return array.astype(self.form.wide)


def _backward_pass(problem: GradientProblem, outputs: Array, dz: Array, dtype: str):
    r, used, wide = problem.recurrence, problem.used, FORMATS[dtype].wide
    states: Array = returned_states(outputs, used, problem.initial_state).astype(wide)
    dz = np.where(used[:, :, None], dz, 0).astype(wide)
    return _BackwardPass(problem, dtype, r.in_order(problem.inputs).astype(wide), states, dz, used)


@dataclass(frozen=True)
class _Sum:
    """A sum of products: its value, the sum of the magnitudes of its terms, and the most that
    flushing of subnormal terms may remove from it."""

    value: Array
    size: Array
    flushed: Array


def _state_gradients(run: _BackwardPass) -> _Sum:
    """Return dh_{t-1} = dz_t U^T, t the next used step, and dh_T = v; (batch, time + 1, units)."""
    U, v = run.wide(run.problem.recurrence.recurrent_kernel), run.wide(run.problem.state_weights)
    flushed = 2 * len(U) + np.abs(U).sum(axis=1) + 0 * run.dz
    return _Sum(
        _next_used(run.used, run.dz @ U.T, v),
        _next_used(run.used, run.size @ np.abs(U).T, 0),
        run.form.smallest * _next_used(run.used, flushed, 0),
    )


def _output_gradients(run: _BackwardPass, dh: _Sum) -> tuple[Array, Array, Array]:
    """Return g_t = V_t + (V of the masked steps that repeat o_t) + dh_t, its size and its error.

    The products of dz U^T count as terms of this sum: some kernels add them one by one to V_t.
    """
    p, V = run.problem, run.wide(run.problem.output_weights)
    terms = p.direct(np.ones_like(V)) + 1
    g = p.direct(V) + dh.value[:, 1:]
    size = p.direct(np.abs(V)) + np.maximum(dh.size, np.abs(dh.value))[:, 1:]
    rounding = (p.recurrence.units + terms) * run.u * size
    return g, size, rounding + terms * run.form.smallest + dh.flushed[:, 1:]


def _preactivation_gradients(run: _BackwardPass, output_gradients) -> tuple[Array, Array, Array]:
    """Return dz_t = g_t act'(z_t), its error, and the steps (batch, time) without a finite bound.

    An infinity in one unit is NaN in all units, because the probe multiplies it by zeros, and in
    all earlier steps.
    """
    g, g_size, g_error = output_gradients
    act = run.problem.recurrence.function
    pre = preactivation(run.problem.recurrence, run.x, run.states[:, :-1], run.dtype)
    dz = np.where(run.used[:, :, None], act.pullback(pre.z, g), 0)
    error = act.pullback_error(pre.z, pre.rho, g, g_error, run.dtype, run.u)
    error = error + run.form.smallest * (2 + np.abs(g) + g_error + np.abs(pre.z))
    reach = np.maximum(pre.size + pre.rho, np.maximum(g_size, np.abs(dz)) + error)
    reach = np.maximum(reach, np.abs(act.f(pre.z)))
    lost = ~np.all(_fits(reach, run.form), axis=-1)
    return dz, error, np.logical_or.accumulate(lost[:, ::-1], axis=1)[:, ::-1]


def _input_errors(run: _BackwardPass) -> Array:
    """Return the error of dx_t = dz_t W^T, (batch, time, features + units)."""
    W = np.abs(run.wide(run.problem.recurrence.kernel))
    size, n = run.size @ W.T, W.shape[1]
    error = n * run.u * size + run.form.smallest * (2 * n + W.sum(axis=1))
    return np.where(_fits(size, run.form), error, np.inf)


def _sum_errors(run: _BackwardPass, left: Array, lost: Array) -> Array:
    """Return the error (i, units) of sum left_t^T dz_t over all used steps.

    left: (batch, time, i).
    """
    left = np.where(run.used[:, :, None], np.abs(left), 0)
    count, tiny, size = int(run.used.sum()), run.form.smallest, run.size
    total = np.einsum("bti,btn->in", left, size)
    flushed = tiny * (2 * count + left.sum(axis=(0, 1))[:, None] + size.sum(axis=(0, 1)))
    fits = _fits(total, run.form) & ~lost.any()
    return np.where(fits, (count + 1) * run.u * total + flushed, np.inf)


def _fits(size: Array, form: Format) -> Array:
    """Return whether partial sums up to that size neither overflow nor are NaN."""
    return size * (1 + 8 * form.u) <= form.largest


def _next_used(used: Array, values: Array, last) -> Array:
    """Return for each state, the initial state first, the values of the next used step.

    values: (batch, time, units). last: (batch, units) or a number, taken where no used step
    follows. The result has shape (batch, time + 1, units).
    """
    found = np.empty((values.shape[0], values.shape[1] + 1, values.shape[2]), values.dtype)
    found[:, -1] = last
    for t in reversed(range(values.shape[1])):
        found[:, t] = np.where(used[:, t, None], values[:, t], found[:, t + 1])
    return found
