"""Bounds of the error that a correct layer may make in one step of the recurrence.

Whole trajectories cannot be compared with a fixed tolerance: where the recurrent kernel amplifies,
two correct layers drift apart without limit. So each step is compared with the recurrence of the
layer's own previous state, which is an exact input to that step. The trajectory is right if and
only if every step is. The bound depends neither on the length of the sequence nor on the gain of
the recurrent kernel.

With F features and n units, z = x W + b + h U is a sum of k = F + n + 1 terms. An `Arithmetic`
gives the error t of a term, the error s of an addition within a product of matrices, the error p of
rounding a finished product to the dtype, and the error a of adding to it. The terms contribute at
most

    A = (t + k s (1 + t)) (|x||W| + |h||U| + |b|)

in any order, with or without fused multiply-adds (Higham, Accuracy and Stability of Numerical
Algorithms, section 3.1; Jeannerod and Rump, SIAM J. Matrix Anal. Appl. 34, 2013, for k s in place
of gamma_k). The order includes all associations of the four summands: XLA adds the products of one
matrix one by one to the sum of the others, so that each of its roundings has the size of the whole
sum. If the products are added in the dtype itself, this is the whole error, and p = a = 0 below.
Otherwise each product and each of the two additions is rounded once more, or not at all if they are
fused. A rounding errs by p or a times the magnitude of what is rounded, which is off by at most the
total error E:

    E <= A + p (|x W| + |h U|) + a (max(|x W + b|, |h U + b|, |x W + h U|) + |z|) + 2 (p + a) E

The maximum is over the three associations. With E from there,

    rho = E + lost results, terms and partial sums below the normal numbers
        + |x'||W| + |x||W'| + |h'||U| + |h||U'|       flushed operands: ' keeps subnormals alone

and the output is within

    sup |act(z') - act(z)| over |z' - z| <= rho  +  K ulp(...)  +  (1 + |z|) smallest

of act(z). K and its scale are the activation's entries in `activations.py`. `smallest` is the
smallest normal number. The last term stands for an intermediate result of the activation below it
that is lost, or whose reciprocal overflows, and is then multiplied by z: in float16, XLA's sigmoid
is 0 from -11.1 on, because exp(11.1) exceeds 65504. An activation with exact kernels (K = 0) has
no such result, and its output only loses what flushing removes from a result of the dtype.
"""

from dataclasses import dataclass

import numpy as np

from reference.arithmetic import Arithmetic
from reference.formats import Array
from reference.recurrence import Recurrence, used_steps, zero_state


@dataclass(frozen=True)
class Preactivation:
    """z = x W + h U + b and the bound of its error, in the reference's wider numbers.

    z, rho, size: (..., units). rho: the bound. size: |x||W| + |h||U| + |b|, which no partial sum
    exceeds.
    """

    z: Array
    rho: Array
    size: Array


def preactivation(
    recurrence: Recurrence, x: Array, state: Array, arithmetic: Arithmetic
) -> Preactivation:
    """Return x W + h U + b for x (..., features) and the exact previous state h (..., units)."""
    wide = arithmetic.form.wide
    W: Array = recurrence.kernel.astype(wide)
    U: Array = recurrence.recurrent_kernel.astype(wide)
    b: Array = np.zeros(1, wide) if recurrence.bias is None else recurrence.bias.astype(wide)
    x = x.astype(wide)
    h: Array = state.astype(wide)
    sizes = np.abs(x) @ np.abs(W), np.abs(h) @ np.abs(U), np.abs(b)
    xW, hU, size = x @ W, h @ U, sum(sizes)
    z = xW + b + hU
    terms = sum(W.shape) + 1
    rho = arithmetic.sum_error(terms, size) + terms * arithmetic.lost_term + 2 * arithmetic.lost
    if arithmetic.rounds_products:
        p, a = arithmetic.product_u, arithmetic.addition_u
        inner = np.maximum(np.abs(xW + b), np.maximum(np.abs(hU + b), np.abs(xW + hU)))
        rounding = p * (np.abs(xW) + np.abs(hU)) + a * (inner + np.abs(z))
        rho = (rho + rounding + 2 * arithmetic.lost) / (1 - 2 * (p + a))
    return Preactivation(
        z, rho + _flushed_operands(x, W, arithmetic) + _flushed_operands(h, U, arithmetic), size
    )


def _flushed_operands(left: Array, right: Array, arithmetic: Arithmetic) -> Array | float:
    """Return the most that flushing subnormal operands removes from the product left right."""
    left, right = np.abs(left), np.abs(right)
    tiny_left, tiny_right = (
        np.where(operand < arithmetic.lost_operand, operand, 0) for operand in (left, right)
    )
    pairs = (tiny_left, right), (left, tiny_right)
    return sum(one @ other if one.any() and other.any() else 0.0 for one, other in pairs)


def one_step(recurrence: Recurrence, x: Array, state: Array, arithmetic: Arithmetic):
    """Return act(x W + h U + b), and the bound of the error of a layer with this arithmetic.

    x: (..., features). state: (..., units), the exact previous state. Both results have shape
    (..., units). The bound is infinite where a partial sum of finite operands may overflow in the
    dtype: the result is then undefined, also with infinite operands, because an overflow and an
    infinite operand of opposite signs add up to NaN. Elsewhere the bound of a value with an
    infinite or NaN operand is zero.
    """
    form, act = arithmetic.form, recurrence.function
    with np.errstate(invalid="ignore", over="ignore"):
        pre = preactivation(recurrence, x, state, arithmetic)
        value, spread = act.f(pre.z), act.spread(pre.z, pre.rho)
        kernel = act.kernel_error[form.name] * form.ulp(act.magnitude(pre.z) + spread)
        inexact = act.kernel_error[form.name] > 0
        lost = form.smallest if inexact else arithmetic.lost
        bound = spread + kernel + (1 + np.abs(pre.z)) * lost
        finite, summed = np.isfinite(pre.size), pre
        if not np.all(finite):
            x, state = (np.where(np.isfinite(given), given, 0) for given in (x, state))
            summed = preactivation(recurrence, x, state, arithmetic)
        overflows = summed.size + summed.rho > form.largest
    return value, np.where(overflows, np.inf, np.where(finite, bound, 0))


@dataclass(frozen=True)
class Steps:
    """The expected output of each step, given the states that the run itself returned.

    expected, bound: (batch, time, units). The bound is zero where the mask carries a value over or
    sets it to zero. final_state: (batch, units), the exact state after the last step.
    """

    expected: Array
    bound: Array
    final_state: Array


def all_steps(
    recurrence: Recurrence,
    outputs: Array,
    inputs: Array,
    initial_state: Array | None,
    mask: Array | None,
    arithmetic: Arithmetic,
) -> Steps:
    """Return the expected output of every step, given the run's own previous state.

    outputs: (batch, time, units) as the layer returned them, in order of processing.
    arithmetic: that of the layer's dtype. The other arguments are those of `Recurrence.run`.
    """
    used = recurrence.in_order(used_steps(inputs, mask))
    states = returned_states(outputs, used, initial_state)
    x = recurrence.in_order(inputs)
    expected, bound = one_step(recurrence, x, states[:, :-1], arithmetic)
    carried = np.where(last_unmasked_step(used)[:, :, None] > 0, states[:, 1:], 0)
    masked_output = 0 if recurrence.zero_output_for_mask else carried
    used = used[:, :, None]
    return Steps(np.where(used, expected, masked_output), np.where(used, bound, 0), states[:, -1])


def last_unmasked_step(used: Array) -> Array:
    """Return for each step the number, from 1, of the last used step up to it; 0 before the first.

    used: booleans (batch, time). The result has the same shape.
    """
    number = np.arange(1, used.shape[1] + 1)
    return np.maximum.accumulate(np.where(used, number, 0), axis=1)


def returned_states(outputs: Array, used: Array, initial_state: Array | None) -> Array:
    """Return the states (batch, time + 1, units) before the first step and after each step.

    outputs: (batch, time, units), as the run returned them. used: booleans (batch, time). The state
    after a step is the output of the last used step.
    """
    batch, _, units = outputs.shape
    start = zero_state(batch, units) if initial_state is None else initial_state
    history = np.concatenate([start[:, None], outputs.astype(np.float64)], axis=1)
    which = np.concatenate([np.zeros((batch, 1), int), last_unmasked_step(used)], axis=1)
    return np.take_along_axis(history, which[:, :, None], axis=1)
