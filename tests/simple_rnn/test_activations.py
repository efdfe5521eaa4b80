"""The documented activations, by name."""

from collections.abc import Iterator

import numpy as np

from reference.activations import ACTIVATIONS, KINKS
from reference.formats import FORMATS
from tests.harness.cases.case import Case, array_from_expression
from tests.harness.cases.plans import non_empty
from tests.harness.compare.runs import assert_steps
from tests.harness.paths.execution import EAGER, XLA
from tests.harness.paths.path import Path
from tests.harness.probes.gradients import (
    assert_backward_steps,
    run,
    with_probe_features,
)
from tests.harness.properties.generated import generated, sweep
from tests.harness.target import layer
from tests.harness.target.releases import documented_activations

ACTIVATION = (
    "activation: Activation function to use. Default: hyperbolic tangent (`tanh`). If you pass "
    'None, no activation is applied (ie. "linear" activation: `a(x) = x`).'
)
NAMES = documented_activations(ACTIVATIONS)
HALF_BITS = "np.concatenate([np.arange({0}), np.arange({0}) + 32768]).astype(np.uint32)"
SPREAD = "np.geomspace(2.0**-30, 2.0**9, 4000)"
EVERY_NUMBER = {
    "float16": HALF_BITS.format(31 * 2**10) + ".astype(np.uint16).view(np.float16).astype(float)",
    "bfloat16": f"({HALF_BITS.format(255 * 2**7)} << 16).view(np.float32).astype(float)",
    "float32": f"np.concatenate([-{SPREAD}, {SPREAD}])",
    "float64": f"np.concatenate([-{SPREAD}, {SPREAD}])",
}
"""All finite numbers of a half type, and a grid of the wider ones, as expressions."""
NEAR_KINKS = f"(np.array({KINKS}) + np.linspace(-0.25, 0.25, 9)[:, None]).ravel()"


def sum_as_given(numbers: str, activation: str, dtype: str) -> Case:
    """Return the case of one step whose sums x W + h U are these numbers, one for each row."""
    inputs = array_from_expression(f"({numbers})[:, None, None]")
    # A bias of 0, since not every layer can do without one.
    weights = np.ones((1, 1)), np.zeros((1, 1)), np.zeros(1)
    return Case(inputs, *weights, dtype=dtype, activation=activation)


def every_number(path: Path) -> Iterator[Case]:
    """Yield a case for each activation and dtype."""
    for activation in NAMES:
        for dtype in layer.under_test().features & {*FORMATS}:
            yield sum_as_given(EVERY_NUMBER[dtype], activation, dtype)


def kinks(path: Path) -> Iterator[Case]:
    """Yield a case for each activation and dtype, with sums at and near 0 and each kink."""
    for activation in NAMES:
        for dtype in layer.under_test().features & {*FORMATS}:
            numbers = f"np.concatenate([{NEAR_KINKS}, -{NEAR_KINKS}])"
            yield with_probe_features(sum_as_given(numbers, activation, dtype))


@generated(
    "SimpleRNN",
    ACTIVATION,
    choices={
        "activation": (None, *NAMES),
        "batch": non_empty,
        "time": (1, 2, 3),
        "large": (None,),
        "mask": (None, "random"),  # other masks may mask every step
    },
    paths=(EAGER, XLA),
    needs={"activation"},
    exhaustive_over=("activation", "dtype"),
)
def test_layer_applies_the_named_activation(case, path):
    assert_steps(path.run(case), case)


@sweep("SimpleRNN", ACTIVATION, every_number, paths=(EAGER,), needs={"activation"})
def test_activation_is_right_for_every_number(case, path):
    assert_steps(path.run(case), case)


@sweep("SimpleRNN", ACTIVATION, kinks, paths=(EAGER,), needs={"activation"})
def test_activation_has_its_slope_near_kinks(case, path):
    assert_backward_steps(*run(path, case), case)
