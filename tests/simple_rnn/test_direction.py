"""The direction: `go_backwards`."""

from tests.harness.cases.plans import INTEGER_ACTIVATIONS
from tests.harness.compare.assertions import assert_same
from tests.harness.paths.execution import DYNAMIC_SHAPE, EAGER, UNROLL
from tests.harness.properties.generated import generated


@generated(
    "SimpleRNN",
    "go_backwards: If `True`, process the input sequence backwards and return the reversed "
    "sequence.",
    paths=(EAGER, UNROLL, DYNAMIC_SHAPE),
    choices={**INTEGER_ACTIVATIONS, "go_backwards": (True,)},
    integers=True,
    needs={"go_backwards"},
    case_cost=2,
)
def test_go_backwards_equals_running_the_reversed_sequence(case, path):
    backwards, reversed_run = path.run(case), path.run(case.reversed())
    assert_same("outputs", reversed_run.outputs, backwards.outputs)
    assert_same("state", reversed_run.state, backwards.state)
