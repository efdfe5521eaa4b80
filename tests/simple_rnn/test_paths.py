"""Agreement of the paths that run the same kernels as the eager path."""

from tests.harness.cases.plans import INTEGER_ACTIVATIONS
from tests.harness.compare.assertions import assert_same
from tests.harness.paths.execution import CELL_LOOP, EAGER, UNROLL
from tests.harness.properties.generated import generated


@generated(
    "SimpleRNN",
    "unroll: If `True`, the network will be unrolled, else a symbolic loop will be used.",
    choices=INTEGER_ACTIVATIONS,
    integers=True,
    paths=(UNROLL, CELL_LOOP),
    case_cost=2,
)
def test_unrolled_and_cell_loops_match_eager(case, path):
    run, eager = path.run(case), EAGER.run(case)
    assert_same("outputs", run.outputs, eager.outputs)
    assert_same("state", run.state, eager.state)
