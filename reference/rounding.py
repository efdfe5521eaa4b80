"""How far a correct layer may be from the recurrence, one step at a time.

Whole trajectories cannot be compared with a fixed tolerance: where the recurrent kernel amplifies,
two correct layers drift apart without limit. But each step can be held against the layer's own
previous state, which is an exact input to it, and the trajectory is right if and only if every step
is. The bound then depends neither on the length of the sequence nor on the recurrent kernel's gain.

With u the error of one rounding (`roundoff`), a sum of k products is within k u times the sum of
their magnitudes of the exact one, in any order, with or without fused multiply-adds (Higham,
Accuracy and Stability of Numerical Algorithms, section 3.1; Jeannerod and Rump, SIAM J. Matrix
Anal. Appl. 34, 2013, for k u in place of gamma_k). With F features and n units, z = x W + b + h U
is one such sum. It must not be taken apart into two products and two additions: XLA adds the
products of one matrix to what is already there, so that each of its roundings is one of the whole.
So

    rho = (F + n + 1) u (|x||W| + |h||U| + |b|)
        + (F + n + 3) smallest                        subnormal results, which TensorFlow flushes
        + |x'||W| + |x||W'| + |h'||U| + |h||U'|       operands that it flushes, ' where subnormal

and the output is within

    sup |act(z') - act(z)| over |z' - z| <= rho  +  K ulp(...)  +  (1 + |z|) smallest

of act(z), where K and what it is relative to are the activation's row in `activations.py`, and the
last term is an intermediate result of the activation that was flushed and then multiplied by z.
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
        """All integers up to this one, in magnitude, are numbers of the format."""
        return 2.0**self.precision

    @property
    def wide(self) -> type:
        """The NumPy type in which the reference computes what is compared with this format."""
        return np.float64 if self.precision < 53 else np.longdouble

    def ulp(self, value: Array) -> Array:
        """The spacing of the format at |value|, as float64."""
        value = np.abs(value).astype(np.float64)
        exponent = np.where(value == 0, self.smallest_exponent, np.frexp(value)[1] - 1)
        return np.ldexp(1.0, np.maximum(exponent, self.smallest_exponent) - self.precision + 1)

    def round(self, values: Array) -> Array:
        """The nearest numbers of the format, as float64; finite overflow becomes infinity."""
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
    """z = x W + h U + b of shape (..., units) in the reference's wider numbers, and how far a layer
    may be from it. size: |x||W| + |h||U| + |b|, which no partial sum exceeds."""

    z: Array
    rho: Array
    size: Array


def preactivation(recurrence: Recurrence, x: Array, state: Array, dtype: str) -> Preactivation:
    """x W + h U + b for x (..., features) and the exact previous state h (..., units)."""
    form = FORMATS[dtype]
    wide = form.wide
    W, U = recurrence.kernel.astype(wide), recurrence.recurrent_kernel.astype(wide)
    b = np.zeros(1, wide) if recurrence.bias is None else recurrence.bias.astype(wide)
    x, h = x.astype(wide), state.astype(wide)
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
    """The magnitudes that are below the normal numbers, and zeros for the others."""
    return np.where(magnitudes < form.smallest, magnitudes, 0)


def roundoff(dtype: str) -> float:
    """The largest relative error of one rounding in the dtype, and of the reference, which rounds
    too, in its own wider format; where long double is no wider than float64 this doubles a bound
    instead of breaking it.

    To the nearest, as IEEE 754 has it: u. No standard has bfloat16, and there it is 2 u: where the
    processor has no instructions for it, TensorFlow's MatMul computes in float32 and cuts off the
    lower half of each sum (FastConvertFromFloat in core/kernels/matmul_op_impl.h).
    """
    form = FORMATS[dtype]
    return (2 if dtype == "bfloat16" else 1) * form.u + float(np.finfo(form.wide).eps) / 2


def one_step(recurrence: Recurrence, x: Array, state: Array, dtype: str):
    """act(x W + h U + b), and how far a layer of this dtype may be from it.

    x: (..., features). state: (..., units), the exact previous state. dtype: a key of FORMATS.
    Returns two float arrays (..., units). Where a partial sum of finite operands may overflow in
    the dtype the bound is infinite: nothing is promised there, nor whether an infinite operand
    meets an infinity of the other sign. Elsewhere an operand that is not finite decides the value.
    """
    form, act = FORMATS[dtype], recurrence.function
    with np.errstate(invalid="ignore", over="ignore"):
        pre = preactivation(recurrence, x, state, dtype)
        value, spread = act.f(pre.z), act.spread(pre.z, pre.rho)
        kernel = act.kernel_error[dtype] * form.ulp(act.magnitude(pre.z) + spread)
        bound = spread + kernel + (1 + np.abs(pre.z)) * form.smallest
        finite, summed = np.isfinite(pre.size), pre
        if not np.all(finite):
            operands = (np.where(np.isfinite(given), given, 0) for given in (x, state))
            summed = preactivation(recurrence, *operands, dtype)
        overflows = summed.size + summed.rho > form.largest
    return value, np.where(overflows, np.inf, np.where(finite, bound, 0))


@dataclass(frozen=True)
class Steps:
    """What each step of a run should have given, from the states that the run itself returned.

    expected, bound: (batch, time, units); the bound is zero where a value is merely carried or
    zeroed by the mask. final_state: (batch, units), the state after the last step, exactly.
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
    """Hold every step of a run against the run's own previous state.

    outputs: (batch, time, units) as the layer gave them, in order of processing; the other
    arguments as in `Recurrence.run`.
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
    """For each step of a (batch, time) mask the number, from 1, of the last step up to it that is
    used; 0 if there is none."""
    number = np.arange(1, used.shape[1] + 1)
    return np.maximum.accumulate(np.where(used, number, 0), axis=1)


def returned_states(outputs: Array, used: Array, initial_state: Array | None) -> Array:
    """The states (batch, time + 1, units) before the first step and after each, as a run itself
    returned them: the state after a step is the output of the last one that was used."""
    batch, _, units = outputs.shape
    start = zero_state(batch, units) if initial_state is None else initial_state
    history = np.concatenate([start[:, None], outputs.astype(np.float64)], axis=1)
    which = np.concatenate([np.zeros((batch, 1), int), last_unmasked_step(used)], axis=1)
    return np.take_along_axis(history, which[:, :, None], axis=1)
