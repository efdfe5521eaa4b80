"""The paths that share their kernels with the eager one give its results."""

from tests.harness.compare import assert_same
from tests.harness.drawing import EXACT
from tests.harness.paths import CELL, EAGER, UNROLL
from tests.harness.properties import promise


@promise(
    "SimpleRNN",
    "unroll: If `True`, the network will be unrolled, else a symbolic loop will be used.",
    choices=EXACT,
    integers=True,
    on=(UNROLL, CELL),
    case_cost=2,
)
def test_unrolled_and_cell_by_cell_give_what_the_loop_gives(case, path):
    run, loop = path.run(case), EAGER.run(case)
    assert_same("outputs", run.outputs, loop.outputs)
    assert_same("state", run.state, loop.state)
