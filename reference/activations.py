"""The documented activations: value, derivative, and the error that their kernels may make.

Every function takes NumPy arrays of float64 or longdouble, and works elementwise, or along the last
axis (the units) where the activation couples them. The formulas are those in the documentation of
`tf.keras.activations`.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from reference.arithmetic import Arithmetic
from reference.formats import Array
from reference.kernel_errors import DERIVATIVE_ERRORS, VALUE_ERRORS

Function = Callable[[Array], Array]

KINKS = (0.0, 0.5, 1.0, 2.5, 3.0, 6.0)
"""The magnitudes of z at which the formula of some activation, or of its kernel, changes."""


def coupled(z: Array) -> Array:
    """Stand for the derivative of an activation that couples the units: it has no such one."""
    raise TypeError("the activation couples the units, so it has no elementwise derivative")


@dataclass(frozen=True)
class Activation:
    """One activation f: a function from z, (..., units), to an array of the same shape.

    derivative: f', elementwise; at a kink, the larger one of the two one-sided slopes. `coupled`
        for an activation that couples the units of a row.
    extremes: the local extrema of f'. The largest and smallest value of f' on an interval lie at
        one of them or at an end of the interval.
    scale: the size of the terms of the documented formula, where they cancel.
    jump: (position, size) of the discontinuities of f in |z|.
    row_spread: sup of |f(z') - f(z)| over |z' - z| <= rho, where units are coupled.
    slope_at_zero: the slope that TensorFlow uses at a kink at 0, if it is not the larger one.
    kink_from_output: whether kernels take the side of a kink at 0 from the output (TensorFlow's
        EluGrad and SeluGrad), so that a z whose output may round to 0 has the slope of either side.
        The slope there is at least 1.
    slope_scale: the size of the terms of f', where it exceeds max(1, |f'|).
    row_pullback: the gradient with respect to z, given the one with respect to f(z), where units
        are coupled.
    row_pullback_error: the bound of its error where units are coupled: a function of z, rho, g, the
        error of g, and the roundoff of the kernel.
    kernel_error: K, the largest error of a correct kernel, by dtype, in units in the last place of
        max(|f(z)|, scale(z)).
    derivative_error: c, the largest error of a correct kernel of the gradient, by dtype, in unit
        roundoffs of |g| slope_size(z). Both are from `kernel_errors.py`.
    """

    f: Function
    derivative: Function
    extremes: tuple[float, ...] = ()
    scale: Function | None = None
    jump: tuple[float, float] | None = None
    row_spread: Callable[[Array, Array], Array] | None = None
    slope_at_zero: float | None = None
    kink_from_output: bool = False
    slope_scale: Function | None = None
    row_pullback: Callable[[Array, Array], Array] | None = None
    row_pullback_error: Callable[..., Array] | None = None
    kernel_error: Mapping[str, float] = field(default_factory=dict)
    derivative_error: Mapping[str, float] = field(default_factory=dict)

    def spread(self, z: Array, rho: Array) -> Array:
        """Return an upper bound of |f(z') - f(z)| over all |z' - z| <= rho; all (..., units)."""
        if self.row_spread is not None:
            return self.row_spread(z, rho)
        low, high = z - rho, z + rho
        points = [low, high, *(np.clip(e, low, high) for e in self.extremes)]
        slope = np.max([np.abs(self.derivative(p)) for p in points], axis=0)
        spread = np.where(slope > 0, slope, 0) * np.where(slope > 0, rho, 0)
        if self.jump is not None:
            position, size = self.jump
            spread = spread + np.where(np.abs(np.abs(z) - position) <= rho, size, 0)
        return spread

    def slope(self, z: Array) -> Array:
        """Return f'(z), with the slope that TensorFlow uses at a kink."""
        slope = self.derivative(z)
        return slope if self.slope_at_zero is None else np.where(z == 0, self.slope_at_zero, slope)

    def slope_spread(self, z: Array, rho: Array) -> Array:
        """Return an upper bound of |f'(z') - f'(z)| over all |z' - z| <= rho, kinks included."""
        low, high = z - rho, z + rho
        points = [low, high, *(np.clip(e, low, high) for e in self.extremes)]
        return np.max([np.abs(self.derivative(p) - self.derivative(z)) for p in points], axis=0)

    def pullback(self, z: Array, g: Array) -> Array:
        """Return the gradient with respect to z, given the gradient g with respect to f(z)."""
        return g * self.slope(z) if self.row_pullback is None else self.row_pullback(z, g)

    def pullback_error(
        self, z: Array, rho: Array, g: Array, error: Array, arithmetic: Arithmetic
    ) -> Array:
        """Return the bound of the error of a correct kernel that computes `pullback(z, g)`.

        z, g: (..., units). rho, error: the bounds of the errors of z and g.

        A kernel may compute the slope from the output, such as 1 - y^2 for tanh, and multiply by g
        in several operations. All this is in the measured error c of the gradient. An activation
        that couples the units has the roundoff 2 u (2 K + 4) per term: the slope errs by at most
        twice the error of y, K ulp(y) <= 2 K u, and by at most four more roundings.
        """
        K, u = self.kernel_error[arithmetic.form.name], arithmetic.u
        if self.row_pullback_error is not None:
            return self.row_pullback_error(z, rho, g, error, 2 * u * (2 * K + 4))
        slope = np.abs(self.derivative(z))
        if self.kink_from_output:
            rho = rho + K * arithmetic.form.ulp(self.magnitude(z))
        off = self.slope_spread(z, rho)
        off = off + self.derivative_error[arithmetic.form.name] * u * (self.slope_size(z) + off)
        return (slope + off) * error + off * np.abs(g)

    def slope_size(self, z: Array) -> Array:
        """Return max(1, |f'(z)|, slope_scale(z)): the error of f' is relative to it."""
        size = np.maximum(1, np.abs(self.derivative(z)))
        scale = self.slope_scale
        return size if scale is None else np.maximum(size, np.abs(scale(z)))

    def magnitude(self, z: Array) -> Array:
        """Return max(|f(z)|, scale(z)): the kernel's error is relative to it."""
        value = np.abs(self.f(z))
        return value if self.scale is None else np.maximum(value, np.abs(self.scale(z)))


def _erfc(z: Array) -> Array:
    return np.vectorize(math.erfc, otypes=[np.float64])(z)


def _sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1, e) / (1 + e)


def _softplus(z):
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z)))


def _normal_cdf(z):
    return 0.5 * _erfc(-z / math.sqrt(2))


def _gelu_derivative(z):
    return _normal_cdf(z) + z * np.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def _silu_derivative(z):
    s = _sigmoid(z)
    return s + z * s * (1 - s)


def _mish_derivative(z):
    t = np.tanh(_softplus(z))
    return t + z * (1 - t * t) * _sigmoid(z)


def _softmax(z):
    e = np.exp(z - np.max(z, axis=-1, keepdims=True))
    return e / np.sum(e, axis=-1, keepdims=True)


def _log_softmax(z):
    shifted = z - np.max(z, axis=-1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


def _sparsemax(z):
    """Project each row onto the simplex (Martins and Astudillo, ICML 2016, algorithm 1)."""
    ordered = -np.sort(-z, axis=-1)
    k = np.arange(1, z.shape[-1] + 1)
    total = np.cumsum(ordered, axis=-1)
    support = 1 + k * ordered > total
    support[..., 0] = True  # 1 + z > z, also where the sum rounds to z
    size = np.sum(support, axis=-1, keepdims=True)
    tau = (np.take_along_axis(total, size - 1, axis=-1) - 1) / size
    return np.maximum(z - tau, 0)


def _softmax_spread(z, rho):
    """Bound the change of softmax: each exponential, and their sum, changes by at most exp(rho)."""
    largest = np.max(rho, axis=-1, keepdims=True)
    return _softmax(z) * np.expm1(2 * largest)


def _softmax_pullback(z, g):
    y = _softmax(z)
    return y * (g - np.sum(g * y, axis=-1, keepdims=True))


def _softmax_pullback_error(z, rho, g, error, roundoff):
    """Bound the error of y (g - sum g y), with y in error by `off` and rounded operations."""
    y = _softmax(z)
    off = _softmax_spread(z, rho) + roundoff * (y + z.shape[-1] * y)
    size, g = np.abs(g) + error, np.abs(g)
    inner = np.sum(size * y, axis=-1, keepdims=True)
    moved = np.sum(g * off + error * (y + off), axis=-1, keepdims=True)
    moved = moved + error + z.shape[-1] * roundoff * inner
    return off * (size + inner + moved) + y * moved + 2 * roundoff * y * (size + inner)


def _log_softmax_pullback(z, g):
    return g - _softmax(z) * np.sum(g, axis=-1, keepdims=True)


def _log_softmax_pullback_error(z, rho, g, error, roundoff):
    """Bound the error of g - y sum g."""
    y = _softmax(z)
    off = _softmax_spread(z, rho) + roundoff * (y + z.shape[-1] * y + y * _below_the_row_maximum(z))
    size = np.abs(g) + error
    total = np.sum(size, axis=-1, keepdims=True)
    moved = np.sum(error, axis=-1, keepdims=True) + z.shape[-1] * roundoff * total
    return error + off * (total + moved) + y * moved + 2 * roundoff * (size + y * total)


def _sparsemax_pullback(z, g):
    """Return s (g - mean of g over the support s) (Martins and Astudillo, 2016, proposition 2)."""
    s = _step(_sparsemax(z) > 0)
    return s * (g - np.sum(s * g, axis=-1, keepdims=True) / np.sum(s, axis=-1, keepdims=True))


def _sparsemax_pullback_error(z, rho, g, error, roundoff):
    """Bound the error of the pullback; infinite where rounding may change the support."""
    y, off = _sparsemax(z), _sparsemax_spread(z, rho)
    tau = np.max(z - y, axis=-1, keepdims=True)  # y = z - tau on the support
    certain = np.all(np.abs(z - tau) > 2 * (off + rho), axis=-1, keepdims=True)
    total = np.sum(np.abs(g) + error, axis=-1, keepdims=True)
    moved = error + np.sum(error, axis=-1, keepdims=True) + z.shape[-1] * roundoff * total
    return np.where(certain, moved + 0 * z, np.inf)


def _log_softmax_spread(z, rho):
    return rho + np.max(rho, axis=-1, keepdims=True)


def _sparsemax_spread(z, rho):
    """Bound the change of sparsemax: a projection onto a convex set does not increase distances."""
    return np.sqrt(np.sum(rho * rho, axis=-1, keepdims=True)) + 0 * z


# Klambauer et al., Self-Normalizing Neural Networks, NIPS 2017, equation 14; the documentation
# rounds them to 1.05070098 and 1.67326324.
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934, 1.6732632423543772848


def _one(z):
    return np.ones_like(z)


def _step(condition):
    return condition.astype(np.float64)


def _below_the_row_maximum(z):
    return np.max(z, axis=-1, keepdims=True) - z


def _elu(scale, alpha):
    return Activation(
        lambda z: scale * np.where(z > 0, z, alpha * np.expm1(np.minimum(z, 0))),
        lambda z: scale * np.where(z > 0, 1, alpha * np.exp(np.minimum(z, 0))),
        extremes=(0,),
        scale=lambda z: scale * alpha * _step(z <= 0),  # the documented formula is exp(z) - 1
        kink_from_output=True,
    )


def _hard_sigmoid(slope):
    return Activation(
        lambda z: np.clip(slope * z + 0.5, 0, 1),
        lambda z: slope * _step(np.abs(z) <= 0.5 / slope),
        extremes=(0,),
        scale=lambda z: _step(np.abs(z) < 1 / slope),
    )


_FORMULAS: dict[str, Activation] = {
    "linear": Activation(lambda z: z, _one),
    "relu": Activation(lambda z: np.maximum(z, 0), lambda z: _step(z >= 0), slope_at_zero=0.0),
    "tanh": Activation(
        np.tanh, lambda z: 1 / np.cosh(np.minimum(np.abs(z), 300)) ** 2, extremes=(0,)
    ),
    "sigmoid": Activation(_sigmoid, lambda z: _sigmoid(z) * _sigmoid(-z), extremes=(0,)),
    "softsign": Activation(
        lambda z: z / (np.abs(z) + 1), lambda z: (np.abs(z) + 1) ** -2, extremes=(0,)
    ),
    "softplus": Activation(_softplus, _sigmoid),
    "exponential": Activation(np.exp, np.exp),
    "elu": _elu(1, 1),
    "selu": _elu(_SELU_SCALE, _SELU_ALPHA),
    "gelu": Activation(
        lambda z: z * _normal_cdf(z),
        _gelu_derivative,
        extremes=(-math.sqrt(2), math.sqrt(2)),
        scale=lambda z: z,
        slope_scale=lambda z: z,
    ),
    "silu": Activation(
        lambda z: z * _sigmoid(z),
        _silu_derivative,
        extremes=(-2.399357280520, 2.399357280520),
        slope_scale=lambda z: z,
    ),
    "mish": Activation(
        lambda z: z * np.tanh(_softplus(z)),
        _mish_derivative,
        extremes=(-2.2564, 1.4906),
        slope_scale=lambda z: z,
    ),
    "hard_sigmoid": _hard_sigmoid(1 / 6),
    "hard_sigmoid (Keras 2)": _hard_sigmoid(0.2),
    "softmax": Activation(
        _softmax,
        coupled,
        scale=lambda z: _softmax(z) * (1 + _below_the_row_maximum(z)),
        row_spread=_softmax_spread,
        row_pullback=_softmax_pullback,
        row_pullback_error=_softmax_pullback_error,
    ),
    "leaky_relu": Activation(
        lambda z: np.where(z > 0, z, 0.2 * z),
        lambda z: np.where(z >= 0, 1, 0.2),
    ),
    "relu6": Activation(
        lambda z: np.clip(z, 0, 6), lambda z: _step((z >= 0) & (z <= 6)), extremes=(3,)
    ),
    "hard_tanh": Activation(
        lambda z: np.clip(z, -1, 1), lambda z: _step(np.abs(z) <= 1), extremes=(0,)
    ),
    "hard_silu": Activation(
        lambda z: z * np.clip(z / 6 + 0.5, 0, 1),
        lambda z: np.where(np.abs(z) <= 3, (2 * z + 3) / 6, _step(z > 3)),
        extremes=(-3, 3),
        scale=lambda z: z * _step(np.abs(z) < 6),
        slope_scale=lambda z: z * _step(np.abs(z) < 6),
    ),
    "celu": _elu(1, 1),
    "log_sigmoid": Activation(lambda z: -_softplus(-z), lambda z: _sigmoid(-z)),
    "log_softmax": Activation(
        _log_softmax,
        coupled,
        scale=lambda z: np.maximum(1, _below_the_row_maximum(z)),
        row_spread=_log_softmax_spread,
        row_pullback=_log_softmax_pullback,
        row_pullback_error=_log_softmax_pullback_error,
    ),
    "sparsemax": Activation(
        _sparsemax,
        coupled,
        scale=lambda z: np.sum(np.abs(z), axis=-1, keepdims=True) + 0 * z,
        row_spread=_sparsemax_spread,
        row_pullback=_sparsemax_pullback,
        row_pullback_error=_sparsemax_pullback_error,
    ),
    "squareplus": Activation(
        lambda z: (z + np.sqrt(z * z + 4)) / 2,
        lambda z: (1 + z / np.sqrt(z * z + 4)) / 2,
        scale=lambda z: z,
    ),
    "sparse_plus": Activation(
        lambda z: np.where(z >= 1, z, np.where(z <= -1, 0, (z + 1) ** 2 / 4)),
        lambda z: np.clip((z + 1) / 2, 0, 1),
        scale=lambda z: _step(np.abs(z) < 1),
    ),
    "sparse_sigmoid": Activation(
        lambda z: np.clip((z + 1) / 2, 0, 1),
        lambda z: 0.5 * _step(np.abs(z) <= 1),
        extremes=(0,),
    ),
    "soft_shrink": Activation(
        lambda z: np.sign(z) * np.maximum(np.abs(z) - 0.5, 0),
        lambda z: _step(np.abs(z) >= 0.5),
        extremes=(0,),
    ),
    "hard_shrink": Activation(
        lambda z: np.where(np.abs(z) > 0.5, z, 0),
        lambda z: _step(np.abs(z) >= 0.5),
        extremes=(0,),
        jump=(0.5, 0.5),
    ),
    "tanh_shrink": Activation(
        lambda z: z - np.tanh(z),
        lambda z: np.tanh(z) ** 2,
        extremes=(0,),
        scale=lambda z: z,
    ),
}
_FORMULAS["swish"] = _FORMULAS["silu"]
_FORMULAS["hard_swish"] = _FORMULAS["hard_silu"]

ACTIVATIONS: dict[str, Activation] = {
    name: replace(
        activation,
        kernel_error=VALUE_ERRORS.get(name, {}),
        derivative_error=DERIVATIVE_ERRORS.get(name, {}),
    )
    for name, activation in _FORMULAS.items()
}
"""Every activation that the documentation names, by its name, without `threshold` and `glu`.
SimpleRNN cannot use these by name: `threshold` needs two arguments, and `glu` halves the number of
units."""
