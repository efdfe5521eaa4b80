"""Propagation of the mask through layers between Masking or Embedding and the layer."""

from tests.harness.cases.plans import ALWAYS_MASKED
from tests.harness.compare.runs import assert_run
from tests.harness.paths.implicit_masks import BETWEEN_PATHS, MASKING_CHAIN
from tests.harness.properties.generated import generated


@generated(
    "Masking",
    "the timestep will be masked (skipped) in all downstream layers (as long as they support "
    "masking)",
    choices=ALWAYS_MASKED,
    paths=(*BETWEEN_PATHS, MASKING_CHAIN),
    needs={"mask"},
)
def test_layers_between_propagate_the_mask(case, path):
    assert_run(path.run(case), case)
