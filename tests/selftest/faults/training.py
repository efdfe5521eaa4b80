"""Faults of `fit`, `evaluate` and `set_random_seed`, while the layer is correct."""

import itertools
import os
from unittest import mock

import numpy as np

from tests.harness.target.releases import tf
from tests.selftest.faults.layer import Fault
from tests.selftest.faults.models_and_masks import plant_in_attribute, plant_through

TRAINING_FAULTS: list[Fault] = []
Model = tf.keras.Model
SCALED = tf.keras.mixed_precision.LossScaleOptimizer


def plant_in_fit(what: str, *breaks: str, against=(), keras=""):
    """Decorate a function from (model, arguments of `fit`) to wrong arguments, to register it.

    breaks, against, keras: as in `plant_in_attribute`.
    """

    def wrap(change, right):
        def fit(self, **given):
            return right(self, **change(self, given))

        return fit

    options = {"against": against, "keras": keras, "among": TRAINING_FAULTS}
    return plant_through(wrap, what, Model, "fit", *breaks, **options)


def is_array(given: dict) -> bool:
    """Return whether the data of `fit` are arrays."""
    return given.get("y") is not None


def cut(given: dict, count: int) -> dict:
    """Return the arguments with only the first rows of all arrays."""
    rows = {name: given[name][:count] for name in ("x", "y", "sample_weight") if name in given}
    return {**given, **rows}


@plant_in_fit(
    "the short batch at the end of an epoch is left out",
    "fit_trains_on_each_batch_once",
    "fit_counts_each_batch_as_one_step",
    against=(
        "Model.fit: epochs: An epoch is an iteration",
        "Model.fit: Trains the model for a fixed number of epochs",
        "Model.fit: steps_per_epoch: When training with",
    ),
)
def drops_short_batch(model, given):
    if not is_array(given):
        return given
    whole = len(given["x"]) // given["batch_size"] * given["batch_size"]
    return cut(given, whole) if whole else given


@plant_in_fit(
    "a batch has one row more than asked for",
    "fit_trains_on_each_batch_once",
    "fit_counts_each_batch_as_one_step",
    against="Model.fit: batch_size: Number of samples",
)
def larger_batches(model, given):
    return {**given, "batch_size": given["batch_size"] + 1} if is_array(given) else given


@plant_in_fit(
    "there is one epoch more than asked for",
    "fit_trains_on_each_batch_once",
    "fit_counts_each_batch_as_one_step",
    against="Model.fit: epochs: Number of epochs",
)
def one_epoch_more(model, given):
    return {**given, "epochs": given["epochs"] + 1}


@plant_in_fit(
    "the optimizer counts the end of the data as a step",
    "fit_counts_each_batch_as_one_step",
    against=(
        "Model.fit: steps_per_epoch: If `x` is a",
        "Model.fit: steps_per_epoch: If x is a `tf.data` dataset",
    ),
)
def counts_the_end(model, given):
    model.optimizer.iterations.assign_add(1)
    return given


@plant_in_fit(
    "steps_per_epoch counts one step too few",
    "fit_trains_on_each_batch_once",
    against="Model.fit: steps_per_epoch: Total number of steps",
)
def one_step_too_few(model, given):
    steps = given.get("steps_per_epoch", 1)
    return {**given, "steps_per_epoch": steps - 1} if steps > 1 else given


@plant_in_attribute(
    "each epoch begins with the first batch of endless data",
    Model,
    "fit",
    "epochs_continue_in_endless_data",
    among=TRAINING_FAULTS,
)
def begins_each_epoch_anew(right):
    def fit(self, x=None, y=None, epochs=1, **given):
        if y is not None or given.get("steps_per_epoch") is None:
            return right(self, x=x, y=y, epochs=epochs, **given)
        parts = [right(self, x=x, epochs=1, **given) for _ in range(epochs)]
        parts[-1].history = {
            name: [value for part in parts for value in part.history[name]]
            for name in parts[-1].history
        }
        return parts[-1]

    return fit


@plant_in_fit(
    "with steps_per_execution, each epoch ends after two batches",
    "steps_per_execution_does_not_change_training",
    keras=">=3.0",
)
def ends_after_one_execution(model, given):
    execution = is_array(given) and model.steps_per_execution > 1
    return cut(given, 2 * given["batch_size"]) if execution else given


@plant_in_fit(
    "validation looks at the first row alone",
    "validation_evaluates_after_each_epoch",
    against=(
        "Model.fit: validation_data: Data on which to evaluate",
        "Model.fit: validation_steps: If",
    ),
)
def validates_first_row(model, given):
    data = given.get("validation_data")
    first = tuple(a[:1] for a in data) if isinstance(data, tuple) else data
    return {**given, "validation_data": first} if "validation_data" in given else given


@plant_in_fit(
    "validation_split sets the first rows apart",
    "split_validates_on_the_last_rows",
    against=(
        "Model.fit: validation_split: Float",
        "Model.fit: validation_split: Fraction",
        "Model.fit: validation_split: The",
    ),
)
def sets_first_rows_apart(model, given):
    if "validation_split" not in given:
        return given
    return {**given, **{name: given[name][::-1] for name in ("x", "y")}}


@plant_in_fit(
    "validation data take the place of the split, but do not end it",
    "validation_data_override_the_split",
    against=(
        "Model.fit: validation_split: If both",
        "Model.fit: validation_data: `validation_data` will override",
    ),
)
def splits_beside_validation_data(model, given):
    if "validation_split" not in given or "validation_data" not in given:
        return given
    return cut(given, len(given["x"]) // 2)


@plant_in_fit(
    "some steps of validation are one step more",
    "each_validation_starts_from_the_beginning",
    against=(
        "Model.fit: validation_steps: If `validation_steps` is specified and",
        "Model.fit: validation_steps: This ensures",
        "Model.fit: validation_steps: If 'validation_steps' is specified and",
    ),
)
def one_validation_step_more(model, given):
    only_first = given.get("validation_steps") == 1
    return {**given, "validation_steps": 2} if only_first else given


@plant_in_fit(
    "each epoch is validated whatever validation_freq says",
    "validation_freq_skips_epochs",
    against=(
        "Model.fit: validation_freq: Specifies",
        "Model.fit: validation_freq: If an integer",
    ),
)
def validates_each_epoch(model, given):
    return {name: value for name, value in given.items() if name != "validation_freq"}


@plant_in_fit(
    "epochs counts from the initial epoch",
    "training_continues_from_the_initial_epoch",
    against=(
        "Model.fit: epochs: Note that in conjunction",
        "Model.fit: epochs: The model is not trained",
        "Model.fit: initial_epoch: Epoch at which",
    ),
)
def epochs_after_the_initial_one(model, given):
    return {**given, "epochs": given["epochs"] + given.get("initial_epoch", 0)}


@plant_in_fit(
    "a batch has 64 rows by default",
    "fit_takes_32_rows_by_default",
    against="Model.fit: batch_size: If unspecified",
)
def batches_of_64_rows(model, given):
    by_default = is_array(given) and given.get("batch_size") is None
    return {**given, "batch_size": 64} if by_default else given


@plant_in_fit(
    "training with XLA makes one step less",
    "compiled_fit_trains_on_each_batch_once",
)
def compiled_without_the_last_row(model, given):
    compiled = is_array(given) and getattr(model, "jit_compile", False) is True
    return cut(given, max(1, len(given["x"]) - 1)) if compiled else given


@plant_in_fit(
    "shuffling moves the inputs and not their targets",
    "shuffled_rows_keep_targets_and_weights",
    against="Model.fit: shuffle: Boolean",
)
def shuffles_inputs_alone(model, given):
    return {**given, "x": given["x"][::-1]} if given["shuffle"] else given


@plant_in_fit(
    "validation data are trained on",
    "validation_evaluates_after_each_epoch",
    against="Model.fit: validation_data: The model will not be trained",
)
def trains_on_validation_data(model, given):
    if not isinstance(given.get("validation_data"), tuple):
        return given
    both = zip((given["x"], given["y"]), given["validation_data"], strict=True)
    return {**given, **dict(zip("xy", map(np.concatenate, both), strict=True))}


@plant_in_fit(
    "validation makes one step less than asked for, and its batches have one row more",
    "validation_evaluates_after_each_epoch",
    against=(
        "Model.fit: validation_steps: Total number of steps",
        "Model.fit: validation_batch_size: Number",
    ),
)
def other_validation_batches(model, given):
    size, steps = given.get("validation_batch_size"), given.get("validation_steps", 1)
    given = {**given, "validation_batch_size": size + 1} if size else given
    return {**given, "validation_steps": steps - 1} if steps > 1 else given


@plant_in_fit(
    "weights of rows and of steps are squared",
    "row_weights_weigh_last_outputs",
    "step_weights_weigh_each_step",
    against=(
        "Model.fit: sample_weight: You can either pass",
        "Model.fit: sample_weight: Optional",
    ),
)
def squares_sample_weights(model, given):
    weights = given.get("sample_weight")
    return given if weights is None else {**given, "sample_weight": weights**2}


@plant_in_fit(
    "sample weights weigh the metrics that are to have none",
    "row_weights_weigh_last_outputs",
    "step_weights_weigh_each_step",
    against=(
        "Model.fit: sample_weight: Note that sample weighting does not apply",
        "Model.fit: sample_weight: To apply sample weighting",
        "Model.fit: x: If these include `sample_weights`",
    ),
)
def weighs_all_metrics(model, given):
    if given.get("sample_weight") is not None:
        error = [tf.keras.metrics.MeanAbsoluteError(name=n) for n in ("mae", "weighted_mae")]
        model.compile(model.optimizer, "mse", weighted_metrics=error, run_eagerly=model.run_eagerly)
    return given


@plant_in_fit(
    "class weights are ignored",
    "class_weights_weigh_rows_and_steps",
    against=("Model.fit: class_weight: Optional", "Model.fit: class_weight: When"),
)
def ignores_class_weights(model, given):
    return {name: value for name, value in given.items() if name != "class_weight"}


@plant_in_fit(
    "an epoch draws masks of dropout that no batch uses",
    "fit_draws_dropout_once_for_each_batch",
    keras=">=3.0",
)
def draws_unused_masks(model, given):
    for made in model.layers:
        if getattr(made, "dropout", 0):
            made.cell.seed_generator.next()
    return given


def last_epoch_in_history(right):
    """Record the last epoch in place of each of them."""

    def fit(self, **given):
        done = right(self, **given)
        done.history = {k: [v[-1]] * len(v) for k, v in done.history.items()}
        return done

    return fit


plant_in_attribute(
    "the history has the values of the last epoch for all epochs",
    Model,
    "fit",
    "fit_trains_on_each_batch_once",
    "validation_evaluates_after_each_epoch",
    against=("Model.fit: Returns: A `History`", "Model.fit: Its `History.history`"),
    among=TRAINING_FAULTS,
)(last_epoch_in_history)


@plant_in_attribute(
    "the loss is scaled by half of what divides the gradients",
    SCALED,
    "scale_loss" if hasattr(SCALED, "scale_loss") else "get_scaled_loss",
    "loss_scale_does_not_change_training",
    keras=">=3.0",
    among=TRAINING_FAULTS,
)
def scales_by_half(right):
    return lambda self, loss: right(self, loss) / 2


@plant_in_attribute(
    "loss weights are ignored",
    Model,
    "compile",
    "model_trains_as_a_loop_over_its_batches",
    among=TRAINING_FAULTS,
)
def compile_without_loss_weights(right):
    def compile(self, *args, loss_weights=None, **more):
        return right(self, *args, **more)

    return compile


@plant_in_fit(
    "the sample weights of all outputs but the first are ignored",
    "model_trains_as_a_loop_over_its_batches",
)
def weighs_first_output_alone(model, given):
    weights = given.get("sample_weight")
    if not isinstance(weights, list):
        return given
    return {**given, "sample_weight": [weights[0], *map(np.ones_like, weights[1:])]}


def evaluate_in_parts(right):
    """Average the results of single batches, whatever the number of their rows."""

    def evaluate(self, x=None, y=None, batch_size=None, **more):
        if y is None or not more.get("return_dict"):
            return right(self, x=x, y=y, batch_size=batch_size, **more)
        parts = [
            right(self, x=x[i : i + batch_size], y=y[i : i + batch_size], **more)
            for i in range(0, len(x), batch_size)
        ]
        return {name: sum(part[name] for part in parts) / len(parts) for name in parts[0]}

    return evaluate


def evaluate_once(right):
    """Evaluate only the first batch, and one step less than requested."""

    def evaluate(self, x=None, y=None, batch_size=None, steps=None, **more):
        if y is not None:
            x, y = x[:batch_size], y[:batch_size]
        steps = steps - 1 if steps and steps > 1 else steps
        return right(self, x=x, y=y, batch_size=batch_size, steps=steps, **more)

    return evaluate


def evaluate_larger_batches(right):
    """Evaluate batches of one more row, which changes means over masked steps."""

    def evaluate(self, x=None, y=None, batch_size=None, **more):
        size = batch_size + 1 if batch_size and y is not None else batch_size
        return right(self, x=x, y=y, batch_size=size, **more)

    return evaluate


@plant_in_attribute(
    "evaluate takes 64 rows for a batch by default",
    Model,
    "evaluate",
    "evaluate_takes_32_rows_by_default",
    against="Model.evaluate: batch_size: If unspecified",
    among=TRAINING_FAULTS,
)
def evaluate_64_rows(right):
    """Evaluate batches of 64 rows by default."""

    def evaluate(self, x=None, y=None, batch_size=None, **more):
        size = 64 if batch_size is None and y is not None else batch_size
        return right(self, x=x, y=y, batch_size=size, **more)

    return evaluate


def evaluate_loss_alone(right):
    """Leave the metrics out of the dictionary."""

    def evaluate(self, *args, **more):
        found = right(self, *args, **more)
        return {"loss": found["loss"]} if isinstance(found, dict) else found

    return evaluate


@plant_in_attribute(
    "evaluate ignores the weights of its arrays",
    Model,
    "evaluate",
    "evaluate_weighs_each_step",
    against=(
        "Model.evaluate: sample_weight: Optional",
        "Model.evaluate: sample_weight: You can",
    ),
    among=TRAINING_FAULTS,
)
def evaluate_without_weights(right):
    def evaluate(self, *args, sample_weight=None, **more):
        return right(self, *args, **more)

    return evaluate


@plant_in_attribute(
    "evaluation drops",
    Model,
    "test_step",
    "validation_does_not_drop",
    against="Model.fit: validation_data: Thus, note the fact",
    among=TRAINING_FAULTS,
)
def evaluates_in_training_mode(right):
    def test_step(self, data):
        call = self.call

        def training_call(*args, **more):
            return call(*args, **{**more, "training": True})

        with mock.patch.object(self, "call", training_call):
            return right(self, data)

    return test_step


for what, wrong, against in (
    (
        "evaluate gives a short batch the weight of a full one",
        evaluate_in_parts,
        ("Model.evaluate: Returns the loss value", "Model.evaluate: Computation is done"),
    ),
    (
        "evaluate makes one step less than there are batches",
        evaluate_once,
        ("Model.evaluate: steps: Total", "Model.evaluate: steps: If"),
    ),
    (
        "evaluate takes one row more for a batch than asked for",
        evaluate_larger_batches,
        "Model.evaluate: batch_size: Number",
    ),
    (
        "evaluate leaves the metrics out of its dictionary",
        evaluate_loss_alone,
        "Model.evaluate: return_dict: If `True`",
    ),
):
    plant_in_attribute(
        what,
        Model,
        "evaluate",
        "evaluate_gives_the_means_over_all_rows",
        against=against,
        among=TRAINING_FAULTS,
    )(wrong)


@plant_in_attribute(
    "predict returns the rows of its first batch last",
    Model,
    "predict",
    "predict_gives_the_predictions_in_order",
    among=TRAINING_FAULTS,
)
def predict_in_another_order(right):
    """Return the predictions of the first batch last."""

    def predict(self, *args, **more):
        found, size = right(self, *args, **more), more.get("batch_size") or 1
        rolled = more.get("x") is not None and isinstance(found, np.ndarray)
        return np.roll(found, -size, axis=0) if rolled else found

    return predict


@plant_in_attribute(
    "predict reverses its rows if it runs several batches at once",
    Model,
    "predict",
    "steps_per_execution_does_not_change_predictions",
    among=TRAINING_FAULTS,
    keras=">=3.0",
)
def predict_executions_in_another_order(right):
    """With `steps_per_execution`, return the predictions in reversed order."""

    def predict(self, *args, **more):
        found = right(self, *args, **more)
        several = isinstance(found, np.ndarray) and self.steps_per_execution > 1
        return found[::-1] if several else found

    return predict


@plant_in_attribute(
    "evaluate leaves out the last row if it runs several batches at once",
    Model,
    "evaluate",
    "steps_per_execution_does_not_change_evaluation",
    among=TRAINING_FAULTS,
    keras=">=3.0",
)
def evaluate_executions_without_the_end(right):
    """With `steps_per_execution`, leave out the last row."""

    def evaluate(self, x=None, y=None, **more):
        if y is not None and self.steps_per_execution > 1 and len(x) > 1:
            x, y = x[:-1], y[:-1]
        return right(self, x=x, y=y, **more)

    return evaluate


def seeds_without_numpy(right):
    """Seed TensorFlow and Python alone: NumPy gets a seed from the system."""

    def set_random_seed(seed):
        right(seed)
        np.random.seed(int.from_bytes(os.urandom(4), "big"))

    return set_random_seed


def seeds_without_tensorflow(right):
    """Seed only Python and NumPy; TensorFlow gets a seed from the system."""

    def set_random_seed(seed):
        right(seed)
        tf.random.set_seed(int.from_bytes(os.urandom(4), "big"))

    return set_random_seed


def keeps_global_generator(right):
    """Do not reset the global generator of Keras."""
    calls = itertools.count()

    def set_random_seed(seed):
        right(seed)
        for _ in range(next(calls)):
            tf.keras.random.normal((1,))

    return set_random_seed


def ignores_seed(right):
    """Seed everything with zero."""
    return lambda seed: right(0)


PROGRAM, RUN = "set_random_seed_repeats_a_traced_program", "set_random_seed_makes_a_run_repeatable"
for what, wrong, breaks, sentences, keras in (
    (
        "set_random_seed does not seed NumPy",
        seeds_without_numpy,
        (PROGRAM, RUN),
        ("Sets all random", "You can use this utility", "Likewise many workflows"),
        "",
    ),
    (
        "set_random_seed does not seed TensorFlow",
        seeds_without_tensorflow,
        (PROGRAM,),
        ("Note that the TensorFlow seed",),
        "",
    ),
    (
        "set_random_seed does not reset the global generator of Keras",
        keeps_global_generator,
        (PROGRAM,),
        ("Additionally, it resets",),
        ">=3.0",
    ),
    (
        "set_random_seed always seeds with zero",
        ignores_seed,
        (RUN, "set_random_seed_accepts_extreme_seeds"),
        ("seed: Integer",),
        "",
    ),
):
    plant_in_attribute(
        what,
        tf.keras.utils,
        "set_random_seed",
        *breaks,
        against=tuple(f"set_random_seed: {sentence}" for sentence in sentences),
        keras=keras,
        among=TRAINING_FAULTS,
    )(wrong)
