"""The documented activations, by name."""

from reference.activations import ACTIVATIONS
from tests.harness.cases.plans import non_empty
from tests.harness.compare.runs import assert_steps
from tests.harness.paths.execution import EAGER, XLA
from tests.harness.properties.generated import generated
from tests.harness.target.releases import documented_activations


@generated(
    "SimpleRNN",
    "activation: Activation function to use. Default: hyperbolic tangent (`tanh`). If you pass "
    'None, no activation is applied (ie. "linear" activation: `a(x) = x`).',
    choices={
        "activation": (None, *documented_activations(ACTIVATIONS)),
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
