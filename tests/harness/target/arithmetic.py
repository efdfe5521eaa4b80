"""The arithmetic of TensorFlow's kernels on this machine, measured by a probe."""

import functools
import os
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from reference.arithmetic import ARITHMETICS, Arithmetic
from reference.formats import FORMATS
from tests.harness.configuration import ConfigurationError
from tests.harness.target.processor import CAPPED
from tests.harness.target.releases import tf

TERMS = 64
FLUSHING = {"subnormals-flushed": True, "subnormals-kept": False}
NAMES = (*ARITHMETICS, *FLUSHING)
"""The names that `--arithmetic` takes."""


def _operands() -> dict[str, tuple]:
    """Return the operands x (rows, k) and w (k, 8) of the products of each probe.

    sums: each element of the product is 1 + 63 u / 2. In float32 the sum of half numbers is exact.
    In the half type, 1 + u / 2 rounds to 1, so that terms are lost. cut: each element is 1 + 2^-12,
    or 1 in TF32. subnormals: each element is zero only if an operand or a result is flushed.
    """
    found = {}
    for dtype in ARITHMETICS["half-sums"]:
        terms = np.full((TERMS, 8), FORMATS[dtype].u / 2)
        terms[0] = 1
        for rows in (1, 8):
            found[f"{dtype} sums {rows}"] = (tf.ones((rows, TERMS), dtype), tf.cast(terms, dtype))
    found["float32 cut"] = (tf.fill((8, 8), np.float32(1 + 2.0**-12)), tf.eye(8))
    for dtype, form in FORMATS.items():
        tiny = tf.cast(tf.constant(np.full((8, 8), form.smallest / 4)), dtype)
        found[f"{dtype} subnormals"] = (tiny, tf.eye(8, dtype=dtype))
    return found


def _products(operands: dict[str, tuple]) -> dict[str, list]:
    return {name: [tf.matmul(x, w)] for name, (x, w) in operands.items()}


def _eager_products(operands: dict[str, tuple]) -> dict[str, list]:
    """Return each product in the three forms that a layer and its gradients use."""
    return {
        name: [
            tf.matmul(x, w),
            tf.matmul(x, tf.transpose(w), transpose_b=True),
            tf.matmul(tf.transpose(x), w, transpose_a=True),
            *([x + x, tf.nn.relu(x)] if "subnormals" in name else []),
        ]
        for name, (x, w) in operands.items()
    }


@functools.cache
def _results() -> dict[str, np.ndarray]:
    """Return the results of the probes, those of the eager kernels and of XLA, in one array each.

    XLA gets the operands as arguments: it computes products of constants in another way.
    """
    operands = _operands()
    compiled = tf.function(_products, jit_compile=True, autograph=False)
    runs = _eager_products(operands), compiled(operands)
    return {
        name: np.concatenate(
            [np.ravel(np.asarray(r, np.float64)) for run in runs for r in run[name]]
        )
        for name in operands
    }


def measured(results: Mapping[str, np.ndarray], tf32_is_on: bool) -> dict[str, Arithmetic]:
    """Return for each dtype the sharpest arithmetic that allows these results of the probes.

    TF32 is accepted only where it is switched on. Elsewhere its results depart from the
    documentation, and the properties of float32 find them.
    """
    found = dict(ARITHMETICS["ieee"])
    for dtype in ARITHMETICS["half-sums"]:
        u = FORMATS[dtype].u
        exact = 1 + (TERMS - 1) * u / 2
        # A rounding to nearest errs by at most u, a truncation by less than 2 u.
        sums = np.concatenate([results[f"{dtype} sums {rows}"] for rows in (1, 8)])
        error = np.max(np.abs(sums - exact)) / (u * exact)
        name = "float32-sums" if error <= 1 else "truncated-sums" if error <= 2 else "half-sums"
        found[dtype] = ARITHMETICS[name][dtype]
    if tf32_is_on and tf32_is_used(results):
        found["float32"] = ARITHMETICS["tf32"]["float32"]
    return {
        dtype: replace(found[dtype], flushes=not np.all(results[f"{dtype} subnormals"] != 0))
        for dtype in FORMATS
    }


def tf32_is_used(results: Mapping[str, np.ndarray]) -> bool:
    """Return whether a product of float32 matrices cut off or rounded its operands."""
    return bool(np.any(results["float32 cut"] == 1))


def tf32_is_on() -> bool:
    return bool(tf.config.experimental.tensor_float_32_execution_enabled())


def can_be_measured() -> bool:
    """Return whether the probes leave the process alive.

    With fewer instructions for oneDNN than the processor has, products of half types end the
    process: float16 in TensorFlow 2.21, bfloat16 in 2.15.
    """
    return CAPPED not in os.environ


def weakest() -> dict[str, Arithmetic]:
    """Return the arithmetic of each dtype that assumes the least of a CPU."""
    return {**ARITHMETICS["ieee"], **ARITHMETICS["half-sums"]}


def arithmetics(declared: Iterable[str] = ()) -> dict[str, Arithmetic]:
    """Return the arithmetic of each dtype: as measured, or as declared by name.

    Raises ConfigurationError if a name is unknown.
    """
    if unknown := [name for name in declared if name not in NAMES]:
        raise ConfigurationError(f"--arithmetic {unknown[0]}: choose one of {', '.join(NAMES)}")
    found = measured(_results(), tf32_is_on()) if can_be_measured() else weakest()
    for name in declared:
        for dtype, before in found.items():
            if name in FLUSHING:
                found[dtype] = replace(before, flushes=FLUSHING[name])
            elif dtype in ARITHMETICS[name]:
                found[dtype] = replace(ARITHMETICS[name][dtype], flushes=before.flushes)
    return found


def description(found: Mapping[str, Arithmetic]) -> str:
    """Return the arithmetic of each dtype in one line."""
    text = ", ".join(f"{dtype} {arithmetic.name}" for dtype, arithmetic in found.items())
    kept = [dtype for dtype, arithmetic in found.items() if not arithmetic.flushes]
    text += f"; subnormals kept in {', '.join(kept)}" if kept else "; subnormals flushed"
    if not can_be_measured():
        text += f"; not measured, because {CAPPED} is set"
    elif tf32_is_used(_results()) and found["float32"].name != "tf32":
        text += "; TF32 is used although it is switched off"
    return text
