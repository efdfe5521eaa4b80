"""Backpropagation through time, and how far a correct layer may be from it, step by step.

With z_t = x_t W + h_{t-1} U + b and h_t = act(z_t), the gradients of the loss

    L = sum_t <V_t, o_t> + <v, h_T>          o_t the outputs, V and v any weightings

follow from the last step to the first. Where step t is used, o_t = h_t and

    g_t = V_t + (V of the masked steps that repeat o_t) + dh_t
    dz_t = g_t act'(z_t)                     dh_T = v, and dh_{t-1} = dz_t U^T

where it is masked, dz_t = 0 and dh_{t-1} = dh_t: the state is carried. A masked step repeats the
last output, so that its V counts for the step that made it, or for none before the first; with
`zero_output_for_mask` it counts for none. From dz,

    dx_t = dz_t W^T   dW = sum x_t^T dz_t   dU = sum h_{t-1}^T dz_t   db = sum dz_t   dh_0

(Werbos, Proceedings of the IEEE 78, 1990). At the kink of relu the slope is 0, as in TensorFlow and
in all that the literature reports; at other kinks see `activations.py`.

**Step by step.** Two correct backward passes drift apart as two correct forward passes do, so each
step is held against the layer's own neighbours: z_t is computed from its own h_{t-1}, and g_t from
its own dz of the next step that is used. dz can be read off: give the layer n features
more, all zero, with the identity as their rows of the kernel. They change nothing forwards, and the
gradient with respect to them is dz_t I = dz_t, exactly (`with_probe`). Everything else follows from
dz in one sum or product. So the bounds depend neither on the length of the sequence nor on U, with
u as in `rounding.roundoff`:

    dh_{t-1}    n u |dz_t||U|^T
    g_t         (m + 1) u (|dh_t| + sum |V|), m the number of masked steps that repeat o_t
    dz_t        |act'| err g + |g| (sup |act'(z') - act'(z_t)| + c u) + 2 u |dz_t|,
                over |z' - z_t| <= rho as in `rounding.py`; c: `Activation.pullback_error`
    dW, dU, db  N u sum |x|^T |dz| and so on, N the number of used steps of all rows: any order
                of summation (Jeannerod and Rump, SIAM J. Matrix Anal. Appl. 34, 2013)

Each term of a sum may also be flushed to zero where it is subnormal.

Shapes: as in `recurrence.py`; V (batch, time, units) in order of processing, v (batch, units).
"""

from dataclasses import dataclass, fields, replace

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
    """One array for each argument of the layer, of its shape; bias None where there is none."""

    inputs: Array
    kernel: Array
    recurrent_kernel: Array
    bias: Array | None
    initial_state: Array

    def items(self) -> list[tuple[str, Array]]:
        """Names and arrays of those that there are."""
        named = [(field.name, getattr(self, field.name)) for field in fields(self)]
        return [(name, value) for name, value in named if value is not None]


@dataclass(frozen=True)
class GradientProblem:
    """What is differentiated: arguments as in `Recurrence.run`, and the weightings V and v."""

    recurrence: Recurrence
    inputs: Array
    initial_state: Array | None
    mask: Array | None
    output_weights: Array
    state_weights: Array

    @property
    def used(self) -> Array:
        """The steps that are not masked, (batch, time), in order of processing."""
        return self.recurrence.in_order(used_steps(self.inputs, self.mask))

    @property
    def repeats(self) -> Array:
        """For each step the number, from 1, of the step that made its output; 0 if none did."""
        made_by = last_unmasked_step(self.used)
        return np.where(self.used, made_by, 0) if self.recurrence.zero_output_for_mask else made_by

    def direct(self, weights: Array) -> Array:
        """The sum of the weights (batch, time, units) of all outputs that each step made."""
        total = np.zeros((weights.shape[0], weights.shape[1] + 1, weights.shape[2]), weights.dtype)
        rows = np.arange(weights.shape[0])[:, None]
        np.add.at(total, (rows, self.repeats), weights)
        return total[:, 1:]

    def with_probe(self) -> "GradientProblem":
        """With one feature more for each unit, zero, that enters the unit with weight one."""
        r = self.recurrence
        kernel, inputs = probe(r.kernel, self.inputs)
        return replace(self, recurrence=replace(r, kernel=kernel), inputs=inputs)


def probe(kernel: Array, inputs: Array) -> tuple[Array, Array]:
    """Kernel (features + units, units) and inputs (batch, time, features + units)."""
    n = kernel.shape[1]
    zeros = np.zeros((*inputs.shape[:2], n))
    return np.concatenate([kernel, np.eye(n)]), np.concatenate([inputs, zeros], axis=-1)


def backpropagate(problem: GradientProblem) -> Gradients:
    """The gradients, in float64; exact where every sum is one of small integers."""
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
    """All gradients from those with respect to z and the initial state."""
    r = p.recurrence
    rows = np.where(p.used[:, :, None], x, 0)  # what stands in a masked step counts for nothing
    return Gradients(
        r.in_order(dz @ r.kernel.T.astype(dz.dtype)),
        np.einsum("btf,btn->fn", rows, dz),
        np.einsum("btm,btn->mn", states[:, :-1], dz),
        None if r.bias is None else dz.sum(axis=(0, 1)),
        dh,
    )


def partial_sum_bounds(problem: GradientProblem) -> Gradients:
    """What no partial sum of any gradient exceeds in magnitude, whatever cancels, as it was needed
    for each; only for activations of slope at most 1."""
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
    """What each gradient should have been, given the layer's own outputs and dz; bound: how far
    off it may be. Inputs includes the probe, whose gradient is dz."""

    expected: Gradients
    bound: Gradients


def backward_steps(
    problem: GradientProblem, outputs: Array, dz: Array, dtype: str
) -> BackwardSteps:
    """Hold every step of a backward pass against the pass itself.

    problem: as the layer was given it, with the probe. outputs: (batch, time, units), the layer's
    own. dz: its gradients with respect to the probe, in order of processing. Bounds are infinite
    where something may overflow or is not finite.
    """
    p, r, form = problem, problem.recurrence, FORMATS[dtype]
    wide, u, tiny = form.wide, roundoff(dtype), form.smallest
    units = r.units
    used = p.used
    x = r.in_order(p.inputs).astype(wide)
    states = returned_states(outputs, used, p.initial_state).astype(wide)
    W, U = r.kernel.astype(wide), r.recurrent_kernel.astype(wide)
    V, v = p.output_weights.astype(wide), p.state_weights.astype(wide)
    dz = np.where(used[:, :, None], dz, 0).astype(wide)
    with np.errstate(invalid="ignore", over="ignore"):
        # dz I + 0 may have been flushed on its way to the probe
        size = np.abs(dz) + tiny
        into, into_size = _next_used(used, dz @ U.T, v), _next_used(used, size @ np.abs(U).T, 0)
        flushed = tiny * _next_used(used, 2 * units + np.abs(U).sum(axis=1) + 0 * dz, 0)

        g = p.direct(V) + into[:, 1:]
        terms = p.direct(np.ones_like(V)) + 1
        g_size = p.direct(np.abs(V)) + np.maximum(into_size, np.abs(into))[:, 1:]
        # One sum of products and weights: some kernels add the products to what is there.
        g_error = (units + terms) * u * g_size + terms * tiny + flushed[:, 1:]

        pre = preactivation(r, x, states[:, :-1], dtype)
        act = r.function
        expected_dz = np.where(used[:, :, None], act.pullback(pre.z, g), 0)
        dz_error = act.pullback_error(pre.z, pre.rho, g, g_error, dtype, u)
        dz_error = dz_error + tiny * (2 + np.abs(g) + g_error + np.abs(pre.z))
        reach = np.maximum(pre.size + pre.rho, np.maximum(g_size, np.abs(expected_dz)) + dz_error)
        reach = np.maximum(reach, np.abs(act.f(pre.z)))
        # An infinity in one unit is NaN in all, times the zeros of the probe, and in all that
        # follows from them.
        lost = ~np.all(_fits(reach, form), axis=-1)
        lost = np.logical_or.accumulate(lost[:, ::-1], axis=1)[:, ::-1]
        dz_error = np.where(used[:, :, None], dz_error, 0)

        expected = _from_preactivations(p, x, states, dz, into[:, 0])
        expected_x = expected.inputs
        reach = size @ np.abs(W).T
        x_error = units * u * reach + tiny * (2 * units + np.abs(W).sum(axis=1))
        x_error = np.where(used[:, :, None], np.where(_fits(reach, form), x_error, np.inf), 0)
        x_error[..., -units:] = dz_error
        x_error = r.in_order(np.where(lost[:, :, None], np.inf, x_error))
        expected_x[..., -units:] = r.in_order(expected_dz)

        count = int(used.sum())

        state_error = units * u * into_size[:, 0] + flushed[:, 0]

        def of_sum(left: Array) -> Array:
            """The bound of sum left^T dz over all used steps."""
            left = np.where(used[:, :, None], np.abs(left), 0)
            total = np.einsum("bti,btn->in", left, size)
            lost_bits = tiny * (2 * count + left.sum(axis=(0, 1))[:, None] + size.sum(axis=(0, 1)))
            fits = _fits(total, form) & ~lost.any()
            return np.where(fits, (count + 1) * u * total + lost_bits, np.inf)

        bound = Gradients(
            x_error,
            of_sum(x),
            of_sum(states[:, :-1]),
            None if r.bias is None else of_sum(np.ones((*x.shape[:2], 1)))[0],
            np.where(_fits(into_size[:, 0], form) & ~lost[:, :1], state_error, np.inf),
        )
    pairs = [
        (name, np.where(np.isfinite(getattr(expected, name)), value, np.inf))
        for name, value in bound.items()
    ]
    return BackwardSteps(expected, Gradients(**{"bias": None, **dict(pairs)}))


def _fits(size: Array, form: Format) -> Array:
    """Whether partial sums up to that size neither overflow nor are NaN."""
    return size * (1 + 8 * form.u) <= form.largest


def _next_used(used: Array, values: Array, last) -> Array:
    """For each state, the initial one first, the values of the next step that is used; `last`,
    (batch, units) or a number, where there is none. Shape (batch, time + 1, units)."""
    found = np.empty((values.shape[0], values.shape[1] + 1, values.shape[2]), values.dtype)
    found[:, -1] = last
    for t in reversed(range(values.shape[1])):
        found[:, t] = np.where(used[:, t, None], values[:, t], found[:, t + 1])
    return found
