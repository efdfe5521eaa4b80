"""What a machine promises about one operation: its rounding, its flushing, its exact integers.

The bounds of `rounding.py` and `gradient.py` take an `Arithmetic`. A device, a compiler and their
settings decide which one holds; `tests/harness/target/arithmetic.py` finds it out.

A product of matrices is a sum of products. IEEE arithmetic rounds each addition to the dtype. For
half types, most kernels compute the sum in float32, where the product of two half numbers is exact
(11 + 11 <= 24 bits), and round it once to the dtype: to nearest, or for bfloat16 by cutting off the
lower half (FastConvertFromFloat in tensorflow/core/kernels/matmul_op_impl.h, on a processor without
bfloat16 instructions). TensorFlow 2.12 and 2.15 add float16 products in float16 (Eigen's kernel).
TF32 rounds or cuts off the operands of a product to 11 bits and adds in float32 (NVIDIA A100 Tensor
Core GPU Architecture, 2020). Elementwise operations, and sums of elements, round each operation to
the nearest number of the dtype.

Flushing: TensorFlow's threads treat subnormal operands as zero and replace subnormal results by
zero (tensorflow/core/platform/denormal.cc). Conversions to and from float16 do neither.
"""

from dataclasses import dataclass, replace

import numpy as np

from reference.formats import FORMATS, Array, Format


@dataclass(frozen=True)
class Arithmetic:
    """The largest errors of one operation on numbers of a format.

    name: as `--arithmetic` takes it. form: the format of operands and results. sum_form: the format
    in which the terms of a product of matrices are added. operand_form: the format to which a
    product cuts off its operands. truncates: whether the results of a product are cut off to
    `form`, instead of rounded to nearest. flushes: whether subnormal operands and results of `form`
    may become zero.
    """

    name: str
    form: Format
    sum_form: Format
    operand_form: Format
    truncates: bool = False
    flushes: bool = True

    @property
    def integers(self) -> float:
        """The largest n such that products and sums of integers up to n are exact."""
        return min(self.form.integers, self.operand_form.integers)

    @property
    def rounds_products(self) -> bool:
        """Whether the sum of a product is rounded once more, to the format of the results."""
        return self.sum_form.precision > self.form.precision

    @property
    def sum_u(self) -> float:
        """The error of one addition within a product of matrices, plus that of the reference.

        The reference computes in a wider format and errs itself. Where long double is no wider than
        float64, the bound doubles and stays valid.
        """
        cut_off = self.truncates and not self.rounds_products
        return (2 if cut_off else 1) * self.sum_form.u + self._reference_u

    @property
    def product_u(self) -> float:
        """The error of rounding a finished product to the dtype; 0 if its sum is of that dtype."""
        return (2 if self.truncates else 1) * self.form.u if self.rounds_products else 0.0

    @property
    def u(self) -> float:
        """The error of one elementwise operation, plus that of the reference."""
        return self.form.u + self._reference_u

    @property
    def addition_u(self) -> float:
        """The error of one addition to a finished product, which may be fused with its rounding."""
        return max(self.product_u, self.u)

    @property
    def _reference_u(self) -> float:
        return float(np.finfo(self.form.wide).eps) / 2

    @property
    def term_error(self) -> float:
        """The relative error of one term of a product, from the errors of its two operands."""
        operand = 2 * self.operand_form.u if self.operand_form != self.form else 0.0
        return operand * (2 + operand)

    @property
    def lost(self) -> float:
        """The most that one result may lose below the normal numbers: all of it if it is flushed,
        otherwise less than the spacing of the subnormal numbers."""
        return self.form.smallest * (1.0 if self.flushes else 2 * self.form.u)

    @property
    def lost_term(self) -> float:
        """The most that one term or partial sum of a product may lose below the normal numbers.

        Sums in float32 may be flushed although float16 is not.
        """
        below = self.sum_form.smallest < self.form.smallest
        return self.sum_form.smallest * (1.0 if self.flushes or below else 2 * self.sum_form.u)

    @property
    def lost_operand(self) -> float:
        """The most that an operand of a product may lose below the normal numbers."""
        return self.form.smallest if self.flushes or self.operand_form != self.form else 0.0

    def sum_error(self, terms: int, size: Array) -> Array:
        """Return the error of a sum of products before it is rounded to the dtype.

        terms: their number k. size: the sum of their magnitudes. Each term is off by the error t of
        its operands, and their sum by k u times the sum of their magnitudes, in any order, with or
        without fused multiply-adds (Jeannerod and Rump, SIAM J. Matrix Anal. Appl. 34, 2013):

            (t + k u (1 + t)) size
        """
        t = self.term_error
        return (t + terms * self.sum_u * (1 + t)) * size

    def product_error(self, terms: int, size: Array, value: Array) -> Array:
        """Return the error of a finished product of matrices with this exact value: that of
        `sum_error`, and of one rounding of the computed sum."""
        error = self.sum_error(terms, size)
        return error + self.product_u * (np.abs(value) + error)


TF32 = Format("tf32", 11, -126, 127)


def _arithmetics() -> dict[str, dict[str, Arithmetic]]:
    float32, float64 = FORMATS["float32"], FORMATS["float64"]
    half = [FORMATS["float16"], FORMATS["bfloat16"]]
    found = {
        "ieee": [Arithmetic("ieee", form, form, form) for form in (float32, float64)],
        "float32-sums": [Arithmetic("float32-sums", form, float32, form) for form in half],
        "truncated-sums": [
            Arithmetic("truncated-sums", form, float32, form, True) for form in half
        ],
        "half-sums": [Arithmetic("half-sums", form, form, form, True) for form in half],
        "tf32": [Arithmetic("tf32", float32, float32, TF32)],
    }
    return {name: {a.form.name: a for a in each} for name, each in found.items()}


ARITHMETICS = _arithmetics()
"""The arithmetics by name, then by dtype.

ieee: every operation rounds to nearest in the dtype. float32-sums: products of half types are added
in float32 and rounded to nearest. truncated-sums: the same, but cut off. half-sums: each addition
is one of the half type, rounded or cut off. tf32: products cut off their operands to 11 bits, which
covers operands that are rounded.
"""

DEFAULT: dict[str, Arithmetic] = {
    **ARITHMETICS["ieee"],
    "float16": replace(ARITHMETICS["float32-sums"]["float16"], flushes=False),
    "bfloat16": ARITHMETICS["truncated-sums"]["bfloat16"],
}
"""The arithmetic of each dtype on a processor with or without bfloat16 instructions."""
