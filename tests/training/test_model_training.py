"""Models around the layer train as a loop over their batches does."""

import pytest

from tests.harness.probes.model_training import MODELS, assert_trains_as_a_loop
from tests.harness.properties.example import example, usual

OPTIONS = {"return_sequences", "return_state", "initial_state", "mask", "go_backwards"}


@pytest.mark.parametrize("jit_compile", usual([False], [False, True]))
@pytest.mark.parametrize("model", MODELS, ids=lambda make: make.__name__.replace("_", "-"))
@example(
    "Model.compile",
    "loss_weights: The loss value that will be minimized by the model will then be the *weighted "
    "sum* of all individual losses, weighted by the `loss_weights` coefficients.",
    needs=OPTIONS | {"kernel_regularizer", "dtype"},
)
def test_model_trains_as_a_loop_over_its_batches(model, jit_compile):
    assert_trains_as_a_loop(model, jit_compile)
