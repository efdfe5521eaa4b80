"""`go_backwards`."""

from tests.harness.compare import assert_same
from tests.harness.drawing import EXACT
from tests.harness.paths import EAGER, UNKNOWN, UNROLL
from tests.harness.properties import promise


@promise(
    "SimpleRNN",
    "go_backwards: If `True`, process the input sequence backwards and return the reversed "
    "sequence.",
    on=(EAGER, UNROLL, UNKNOWN),
    choices={**EXACT, "go_backwards": (True,)},
    integers=True,
    needs={"go_backwards"},
    case_cost=2,
)
def test_going_backwards_is_going_forwards_over_the_reversed_sequence(case, path):
    there, back = path.run(case), path.run(case.reversed())
    assert_same("outputs", back.outputs, there.outputs)
    assert_same("state", back.state, there.state)
