"""Weights of rows, steps and classes: losses, metrics and gradients are weighted means."""

from typing import Any

import pytest

from tests.harness.paths import feeds
from tests.harness.paths.feeds import FEED_CHOICES
from tests.harness.probes import fitting
from tests.harness.probes.fitting import (
    LABELS,
    Problem,
    Setup,
    often_square,
    sample_weights,
    with_step_weights,
)
from tests.harness.properties.example import example
from tests.harness.properties.generated import generated

WEIGHTS = (
    "sample_weight: You can either pass a flat (1D) NumPy array or tensor with the same length as "
    "the input samples (1:1 mapping between weights and samples), or in the case of temporal data, "
    "you can pass a 2D NumPy array or tensor with shape `(samples, sequence_length)` to apply a "
    "different weight to every timestep of every sample."
)
CLASSES = (
    "class_weight: Optional dictionary mapping class indices (integers) to a weight (float) value, "
    "used for weighting the loss function (during training only)."
)
COMMON: dict[str, Any] = {
    "choices": FEED_CHOICES,
    "needs": {"return_sequences"},
    "case_cost": 4,
    "prepare": often_square,
}
FEEDS = (feeds.ARRAYS, feeds.DATASET, feeds.GENERATOR)


@generated("Model.fit", WEIGHTS, **COMMON, paths=FEEDS[:1], nightly_paths=FEEDS[1:])
def test_row_weights_weigh_all_steps_of_a_row(case, path):
    setup = Setup("sgd", case.mask is not None, sequences=True, eager=True, weighted=True)
    problem = Problem(case, setup, sample_weights(case.batch), batch_size=case.batch)
    fitting.assert_fit_matches_reference(problem, path)


@generated("Model.fit", WEIGHTS, **COMMON, paths=FEEDS[:1], nightly_paths=FEEDS[1:])
def test_row_weights_weigh_last_outputs(case, path):
    setup = Setup("sgd", case.mask is not None, eager=True, weighted=True)
    fitting.assert_fit_matches_reference(Problem(case, setup, sample_weights(case.batch)), path)


@generated(
    "Model.fit",
    WEIGHTS,
    **COMMON,
    paths=(feeds.ARRAYS, feeds.PADDED_DATASET),
    nightly_paths=(feeds.DATASET, feeds.GENERATOR, feeds.SEQUENCE),
)
def test_step_weights_weigh_each_step(case, path):
    fitting.assert_fit_matches_reference(with_step_weights(case), path)


@generated(
    "Model.evaluate",
    WEIGHTS,
    **{**COMMON, "case_cost": 2},
    paths=(feeds.ARRAYS, feeds.PADDED_DATASET),
    nightly_paths=(feeds.DATASET, feeds.GENERATOR, feeds.SEQUENCE),
)
def test_evaluate_weighs_each_step(case, path):
    fitting.assert_evaluate_matches_reference(with_step_weights(case), path)


@pytest.mark.parametrize("path", FEEDS[:2])
@pytest.mark.parametrize("labels", LABELS)
@example("Model.fit", CLASSES, needs={"return_sequences", "mask"})
def test_class_weights_weigh_rows_and_steps(labels, path):
    fitting.assert_class_weights_weigh(labels, path)
