"""The binary floating-point formats of a layer: their constants and their rounding."""

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Format:
    """A binary floating-point format: IEEE 754-2019, table 3.5, and bfloat16."""

    name: str
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
    "float16": Format("float16", 11, -14, 15),
    "bfloat16": Format("bfloat16", 8, -126, 127),
    "float32": Format("float32", 24, -126, 127),
    "float64": Format("float64", 53, -1022, 1023),
}
