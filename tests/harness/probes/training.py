"""Training of a small float64 model with the layer under test, in three ways."""

import contextlib
from collections.abc import Callable
from functools import partial

import numpy as np

from reference.training import (
    Trainer,
    Training,
    Weights,
    infer_dropout_masks,
    rounding_spread,
    sgd,
    train,
)
from tests.harness.compare.assertions import assert_near, assert_same
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import tf, tf_variable, train_once

WEIGHT_NAMES = ("kernel", "recurrent_kernel", "bias", "dense_kernel", "dense_bias")


@contextlib.contextmanager
def float64_floatx():
    """Make float64 the default dtype of losses, metrics and optimizers within the block.

    They ignore the dtype of the model.
    """
    before = tf.keras.backend.floatx()
    # The first use of the global policy takes its dtype from floatx, and later uses keep it.
    tf.keras.mixed_precision.global_policy()
    tf.keras.backend.set_floatx("float64")
    try:
        yield
    finally:
        tf.keras.backend.set_floatx(before)


def training_model(weights: Weights, batch: int | None = None, time: int | None = None, **options):
    """Return a float64 model of SimpleRNN with the options, then Dense, with these weights."""
    features, units = weights["kernel"].shape
    outputs = weights["dense_kernel"].shape[1]
    inputs = tf.keras.Input((time, features), batch_size=batch, dtype="float64")
    hidden = layer.under_test().make(units, dtype="float64", **options)
    made = tf.keras.Model(inputs, tf.keras.layers.Dense(outputs, dtype="float64")(hidden(inputs)))
    made.set_weights([weights[name] for name in WEIGHT_NAMES])
    return made


def weights_of(made) -> Weights:
    return dict(zip(WEIGHT_NAMES, made.get_weights(), strict=True))


def train_with_fit(made, batches, optimizer, loss) -> Training:
    """Train with `fit`, one epoch per batch, so that the history has each loss."""
    made.compile(optimizer, loss)
    epochs = {"steps_per_epoch": 1, "epochs": len(batches)}
    losses = made.fit((b for b in batches), **epochs, shuffle=False, verbose=0).history["loss"]
    return Training(np.array(losses), weights_of(made))


def train_with_train_on_batch(made, batches, optimizer, loss) -> Training:
    made.compile(optimizer, loss)
    return Training(np.array([made.train_on_batch(x, y) for x, y in batches]), weights_of(made))


def train_with_tape(
    made, batches, optimizer, loss, observe=lambda weights, predictions: None
) -> Training:
    """Train in a loop with a GradientTape.

    observe: called before each step with the weights and the predictions.
    """
    losses = []
    for x, y in batches:
        with tf.GradientTape() as tape:
            predictions = made(tf.constant(x), training=True)
            value = loss(tf.constant(y), predictions) + sum(made.losses)
        observe(weights_of(made), predictions.numpy())
        gradients = tape.gradient(value, list(map(tf_variable, made.trainable_weights)))
        optimizer.apply_gradients(zip(gradients, made.trainable_weights, strict=True))
        losses.append(float(value))
    return Training(np.array(losses), weights_of(made))


def with_dropout_masks(batches, steps, rates: dict) -> list:
    """Return the batches with their dropout masks, inferred from weights and predictions."""
    return [
        (x, y, infer_dropout_masks(Trainer(weights, sgd(0.0)), x, predictions, **rates))
        for (x, y), (weights, predictions) in zip(batches, steps, strict=True)
    ]


TRAINING_METHODS = {
    "fit": train_with_fit,
    "train_on_batch": train_with_train_on_batch,
    "tape": train_with_tape,
}


def assert_matches_reference_training(
    way: str, make_trainer, batches, optimizer, loss, batch=None, time=None, **options
) -> Training:
    """Raise Mismatch unless losses and weights are those of the reference, within rounding.

    way: a key of TRAINING_METHODS; with dropout, "tape", which shows the masks to the reference.
    make_trainer: returns a new reference trainer. optimizer, loss: return new objects of Keras.
    batch, time: the fixed sizes of the model's input, if any. options: of the layer. Returns the
    losses and weights of TensorFlow.
    """
    run: Callable = TRAINING_METHODS[way]
    steps: list[tuple] = []
    if rates := {name: rate for name, rate in options.items() if "dropout" in name}:
        run = partial(run, observe=lambda *step: steps.append(step))
    with float64_floatx(), layer_call():
        made = training_model(make_trainer().weights, batch, time, **options)
        got = run(made, batches, optimizer(), loss())
    if rates:
        batches = with_dropout_masks(batches, steps, rates)
    expected, spread = train(make_trainer, batches), rounding_spread(make_trainer, batches)
    for what, value, wanted, tolerance in [
        ("losses", got.losses, expected.losses, spread.losses),
        *((n, got.weights[n], expected.weights[n], spread.weights[n]) for n in expected.weights),
    ]:
        assert_near(what, value, wanted, np.broadcast_to(tolerance, wanted.shape), "float64")
    return got


def assert_not_trained(made, inputs) -> None:
    """Raise Mismatch if a step of training changes the weights of a layer."""
    before = made.get_weights()
    with layer_call():
        train_once(made, inputs)
    for old, new in zip(before, made.get_weights(), strict=True):
        assert_same("weights", new, old)
