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
gain of U. With t, s, p, a as in `rounding.py`, and P the number of terms of a product of matrices
whose value is v and whose terms have the magnitudes m, a product errs by

    e(P, v, m) = A + p (|v| + A),  A = (t + P s (1 + t)) m

If the products are added in the dtype itself, p = 0, and a product may be added one by one to what
is added to it. Then

    dh_{t-1}    e(n, dz U^T, |dz||U|^T)
    g_t         e of dh_t + (m + 1) a (|dh_t| + its error + sum |V|), m the number of masked steps
                that repeat o_t; if p = 0, the n terms of dh_t count as terms of this sum, too
    dz_t        |act'| err g + |g| (sup |act'(z') - act'(z_t)| + c a) + 2 a |dz_t|,
                over |z' - z_t| <= rho as in `rounding.py`; c: `Activation.pullback_error`
    dx_t        e(n, dz W^T, |dz||W|^T)
    db          N a sum |dz|, N the number of used steps of all rows
    dW, dU      A over all N terms; if p > 0, also the rounding of partial sums to the dtype. They
                are the products of one step, over all rows, or of one row, over all steps. A sum of
                G of them errs by G a times the sum of their magnitudes

each for any order of summation (Jeannerod and Rump, SIAM J. Matrix Anal. Appl. 34, 2013). A term of
a sum may also be lost below the normal numbers, and a subnormal operand may be flushed.

Shapes: as in `recurrence.py`; V (batch, time, units) in order of processing, v (batch, units).
"""

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from reference.arithmetic import Arithmetic
from reference.formats import Array, Format
from reference.recurrence import Recurrence, used_steps
from reference.rounding import last_unmasked_step, preactivation, returned_states


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
    problem: GradientProblem, outputs: Array, dz: Array, arithmetic: Arithmetic
) -> BackwardSteps:
    """Return the expected gradients and their bounds, each step given the pass's own neighbours.

    problem: the problem that the layer was given, with the probe. outputs: (batch, time, units), as
    the layer returned them. dz: (batch, time, units), the layer's gradients with respect to the
    probe, in order of processing. arithmetic: that of the layer's dtype. The bounds are infinite
    where a partial sum may overflow or is not finite.
    """
    run = _backward_pass(problem, outputs, dz, arithmetic)
    r, used = problem.recurrence, run.used[:, :, None]
    with np.errstate(invalid="ignore", over="ignore"):
        dh = _state_gradients(run)
        dz, dz_error, lost = _preactivation_gradients(run, _output_gradients(run, dh))
        expected = _from_preactivations(problem, run.x, run.states, run.dz, dh.value[:, 0])
        expected.inputs[..., -r.units :] = r.in_order(dz)
        x_error = np.where(used, _input_errors(run), 0)
        x_error[..., -r.units :] = np.where(used, dz_error, 0)
        fits = _fits(dh.size[:, 0] + dh.error[:, 0], run.form) & ~lost[:, :1]
        bound = Gradients(
            r.in_order(np.where(lost[:, :, None], np.inf, x_error)),
            _product_sum_errors(run, run.x, lost),
            _product_sum_errors(run, run.states[:, :-1], lost),
            None if r.bias is None else _bias_errors(run, lost),
            np.where(fits, dh.error[:, 0], np.inf),
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
    arithmetic: Arithmetic
    x: Array
    states: Array
    dz: Array
    used: Array

    @property
    def form(self) -> Format:
        return self.arithmetic.form

    @property
    def size(self) -> Array:
        """|dz|, plus the most that was lost of dz I + 0 before the probe."""
        return np.abs(self.dz) + self.arithmetic.lost

    def wide(self, array: Array) -> Array:
        return array.astype(self.form.wide)


def _backward_pass(problem: GradientProblem, outputs: Array, dz: Array, arithmetic: Arithmetic):
    r, used, wide = problem.recurrence, problem.used, arithmetic.form.wide
    states: Array = returned_states(outputs, used, problem.initial_state).astype(wide)
    dz = np.where(used[:, :, None], dz, 0).astype(wide)
    x: Array = r.in_order(problem.inputs).astype(wide)
    return _BackwardPass(problem, arithmetic, x, states, dz, used)


@dataclass(frozen=True)
class _Sum:
    """A sum of products: its value, the sum of the magnitudes of its terms, and its error."""

    value: Array
    size: Array
    error: Array


def _product(run: _BackwardPass, matrix: Array) -> _Sum:
    """Return dz matrix^T for a matrix (i, units), each (batch, time, i)."""
    a, n = run.arithmetic, matrix.shape[1]
    value, size = run.dz @ matrix.T, run.size @ np.abs(matrix).T
    lost = 2 * n * a.lost_term + 2 * a.lost + a.lost_operand * np.abs(matrix).sum(axis=1)
    return _Sum(value, size, a.product_error(n, size, value) + lost)


def _state_gradients(run: _BackwardPass) -> _Sum:
    """Return dh_{t-1} = dz_t U^T, t the next used step, and dh_T = v; (batch, time + 1, units)."""
    product = _product(run, run.wide(run.problem.recurrence.recurrent_kernel))
    return _Sum(
        _next_used(run.used, product.value, run.wide(run.problem.state_weights)),
        _next_used(run.used, product.size, 0),
        _next_used(run.used, product.error, 0),
    )


def _output_gradients(run: _BackwardPass, dh: _Sum) -> _Sum:
    """Return g_t = V_t + (V of the masked steps that repeat o_t) + dh_t.

    The products of dz U^T may be added one by one to V_t.
    """
    p, a, V = run.problem, run.arithmetic, run.wide(run.problem.output_weights)
    terms = p.direct(np.ones_like(V)) + 1
    value, size, error = (part[:, 1:] for part in (dh.value, dh.size, dh.error))
    direct = p.direct(np.abs(V))
    reached = np.abs(value) + error if a.rounds_products else np.maximum(size, np.abs(value))
    added = terms * a.addition_u * (direct + reached)
    one_by_one = p.recurrence.units * a.sum_u * direct
    return _Sum(
        p.direct(V) + value,
        direct + np.maximum(size, np.abs(value)),
        error + one_by_one + added + terms * a.lost,
    )


def _preactivation_gradients(run: _BackwardPass, g: _Sum) -> tuple[Array, Array, Array]:
    """Return dz_t = g_t act'(z_t), its error, and the steps (batch, time) without a finite bound.

    An infinity in one unit is NaN in all units, because the probe multiplies it by zeros, and in
    all earlier steps. The probe is a product, so it reads dz with the error of its operands.
    """
    a, act = run.arithmetic, run.problem.recurrence.function
    pre = preactivation(run.problem.recurrence, run.x, run.states[:, :-1], a)
    dz = np.where(run.used[:, :, None], act.pullback(pre.z, g.value), 0)
    error = act.pullback_error(pre.z, pre.rho, g.value, g.error, a)
    error = error + run.form.smallest * (2 + np.abs(g.value) + g.error + np.abs(pre.z))
    error = error + a.term_error * (np.abs(dz) + error)
    reach = np.maximum(pre.size + pre.rho, np.maximum(g.size, np.abs(dz)) + error)
    reach = np.maximum(reach, np.abs(act.f(pre.z)))
    lost = ~np.all(_fits(reach, run.form), axis=-1)
    return dz, error, np.logical_or.accumulate(lost[:, ::-1], axis=1)[:, ::-1]


def _input_errors(run: _BackwardPass) -> Array:
    """Return the error of dx_t = dz_t W^T, (batch, time, features + units)."""
    product = _product(run, run.wide(run.problem.recurrence.kernel))
    return np.where(_fits(product.size + product.error, run.form), product.error, np.inf)


def _product_sum_errors(run: _BackwardPass, left: Array, lost: Array) -> Array:
    """Return the error (i, units) of sum left_t^T dz_t over all used steps.

    left: (batch, time, i).
    """
    a, left = run.arithmetic, np.where(run.used[:, :, None], left, 0)
    count, total = int(run.used.sum()), np.einsum("bti,btn->in", np.abs(left), run.size)
    error = a.sum_error(count + 1, total)
    if a.rounds_products:
        by_row = _partial_sum_errors(a, left, run.dz, error)
        by_step = _partial_sum_errors(a, left.swapaxes(0, 1), run.dz.swapaxes(0, 1), error)
        error = error + np.maximum(by_row, by_step)
    fits = _fits(total + error, run.form) & ~lost.any()
    return np.where(fits, error + _lost_terms(run, np.abs(left)), np.inf)


def _partial_sum_errors(a: Arithmetic, left: Array, dz: Array, error: Array) -> Array:
    """Return the error (i, units) of rounding G products left_g^T dz_g and adding them up.

    left: (G, k, i). dz: (G, k, units). error: that of the G sums before they are rounded.
    """
    parts = np.abs(left.swapaxes(1, 2) @ dz).sum(axis=0) + error
    return a.product_u * parts + len(left) * a.addition_u * (1 + a.product_u) * parts


def _bias_errors(run: _BackwardPass, lost: Array) -> Array:
    """Return the error (units,) of the sum of dz over all used steps, an elementwise sum."""
    a, total = run.arithmetic, run.size.sum(axis=(0, 1))
    error = (a.term_error + (int(run.used.sum()) + 1) * a.u) * total
    fits = _fits(total + error, run.form) & ~lost.any()
    return np.where(fits, error + _lost_terms(run, run.used[:, :, None])[0], np.inf)


def _lost_terms(run: _BackwardPass, left: Array) -> Array:
    """Return the most that the terms of sum left_t^T dz_t lose below the normal numbers.

    left: (batch, time, i), magnitudes. The result has shape (i, units).
    """
    a, count = run.arithmetic, int(run.used.sum())
    operands = left.sum(axis=(0, 1))[:, None] + run.size.sum(axis=(0, 1))
    return count * (a.lost_term + a.lost) + a.lost_operand * operands


def _fits(size: Array, form: Format) -> Array:
    """Return whether sums up to that size, which includes their error, neither overflow nor are
    NaN."""
    return size <= form.largest


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
