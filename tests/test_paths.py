"""The paths that share their kernels with the eager one give its results bit for bit."""

from tests.harness import layer
from tests.harness.compare import Mismatch, assert_same
from tests.harness.paths import CELL, EAGER, FUNCTION, UNROLL, the_layer
from tests.harness.properties import documented, promise
from tests.harness.releases import tf

UNROLLED = "unroll: If `True`, the network will be unrolled, else a symbolic loop will be used."


@promise(
    "SimpleRNN",
    UNROLLED,
    on=(UNROLL, CELL),
)
def test_unrolled_and_cell_by_cell_give_what_the_loop_gives(case, path):
    run, loop = path.run(case), EAGER.run(case)
    assert_same("outputs", run.outputs, loop.outputs)
    assert_same("state", run.state, loop.state)


@documented("SimpleRNN", UNROLLED, needs={"unroll"})
def test_unrolled_there_is_no_loop_and_otherwise_there_is_one():
    for unroll in (True, False):
        with the_layer():
            call = FUNCTION.call(layer.under_test().build(4, 2, unroll=unroll))
            graph = call.get_concrete_function(tf.TensorSpec([3, 5, 2])).graph
        if unroll == any("While" in operation.type for operation in graph.get_operations()):
            raise Mismatch(f"unroll={unroll}, and there is {'a' if unroll else 'no'} loop")
