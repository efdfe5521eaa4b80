"""The numbers of a case: floats of any magnitude, or integers whose sums are exact.

Rows of inputs differ in magnitude, some steps are zero, and some repeat the step before. So one
call covers all of these.
"""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

import numpy as np
from hypothesis import strategies as st

from tests.harness import session
from tests.harness.cases.case import CLIP, Case, array_from_expression, replace

MAX_INPUT_EXPONENTS = {"float16": 8, "bfloat16": 80, "float32": 80, "float64": 680}
"""The largest exponent of two of the inputs, by dtype, for which sums of products stay finite, and
the kernel, of half as large an exponent the other way, stays normal."""

UNBOUNDED_ACTIVATIONS = {
    None,
    "linear",
    "relu",
    "elu",
    "leaky_relu",
    "selu",
    "celu",
    "softplus",
    "silu",
}
"""Activations without an upper bound: their sums and states may have any magnitude. The other
activations saturate at sums of a few units."""


@dataclass(frozen=True)
class Scales:
    """Magnitudes, as exponents of two.

    inputs: of the inputs. sums: of x W, of the bias and, with an unbounded activation, of the
    state. The kernel has the ratio of sums to inputs. spread: the largest difference of rows of
    inputs, up and, for floats, also down. uneven: whether some steps of some rows are zero, and
    some repeat the step before.
    """

    inputs: int = 0
    sums: int = 0
    spread: int = 0
    uneven: bool = False


@st.composite
def scales(draw, plan, integers: bool) -> Scales:
    """Draw the magnitudes for a plan: about one, or log-uniform over the range of its dtype."""
    uneven = draw(st.booleans())
    if plan.magnitude == "one":
        return Scales(0, 0 if integers else draw(st.sampled_from((0, -3, 2))), 0, uneven)
    wide = MAX_INPUT_EXPONENTS[plan.dtype]
    unbounded = plan.activation in UNBOUNDED_ACTIVATIONS
    if integers:
        sums = draw(st.integers(-wide // 2, wide // 2)) if unbounded else 0
        few = plan.features + plan.units <= 60
        spread = {"float16": 2 * few, "bfloat16": 0}.get(plan.dtype, 8)
    else:
        sums = draw(st.integers(-wide // 2, wide // 2) if unbounded else st.integers(-8, 3))
        spread = 4 if plan.dtype == "float16" else 12
    inputs = draw(st.integers(-wide, wide))
    return Scales(inputs, sums, draw(st.sampled_from((spread, 0))), uneven)


def with_row_and_step_variation(
    text: str, scales: Scales, seed: int, batch: int, lowest: int
) -> str:
    """Return the expression of inputs (batch, time, features) with varied rows and steps.

    text: the expression of the inputs without variation. lowest: the smallest exponent of a row.
    """
    if scales.spread:
        count = scales.spread - lowest + 1
        row = f"np.floor(noise({seed + 6}, ({batch}, 1, 1)) * {count})"
        text = f"{text} * 2.0**({row} + {lowest})"
    return f"uneven({text}, {seed + 7})" if scales.uneven else text


def float_values(scales: Scales = Scales(), gain: float = 1.0) -> Callable:
    """Return a source of uniform numbers, for `Plan.case`.

    gain: the average norm of the rows of the recurrent kernel.
    """

    def values(plan, name: str, seed: int, shape: tuple) -> np.ndarray:
        text = f"(2 * noise({seed}, {shape}) - 1)"
        if name == "inputs":
            text = f"{text} * {2.0**scales.inputs!r}"
            return array_from_expression(
                with_row_and_step_variation(text, scales, seed, plan.batch, -scales.spread)
            )
        if name.endswith("kernel"):
            norm = 2.0 ** (scales.sums - scales.inputs) if name == "kernel" else gain
            size = norm * (3 / shape[0]) ** 0.5
        else:
            size = (
                2.0**scales.sums
                if name == "bias" or plan.activation in UNBOUNDED_ACTIVATIONS
                else 1.0
            )
        return array_from_expression(f"{text} * {float(f'{size:.6g}')!r}")

    return values


def integer_values(largest: int, dense: bool, scales: Scales = Scales()) -> Callable:
    """Return a source of integers up to `largest` in magnitude, for `Plan.case`.

    dense: whether all entries of U may differ from 0. Otherwise only one entry of each column does,
    so that |h U| <= largest |h|, and a linear layer stays exact for many steps.
    """

    def values(plan, name: str, seed: int, shape: tuple) -> np.ndarray:
        half = plan.dtype not in ("float32", "float64")
        bound = 1 if half else largest
        text = f"np.floor(noise({seed}, {shape}) * {2 * bound + 1}) - {bound}"
        # A sum of so many products, each at most 1, may exceed the exact integers of a half type.
        many = half and plan.features + plan.units > 200
        if (name == "recurrent_kernel" and not dense) or (name.endswith("kernel") and many):
            rows, columns = shape
            row = f"np.floor(noise({seed}, ({columns},)) * {rows})"
            text = f"np.where(np.arange({rows})[:, None] == {row}, np.sign({text}), 0)"
        if name == "inputs":
            text = with_row_and_step_variation(f"({text})", scales, seed, plan.batch, 0)
        return array_from_expression(text)

    return values


def scaled_case(case: Case, scales: Scales) -> Case:
    """Return the case of integers with its arrays times powers of two: each sum remains exact.

    With an unbounded activation that is linear on either side of 0, the results have the scale of
    the sums.
    """

    def times(array, exponent):
        if array is None or exponent == 0:
            return array
        factor = 2.0**exponent
        return (
            array_from_expression(f"({array.text}) * {factor!r}") if array.text else array * factor
        )

    return replace(
        case,
        inputs=times(case.inputs, scales.inputs),
        kernel=times(case.kernel, scales.sums - scales.inputs),
        bias=times(case.bias, scales.sums),
        initial_state=times(case.initial_state, scales.sums),
    )


def truncated_to_exact(case: Case) -> Case:
    """Return the case of integers without the steps from the first inexact sum on."""
    if case.batch == 0:
        return case
    r = case.recurrence
    zeros = np.zeros((case.batch, case.units))
    start = zeros if case.initial_state is None else np.abs(case.initial_state)
    before = np.repeat(start[:, None], case.time, axis=1)
    if case.activation == CLIP:
        before[:, 1:] = 1
    else:
        # With and without the initial state and the mask: a property may leave them out, and either
        # may cancel what a step adds.
        carrying = dataclasses.replace(r, zero_output_for_mask=False)
        states = (None,) if case.initial_state is None else (None, case.initial_state)
        masks = (None,) if case.mask is None else (None, case.mask)
        for state, mask in product(states, masks):
            outputs, _ = carrying.run(case.inputs, state, mask)
            before[:, 1:] = np.maximum(before[:, 1:], np.abs(outputs[:, :-1]))
    with np.errstate(invalid="ignore", over="ignore"):
        size = np.abs(r.in_order(case.inputs)) @ np.abs(r.kernel)
        size = size + np.abs(before) @ np.abs(r.recurrent_kernel)
        size = size + (0 if r.bias is None else np.abs(r.bias))
        exact = np.all(size < session.current().arithmetics[case.dtype].integers, axis=(0, 2))
    steps = case.time if exact.all() else max(1, int(np.argmin(exact)))
    if steps == case.time:
        return case
    kept = slice(case.time - steps, None) if case.go_backwards else slice(steps)
    mask = None if case.mask is None else case.mask[:, kept]
    return replace(case, inputs=case.inputs[:, kept], mask=mask)
