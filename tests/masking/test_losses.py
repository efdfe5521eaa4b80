"""Losses and metrics after Masking ignore masked steps and their targets."""

import numpy as np
import pytest

from tests.harness.probes.losses import (
    LOSS_NAMES,
    METRIC_NAMES,
    ROW_LOSSES,
    assert_loss_ignores_masked_targets,
    assert_loss_ignores_padding,
    assert_loss_skips_masked_steps,
    assert_metric_skips_masked_steps,
    assert_row_loss_is_averaged,
)
from tests.harness.properties.example import example

SKIPS = "Masks a sequence by using a mask value to skip timesteps."
NEEDS = {"return_sequences", "mask", "dtype", "activation"}
NO_NUMBERS = {
    "MeanSquaredError": np.nan,
    "BinaryCrossentropy": np.nan,
    "CategoricalCrossentropy": np.nan,
    "SparseCategoricalCrossentropy": -1,
}
"""Invalid targets that users may write into padding, by loss."""


@pytest.mark.parametrize("loss", LOSS_NAMES)
@example("Masking", SKIPS, needs=NEEDS)
def test_loss_is_the_mean_of_unmasked_steps(loss):
    assert_loss_skips_masked_steps(loss)


@pytest.mark.parametrize("loss", LOSS_NAMES)
@example("Masking", SKIPS, needs=NEEDS)
def test_masked_targets_and_padding_have_no_effect(loss):
    assert_loss_ignores_padding(loss)


@pytest.mark.parametrize("metric", METRIC_NAMES)
@example("Masking", SKIPS, needs=NEEDS)
def test_metric_is_computed_from_unmasked_steps(metric):
    assert_metric_skips_masked_steps(metric)


@pytest.mark.parametrize("loss", NO_NUMBERS)
@example("Masking", SKIPS, needs=NEEDS)
def test_invalid_target_of_masked_step_is_ignored(loss):
    assert_loss_ignores_masked_targets(loss, NO_NUMBERS[loss])


@pytest.mark.parametrize("loss", ROW_LOSSES)
@pytest.mark.parametrize("rows", [1, 3, 6])
@example(
    "Loss",
    'reduction: ... `"sum_over_batch_size"` will compute the sum of the losses and divide by the '
    "number of elements. (losses of one value a row)",
    needs=NEEDS,
)
def test_loss_of_one_value_a_row_is_averaged(loss, rows):
    assert_row_loss_is_averaged(loss, rows)
