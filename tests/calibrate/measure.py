"""The largest errors of the activations and their derivatives, on many arguments."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reference.activations import ACTIVATIONS, KINKS, Activation, coupled
from reference.formats import FORMATS, Array
from tests.harness.target.releases import FORMULAS, tf

COMPILERS: dict[str, Callable] = {
    "eager": lambda call: call,
    "xla": lambda call: tf.function(call, jit_compile=True, autograph=False),
}
ROW = 8
"""The number of units in a row of an activation that couples them."""
GRADIENTS = 32
"""The number of gradients g for each number of 16 bits: the rounding errors depend on both."""
NEAR = 4
"""The distance from a kink, in ULP of 1 or of the kink, within which no derivative is measured."""


@dataclass(frozen=True)
class Largest:
    """The largest error of a kernel, in ULP or unit roundoffs, and the argument where it occurs."""

    error: float
    at: float


@dataclass(frozen=True)
class Measured:
    """The measurement of one activation in one dtype.

    value: its error in ULP of max(|f(z)|, scale(z)). derivative: the error of the gradient for a
    gradient g of the output from 1 to 2, in g u max(1, |f'(z)|, slope_scale(z)). Both are without
    what `rounding.py` and `gradient.py` allow for results below the normal numbers; of the latter,
    only what grows with g, since an error of the slope does. wrong: the arguments for which a
    finite f(z) is NaN or infinite.
    """

    value: Largest
    derivative: Largest
    wrong: Array


def arguments(dtype: str, count: int, seed: int = 0) -> Array:
    """Return numbers of the dtype, as float64: all finite ones if it has 16 bits.

    Otherwise: `count` numbers of each sign, most of them log-uniform over the magnitudes where an
    activation is neither linear nor constant, and the numbers next to the kinks and to multiples of
    log(2) / 2, where kernels of exp reduce their argument.
    """
    form, rng = FORMATS[dtype], np.random.default_rng(seed)
    if form.precision < 24:
        bits = np.arange(2**16, dtype=np.uint16)
        numbers = np.asarray(tf.cast(tf.bitcast(bits, dtype), tf.float64))
        return numbers[np.isfinite(numbers)]
    curved = 2.0 ** rng.uniform(-form.precision / 2 - 1, 6, count - count // 8)
    spread = np.concatenate([curved, 2.0 ** rng.uniform(-form.precision - 6, 10, count // 8)])
    directed = np.array([*KINKS[1:], *(np.arange(1, 130) * np.log(2) / 2)])[:, None]
    near = directed + np.arange(-8, 9) * form.ulp(directed)
    magnitudes = form.round(np.concatenate([spread, near.ravel(), [0.0]]))
    return np.concatenate([magnitudes, -magnitudes])


def shaped(activation: Activation, z: Array, seed: int = 0) -> Array:
    """Return the arguments as (rows, units): one unit, or ROW units in a random order.

    The rows of a coupled activation have similar magnitudes: where one unit exceeds the others by
    far, nothing remains of these.
    """
    if activation.derivative is not coupled:
        return z[:, None]
    ordered = z[np.argsort(np.abs(z))][: len(z) // ROW * ROW].reshape(-1, ROW)
    return np.random.default_rng(seed).permuted(ordered, axis=1)


def called(name: str) -> Callable:
    """Return the function of (z, g) that gives the activation and its gradient."""
    function = tf.keras.activations.get(name)

    def call(z, g):
        with tf.GradientTape() as tape:
            tape.watch(z)
            y = function(z)
        return y, tape.gradient(y, z, output_gradients=g)

    return call


def measure(name: str, dtype: str, compiler: str, count: int) -> Measured:
    """Measure an activation and its derivative on `arguments(dtype, count)`."""
    act, form = ACTIVATIONS[FORMULAS.get(name, name)], FORMATS[dtype]
    z = shaped(act, arguments(dtype, count))
    z = np.concatenate([z] * (GRADIENTS if form.precision < 24 else 1))
    g = form.round(np.random.default_rng(1).uniform(1, 2, z.shape))
    run = COMPILERS[compiler](called(name))
    y, gradient = (np.asarray(r, np.float64) for r in run(tf.cast(z, dtype), tf.cast(g, dtype)))
    wide: Array = z.astype(form.wide)
    with np.errstate(all="ignore"):
        value = act.f(wide)
        lost = (1 + np.abs(z)) * form.smallest
        fits = np.abs(value) * (1 + form.u) < form.largest
        error = np.maximum(np.abs(y - value) - lost, 0) / form.ulp(act.magnitude(wide))
        off = np.maximum(np.abs(gradient - act.pullback(wide, g)) - g * form.smallest, 0)
        off = off / (g * form.u * slope_size(act, wide))
        near = [np.abs(np.abs(z) - k) <= NEAR * form.ulp(np.array(max(k, 1.0))) for k in KINKS]
    wrong = fits & ~np.isfinite(y)
    usable = fits & ~wrong
    smooth = usable & np.isfinite(off) & ~np.any(near, axis=0)
    return Measured(_largest(error, usable, z), _largest(off, smooth, z), np.sort(z[wrong]))


def slope_size(activation: Activation, z: Array) -> Array:
    """Return max(1, |f'(z)|, slope_scale(z)); 1 for an activation that couples the units."""
    if activation.derivative is coupled:
        return np.ones_like(z)
    return activation.slope_size(z)


def _largest(errors: Array, usable: Array, z: Array) -> Largest:
    errors = np.where(usable, errors, 0)
    at = np.unravel_index(np.argmax(errors), errors.shape)
    return Largest(float(f"{errors[at]:.3g}"), float(f"{z[at]:.9g}"))
