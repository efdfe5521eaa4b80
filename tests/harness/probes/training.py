"""Training a small model that has the layer under test in it, in float64, in three ways."""

import contextlib
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
from tests.harness.compare.assertions import assert_same, assert_within
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import tf, tf_variable, train_once

WEIGHT_NAMES = ("kernel", "recurrent_kernel", "bias", "dense_kernel", "dense_bias")


@contextlib.contextmanager
def float64_floatx():
    """Losses, metrics and optimizers take Keras's own default type, not that of the model.

    The policy of layers without a dtype is made of that type where it is first asked for, and then
    stays: it is asked for before.
    """
    before = tf.keras.backend.floatx()
    tf.keras.mixed_precision.global_policy()
    tf.keras.backend.set_floatx("float64")
    try:
        yield
    finally:
        tf.keras.backend.set_floatx(before)


def training_model(weights: Weights, batch: int | None = None, time: int | None = None, **options):
    """SimpleRNN with the options, then Dense, with these weights, for float64 inputs."""
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
    """`fit`, one epoch for each batch, so that each loss is seen."""
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
    """The loop that a user would write; `seen` is shown each step's weights and predictions."""
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
    """The batches, each with the masks that its step's weights and predictions tell."""
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
    """TensorFlow's losses and weights are those of the reference, from the same weights and, with
    dropout, from the masks that a loop with a tape shows."""
    run, steps = TRAINING_METHODS[way], []
    if rates := {name: rate for name, rate in options.items() if "dropout" in name}:
        run = partial(run, observe=lambda *step: steps.append(step))
    with float64_floatx(), layer_call():
        made = training_model(make_trainer().weights, batch, time, **options)
        got = run(made, batches, optimizer(), loss())
    if rates:
        batches = with_dropout_masks(batches, steps, rates)
    expected, bound = train(make_trainer, batches), rounding_spread(make_trainer, batches)
    for what, value, wanted, far in [
        ("losses", got.losses, expected.losses, bound.losses),
        *((n, got.weights[n], expected.weights[n], bound.weights[n]) for n in expected.weights),
    ]:
        assert_within(what, value, wanted, np.broadcast_to(far, wanted.shape), "float64")
    return got


def assert_not_trained(made, inputs) -> None:
    """A step of training leaves the weights of a layer as they are."""
    before = made.get_weights()
    with layer_call():
        train_once(made, inputs)
    for old, new in zip(before, made.get_weights(), strict=True):
        assert_same("weights", new, old)
