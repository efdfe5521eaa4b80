"""Functions that take a function, and threads, change nothing in what the layer computes."""

from tests.harness.cases.plans import INTEGER_ACTIVATIONS, UNIT_MAGNITUDE
from tests.harness.compare.runs import assert_exact
from tests.harness.paths.transformations import (
    DIFFERENTIATED,
    DIFFERENTIATED_NIGHTLY,
    TRANSFORMATIONS,
    VECTORIZED_MAP,
)
from tests.harness.probes.gradients import (
    assert_exact_gradients,
    run,
    script,
    truncated_to_exact_gradients,
)
from tests.harness.properties.generated import generated

FEW = {
    **INTEGER_ACTIVATIONS,
    **UNIT_MAGNITUDE,
    "batch": (1, 3, 2),
    "time": (3, 1, 2, 5),
    "large": (None,),
}
"""One row, as many rows as steps, and more of either."""


@generated(
    "SimpleRNN",
    "Fully-connected RNN where the output is to be fed back as the new input.",
    choices=FEW,
    integers=True,
    paths=TRANSFORMATIONS,
    nightly_paths=(VECTORIZED_MAP,),
    case_cost=2,
    trace_cost=2,
)
def test_transformed_layer_is_exact(case, path):
    assert_exact(path.run(case), case)


@generated(
    "GradientTape.gradient",
    "Computes the gradient using operations recorded in context of this tape.",
    choices=FEW,
    integers=True,
    paths=DIFFERENTIATED,
    nightly_paths=DIFFERENTIATED_NIGHTLY,
    prepare=truncated_to_exact_gradients,
    script=script,
    case_cost=3,
    trace_cost=3,
)
def test_transformed_gradients_are_exact(case, path):
    assert_exact_gradients(run(path, case)[1], case)
