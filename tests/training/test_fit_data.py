"""`fit`, `evaluate` and `predict` use all data, in any form, as the NumPy trainer does.

Each epoch of the reference uses each batch once, also a short last one. A learning rate that halves
at each step, and Adam, show the optimizer's count of batches.
"""

from dataclasses import replace
from typing import Any

import pytest

from tests.harness.paths import feeds
from tests.harness.paths.feeds import FEED_CHOICES, FEEDS
from tests.harness.probes import fitting
from tests.harness.probes.fitting import Problem, Setup, with_step_weights
from tests.harness.properties.example import example
from tests.harness.properties.generated import generated

EPOCH = "epochs: An epoch is an iteration over the entire `x` and `y` data provided"
EXHAUSTED = (
    "steps_per_epoch: If `x` is a `keras.utils.PyDataset`, `tf.data.Dataset`, "
    "`torch.utils.data.DataLoader` or Python generator function, the epoch will run until the "
    "input dataset is exhausted."
)
STEPS = (
    "steps_per_epoch: Total number of steps (batches of samples) before declaring one epoch "
    "finished and starting the next epoch."
)
VALIDATION = (
    "validation_data: Data on which to evaluate the loss and any model metrics at the end of each "
    "epoch."
)
EVALUATE = "Returns the loss value & metrics values for the model in test mode."
COMMON: dict[str, Any] = {"choices": FEED_CHOICES, "needs": {"return_sequences"}, "case_cost": 4}
COMMON |= {"prepare": fitting.no_row_masked}
EVALUATED = {**COMMON, "case_cost": 2}
DEFAULT_SIZE = "batch_size: If unspecified, `batch_size` will default to 32."
MANY_ROWS = {**COMMON, "choices": {**FEED_CHOICES, "batch": (40, 33, 65), "time": (3, 1, 2)}}
"""More rows than a batch. Their means over masked steps tell other batches apart."""
PREDICT = "Generates output predictions for the input samples. Computation is done in batches."
EXECUTION = (
    "steps_per_execution: Int. The number of batches to run during each a single compiled function "
    "call."
)
MASKED = Setup("momentum", masked=True, sequences=True)
LAST_OUTPUT = Setup("momentum", masked=True)
OFTEN = (
    feeds.ARRAYS,
    feeds.GENERATOR,
    feeds.UNKNOWN_DATASET,
    feeds.ENDLESS_DATASET,
    feeds.PADDED_DATASET,
)
RARELY = tuple(feed for feed in FEEDS if feed not in OFTEN)


@generated("Model.fit", EPOCH, **COMMON, paths=FEEDS)
def test_fit_trains_on_each_batch_once(case, path):
    fitting.assert_fit_matches_reference(Problem(case, MASKED), path)


@generated(
    "Model.fit",
    EXHAUSTED,
    **COMMON,
    paths=OFTEN,
    nightly_paths=RARELY,
)
def test_fit_counts_each_batch_as_one_step(case, path):
    fitting.assert_counts_each_batch(Problem(case, Setup("schedule")), path)


@generated(
    "Model.fit",
    VALIDATION,
    **COMMON,
    paths=(feeds.ARRAYS, feeds.ENDLESS_DATASET, feeds.PADDED_DATASET),
    nightly_paths=(feeds.SEQUENCE, feeds.GENERATOR, feeds.DATASET, feeds.UNKNOWN_DATASET),
)
def test_validation_evaluates_after_each_epoch(case, path):
    fitting.assert_fit_matches_reference(Problem(case, MASKED), path, validate=True)


@generated(
    "Model.fit",
    "validation_split: The model will set apart this fraction of the training data, will not train "
    "on it, and will evaluate the loss and any model metrics on this data at the end of each "
    "epoch.",
    **{**COMMON, "choices": {**FEED_CHOICES, "batch": (5, 2, 4, 7)}},
    paths=(feeds.ARRAYS,),
)
def test_split_validates_on_the_last_rows(case, path):
    fitting.assert_last_rows_validate(Problem(case, MASKED), path)


@generated(
    "Model.fit",
    "validation_split: If both `validation_data` and `validation_split` are provided, "
    "`validation_data` will override `validation_split`.",
    **COMMON,
    paths=(feeds.ARRAYS,),
)
def test_validation_data_override_the_split(case, path):
    problem = Problem(case, MASKED)
    fitting.assert_fit_matches_reference(problem, path, validate=True, validation_split=0.5)


@generated(
    "Model.fit",
    "validation_steps: If `validation_steps` is specified and only part of the dataset is "
    "consumed, the evaluation will start from the beginning of the dataset at each epoch.",
    **COMMON,
    paths=(feeds.DATASET,),
    nightly_paths=(feeds.ARRAYS, feeds.UNKNOWN_DATASET, feeds.ENDLESS_DATASET),
)
def test_each_validation_starts_from_the_beginning(case, path):
    fitting.assert_first_step_validates(Problem(case, MASKED, epochs=2), path)


@generated(
    "Model.fit",
    "validation_freq: Specifies how many training epochs to run before a new validation run is "
    "performed, e.g. `validation_freq=2` runs validation every 2 epochs.",
    **COMMON,
    paths=(feeds.ARRAYS,),
    nightly_paths=(feeds.DATASET,),
)
def test_validation_freq_skips_epochs(case, path):
    fitting.assert_second_epochs_validate(Problem(case, MASKED, epochs=3), path)


@generated(
    "Model.fit",
    "epochs: The model is not trained for a number of iterations given by `epochs`, but merely "
    "until the epoch of index `epochs` is reached.",
    **COMMON,
    paths=(feeds.ARRAYS,),
    nightly_paths=(feeds.DATASET, feeds.ENDLESS_DATASET),
)
def test_training_continues_from_the_initial_epoch(case, path):
    problem = Problem(case, MASKED)
    last = {"initial_epoch": 2, "epochs": 2 + problem.epochs}
    fitting.assert_fit_matches_reference(problem, path, **last)


@generated(
    "Model.fit",
    STEPS,
    **COMMON,
    paths=(feeds.ENDLESS_DATASET,),
    nightly_paths=(feeds.ENDLESS_GENERATOR,),
)
def test_epochs_continue_in_endless_data(case, path):
    fitting.assert_epochs_continue_in_the_data(Problem(case, MASKED), path)


@generated("Model.fit", DEFAULT_SIZE, **MANY_ROWS, paths=(feeds.ARRAYS,))
def test_fit_takes_32_rows_by_default(case, path):
    problem = Problem(case, MASKED, batch_size=32)
    fitting.assert_fit_matches_reference(problem, path, batch_size=None)


@generated("Model.evaluate", DEFAULT_SIZE, **MANY_ROWS, paths=(feeds.ARRAYS,))
def test_evaluate_takes_32_rows_by_default(case, path):
    problem = Problem(case, MASKED, batch_size=32)
    fitting.assert_evaluate_matches_reference(problem, path, batch_size=None)


@generated(
    "Model.compile",
    "jit_compile: Whether to use XLA compilation when compiling a model.",
    **COMMON,
    paths=(feeds.ARRAYS,),
    nightly_paths=(feeds.UNKNOWN_DATASET, feeds.PADDED_DATASET),
)
def test_compiled_fit_trains_on_each_batch_once(case, path):
    setup = Setup("momentum", masked=True, sequences=True, compiled=True)
    fitting.assert_fit_matches_reference(Problem(case, setup), path)


@generated(
    "LossScaleOptimizer",
    'The final gradients are divided (or "unscaled") by the loss scale to bring them back to their '
    "original value.",
    **COMMON,
    paths=(feeds.ARRAYS,),
    nightly_paths=(feeds.UNKNOWN_DATASET,),
)
def test_loss_scale_does_not_change_training(case, path):
    fitting.assert_fit_matches_reference(Problem(case, replace(MASKED, optimizer="scaled")), path)


@generated(
    "Model.fit",
    "shuffle: Boolean, whether to shuffle the training data before each epoch.",
    **COMMON,
    paths=(feeds.ARRAYS,),
    nightly_paths=(feeds.SEQUENCE,),
)
def test_shuffled_rows_keep_targets_and_weights(case, path):
    problem = with_step_weights(case, batch_size=case.batch)
    fitting.assert_fit_matches_reference(problem, path, shuffle=True)


@generated("Model.evaluate", EVALUATE, **EVALUATED, paths=FEEDS)
def test_evaluate_gives_the_means_over_all_rows(case, path):
    fitting.assert_evaluate_matches_reference(Problem(case, MASKED), path)


@generated(
    "Model.evaluate",
    EVALUATE,
    **{**COMMON, "prepare": fitting.last_row_masked, "needs": {"return_sequences", "mask"}},
    paths=(feeds.ARRAYS,),
)
def test_batch_that_is_all_masked_has_no_loss(case, path):
    fitting.assert_evaluate_matches_reference(Problem(case, MASKED, batch_size=1), path)


@generated("Model.predict", PREDICT, **EVALUATED, paths=FEEDS)
def test_predict_gives_the_predictions_in_order(case, path):
    fitting.assert_predict_matches_reference(Problem(case, LAST_OUTPUT), path)


@generated(
    "Model.compile",
    EXECUTION,
    **EVALUATED,
    paths=(feeds.ARRAYS, feeds.UNKNOWN_DATASET, feeds.ENDLESS_DATASET),
    nightly_paths=(feeds.SEQUENCE, feeds.GENERATOR, feeds.ENDLESS_GENERATOR, feeds.DATASET),
)
def test_steps_per_execution_does_not_change_predictions(case, path):
    fitting.assert_predict_matches_reference(Problem(case, replace(LAST_OUTPUT, steps=2)), path)


@generated(
    "Model.compile",
    EXECUTION,
    **EVALUATED,
    paths=(feeds.ARRAYS, feeds.DATASET),
    nightly_paths=(feeds.SEQUENCE, feeds.GENERATOR, feeds.ENDLESS_DATASET),
)
def test_steps_per_execution_does_not_change_evaluation(case, path):
    fitting.assert_evaluate_matches_reference(Problem(case, replace(MASKED, steps=2)), path)


@generated(
    "Model.fit",
    STEPS,
    **COMMON,
    paths=(feeds.ARRAYS, feeds.UNKNOWN_DATASET, feeds.ENDLESS_DATASET),
    nightly_paths=(feeds.SEQUENCE, feeds.GENERATOR, feeds.ENDLESS_GENERATOR, feeds.DATASET),
)
def test_steps_per_execution_does_not_change_training(case, path):
    fitting.assert_steps_per_execution(Problem(case, Setup("momentum", steps=2)), path)


@pytest.mark.parametrize("path", OFTEN[:4])
@example(
    "Model.fit",
    "batch_size: Number of samples per gradient update.",
    needs={"dropout", "recurrent_dropout", "seed"},
)
def test_fit_draws_dropout_once_for_each_batch(path):
    fitting.assert_draws_for_each_batch(path)


@pytest.mark.parametrize("path", OFTEN[:4])
@example(
    "Model.fit",
    "validation_data: Thus, note the fact that the validation loss of data provided using "
    "`validation_split` or `validation_data` is not affected by regularization layers like noise "
    "and dropout.",
    needs={"dropout", "recurrent_dropout", "seed"},
)
def test_validation_does_not_drop(path):
    fitting.assert_validation_does_not_drop(path)
