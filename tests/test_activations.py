"""Each documented activation, by name."""

from reference.activations import ACTIVATIONS
from tests.harness.compare import assert_steps
from tests.harness.drawing import not_empty
from tests.harness.paths import EAGER, XLA
from tests.harness.properties import promise
from tests.harness.releases import documented_activations


@promise(
    "SimpleRNN",
    "activation: Activation function to use. Default: hyperbolic tangent (`tanh`). If you pass "
    'None, no activation is applied (ie. "linear" activation: `a(x) = x`).',
    choices={
        "activation": (None, *documented_activations(ACTIVATIONS)),
        "batch": not_empty,
        "time": (1, 2, 3),
        "large": (None,),
        "mask": (None, "random"),  # not one that leaves nothing to see
    },
    on=(EAGER, XLA),
    needs={"activation"},
    covers=("activation", "dtype"),
)
def test_each_documented_activation_is_the_one_that_is_named(case, path):
    assert_steps(path.run(case), case)
