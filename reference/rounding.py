"""Bounds of the error that a correct layer may make in one step of the recurrence.

Whole trajectories cannot be compared with a fixed tolerance: where the recurrent kernel amplifies,
two correct layers drift apart without limit. So each step is compared with the recurrence of the
layer's own previous state, which is an exact input to that step. The trajectory is right if and
only if every step is. The bound depends neither on the length of the sequence nor on the gain of
the recurrent kernel.

Let u be the error of one rounding (`roundoff`). A sum of k products differs from the exact sum by
at most k u times the sum of their magnitudes, in any order, with or without fused multiply-adds
(Higham, Accuracy and Stability of Numerical Algorithms, section 3.1; Jeannerod and Rump, SIAM J.
Matrix Anal. Appl. 34, 2013, for k u in place of gamma_k). With F features and n units,
z = x W + b + h U is a sum of F + n + 1 terms. A bound of two products and two additions would be
too small: XLA adds the products of one matrix one by one to the sum of the others, so that each of
its roundings has the size of the whole sum. So

    rho = (F + n + 1) u (|x||W| + |h||U| + |b|)
        + (F + n + 3) smallest                        subnormal results, which TensorFlow flushes
        + |x'||W| + |x||W'| + |h'||U| + |h||U'|       flushed operands: ' keeps subnormals alone

and the output is within

    sup |act(z') - act(z)| over |z' - z| <= rho  +  K ulp(...)  +  (1 + |z|) smallest

of act(z). K and its scale are the activation's entries in `activations.py`. The last term stands
for an intermediate result of the activation that was flushed and then multiplied by z.
"""

from dataclasses import dataclass

import numpy as np

from reference.activations import Array
from reference.recurrence import Recurrence, used_steps, zero_state


@dataclass(frozen=True)
class Format:
    """A binary floating-point format: IEEE 754-2019, table 3.5, and bfloat16."""

    precision: int
    smallest_exponent: int
    largest_exponent: int

    @property
    def u(self) -> float:
        """The unit roundoff."""
        return 2.0**-self.precision

    @property
    def smallest(self) -> float:
        """The smallest positive normal number."""
        return 2.0**self.smallest_exponent

    @property
    def largest(self) -> float:
        """The largest finite number."""
        return np.ldexp(2 - 2 * self.u, self.largest_exponent)

    @property
    def integers(self) -> float:
        """The largest n such that the format has all integers from -n to n."""
        return 2.0**self.precision

    @property
    def wide(self) -> type:
        """The NumPy type in which the reference computes values of this format."""
        return np.float64 if self.precision < 53 else np.longdouble

    def ulp(self, value: Array) -> Array:
        """Return the spacing of the format at |value|, as float64 of the same shape."""
        value = np.abs(value).astype(np.float64)
        exponent = np.where(value == 0, self.smallest_exponent, np.frexp(value)[1] - 1)
        return np.ldexp(1.0, np.maximum(exponent, self.smallest_exponent) - self.precision + 1)

    def round(self, values: Array) -> Array:
        """Return the nearest numbers of the format, as float64; overflow becomes infinity."""
        values = np.asarray(values, np.float64)
        spacing = self.ulp(np.where(np.isfinite(values), values, 1))
        with np.errstate(over="ignore"):
            rounded = np.rint(values / spacing) * spacing
        return np.where(np.abs(rounded) > self.largest, np.copysign(np.inf, values), rounded)


FORMATS = {
    "float16": Format(11, -14, 15),
    "bfloat16": Format(8, -126, 127),
    "float32": Format(24, -126, 127),
    "float64": Format(53, -1022, 1023),
}


@dataclass(frozen=True)
class Preactivation:
    """z = x W + h U + b and the bound of its error, in the reference's wider numbers.

    z, rho, size: (..., units). rho: the bound. size: |x||W| + |h||U| + |b|, which no partial sum
    exceeds.
    """

    z: Array
    rho: Array
    size: Array


def preactivation(recurrence: Recurrence, x: Array, state: Array, dtype: str) -> Preactivation:
    """Return x W + h U + b for x (..., features) and the exact previous state h (..., units)."""
    form = FORMATS[dtype]
    wide = form.wide
    W: Array = recurrence.kernel.astype(wide)
    U: Array = recurrence.recurrent_kernel.astype(wide)
    b: Array = np.zeros(1, wide) if recurrence.bias is None else recurrence.bias.astype(wide)
    x = x.astype(wide)
    h: Array = state.astype(wide)
    features, units = W.shape
    size = np.abs(x) @ np.abs(W) + np.abs(h) @ np.abs(U) + np.abs(b)
    z = x @ W + b + h @ U
    rho = (features + units + 1) * roundoff(dtype) * size
    rho = rho + (features + units + 3) * form.smallest
    for left, right in ((np.abs(x), np.abs(W)), (np.abs(h), np.abs(U))):
        for one, other in ((_subnormal(left, form), right), (left, _subnormal(right, form))):
            if one.any() and other.any():
                rho = rho + one @ other
    return Preactivation(z, rho, size)


def _subnormal(magnitudes: Array, form: Format) -> Array:
    """Return the magnitudes below the normal numbers of the format, and zeros for the others."""
    return np.where(magnitudes < form.smallest, magnitudes, 0)


def roundoff(dtype: str) -> float:
    """Return the largest relative error of one rounding in the dtype, plus that of the reference.

    The reference rounds to its wider format. Where long double is no wider than float64, the bound
    doubles and stays valid. Rounding to nearest, as in IEEE 754, errs by u. Rounding to bfloat16
    may err by 2 u: on a processor without bfloat16 instructions, TensorFlow's MatMul computes in
    float32 and truncates each sum (FastConvertFromFloat in core/kernels/matmul_op_impl.h).
    """
    form = FORMATS[dtype]
    return (2 if dtype == "bfloat16" else 1) * form.u + float(np.finfo(form.wide).eps) / 2


def one_step(recurrence: Recurrence, x: Array, state: Array, dtype: str):
    """Return act(x W + h U + b), and the bound of the error of a layer of this dtype.

    x: (..., features). state: (..., units), the exact previous state. dtype: a key of FORMATS.
    Both results have shape (..., units). The bound is infinite where a partial sum of finite
    operands may overflow in the dtype: the result is then undefined, also with infinite operands,
    because an overflow and an infinite operand of opposite signs add up to NaN. Elsewhere the bound
    of a value with an infinite or NaN operand is zero.
    """
    form, act = FORMATS[dtype], recurrence.function
    with np.errstate(invalid="ignore", over="ignore"):
        pre = preactivation(recurrence, x, state, dtype)
        value, spread = act.f(pre.z), act.spread(pre.z, pre.rho)
        kernel = act.kernel_error[dtype] * form.ulp(act.magnitude(pre.z) + spread)
        bound = spread + kernel + (1 + np.abs(pre.z)) * form.smallest
        finite, summed = np.isfinite(pre.size), pre
        if not np.all(finite):
            x, state = (np.where(np.isfinite(given), given, 0) for given in (x, state))
            summed = preactivation(recurrence, x, state, dtype)
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
    dtype: str,
) -> Steps:
    """Return the expected output of every step, given the run's own previous state.

    outputs: (batch, time, units) as the layer returned them, in order of processing. dtype: a key
    of FORMATS, the layer's dtype. The other arguments are those of `Recurrence.run`.
    """
    used = recurrence.in_order(used_steps(inputs, mask))
    states = returned_states(outputs, used, initial_state)
    x = recurrence.in_order(inputs)
    expected, bound = one_step(recurrence, x, states[:, :-1], dtype)
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
