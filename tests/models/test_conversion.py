"""Layers that TensorFlow Lite quantizes stay within the steps of the quantization.

The bound counts the tensors that SimpleRNNCell computes, so another cell is not verified.
"""

import itertools
import random

import numpy as np
import pytest

from tests.harness import session
from tests.harness.compare.assertions import assert_within
from tests.harness.probes.processes.conversion import (
    LEVELS,
    conversion_case,
    converted_outputs,
    converted_steps,
    quantization_bound,
)
from tests.harness.probes.processes.own_process import in_own_process
from tests.harness.properties.example import example, usual

USUAL = (("dynamic-range", False), ("int8", True), ("16x8", False), ("16x8", True))
QUANTIZED_SIZES = 32, 40
"""Features and units of a case whose weights the converter quantizes: it leaves those of less than
1024 elements as they are, if it quantizes nothing else."""


def drawn_case(what: str, *sizes: int):
    """A case of this run for a conversion, of a few steps, features and units, or of such sizes."""
    seed = session.current().seed_of(what)
    chosen = random.Random(seed)
    features, units = (chosen.randint(*(sizes or (1, 6))) for _ in range(2))
    return conversion_case(seed % 1000, chosen.randint(2, 6), features, units)


@pytest.mark.parametrize(
    ("kind", "unroll"), usual(USUAL, tuple(itertools.product(LEVELS, (False, True))))
)
@example(
    "TFLiteConverter",
    "optimizations: Set of optimizations to apply. e.g {tf.lite.Optimize.DEFAULT}.",
    needs={"tf.lite", "documented cell", "unroll", "return_sequences"},
)
def test_quantized_layer_is_within_quantization_steps(kind, unroll):
    case = drawn_case(f"{kind} {unroll}", *(QUANTIZED_SIZES if kind == "dynamic-range" else ()))
    got = in_own_process(converted_outputs, kind, case, unroll)
    bound = np.broadcast_to(quantization_bound(case, kind), got.shape)
    assert_within("outputs", got, case.expected()[0], bound, "float32")


@example(
    "TFLiteConverter",
    "Converts a TensorFlow model into TensorFlow Lite model.",
    needs={"tf.lite", "stateful"},
)
def test_converted_stateful_layer_keeps_its_state():
    case = drawn_case("stateful")
    got = in_own_process(converted_steps, case)
    bound = np.broadcast_to(quantization_bound(case, "float"), got.shape)
    assert_within("outputs", got, case.expected()[0], bound, "float32")
