"""Training for some steps: weights and losses match a NumPy trainer within rounding."""

import operator
from functools import partial, reduce

import numpy as np
import pytest

from reference.training import (
    Trainer,
    adam,
    clip_global_norm,
    clip_norm,
    clip_value,
    max_norm,
    min_max_norm,
    non_negative,
    sgd,
    unit_norm,
)
from tests.harness.cases.case import noise
from tests.harness.probes.training import assert_matches_reference_training
from tests.harness.properties.example import example
from tests.harness.target.releases import tf

STEPS, BATCH, TIME, FEATURES, UNITS, OUTPUTS = 6, 4, 3, 2, 3, 2
MaxNorm, MinMaxNorm, NonNeg, UnitNorm = (
    getattr(tf.keras.constraints, name) for name in ("MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm")
)
SGD, ADAM = tf.keras.optimizers.SGD, tf.keras.optimizers.Adam

OPTIMIZERS = {
    "sgd": (partial(sgd, 0.25), partial(SGD, 0.25)),
    "momentum": (partial(sgd, 0.125, 0.5), partial(SGD, 0.125, momentum=0.5)),
    "nesterov": (
        partial(sgd, 0.125, 0.5, True),
        partial(SGD, 0.125, momentum=0.5, nesterov=True),
    ),
    # Betas that float32 can hold: Keras rounds them to float32 in a float64 model.
    "adam": (partial(adam, 2**-5, 0.875, 0.96875), partial(ADAM, 2**-5, 0.875, 0.96875)),
}
CLIPS = {
    "clipnorm": (clip_norm(0.125), {"clipnorm": 0.125}),
    "global_clipnorm": (clip_global_norm(0.125), {"global_clipnorm": 0.125}),
    "clipvalue": (clip_value(0.0625), {"clipvalue": 0.0625}),
}


L1, L2, L1L2 = (getattr(tf.keras.regularizers, name) for name in ("L1", "L2", "L1L2"))
PENALTIES = {
    "L1": ({"recurrent_kernel": (0.125, 0.0)}, {"recurrent_regularizer": L1(0.125)}),
    "L2": ({"kernel": (0.0, 0.25)}, {"kernel_regularizer": L2(0.25)}),
    "L1L2": ({"bias": (0.0625, 0.25)}, {"bias_regularizer": L1L2(0.0625, 0.25)}),
}
PENALTIES["all of them"] = tuple(
    reduce(operator.or_, parts) for parts in zip(*PENALTIES.values(), strict=True)
)


def uniform(seed, *shape):
    """Return float32 numbers in [-1, 1): Keras 3 converts inputs of training to float32."""
    return (2 * noise(seed, shape) - 1).astype(np.float32).astype(np.float64)


def weights():
    return {
        "kernel": uniform(0, FEATURES, UNITS),
        "recurrent_kernel": uniform(1, UNITS, UNITS),
        "bias": uniform(2, UNITS),
        "dense_kernel": uniform(3, UNITS, OUTPUTS),
        "dense_bias": uniform(4, OUTPUTS),
    }


BATCHES = [
    (uniform(10 + i, BATCH, TIME, FEATURES), uniform(50 + i, BATCH, OUTPUTS)) for i in range(STEPS)
]


def trainer(optimizer="sgd", **options):
    return lambda: Trainer(weights(), OPTIMIZERS[optimizer][0](), **options)


def assert_training_matches(way, make_trainer, optimizer="sgd", more=None, sizes=(), **options):
    """Raise Mismatch unless training with TensorFlow matches the reference trainer.

    more: further arguments of the optimizer. sizes: (batch, time) of the inputs, or () if unknown.
    options: of the layer.
    """
    made = partial(OPTIMIZERS[optimizer][1], **(more or {}))
    loss = tf.keras.losses.MeanSquaredError
    return assert_matches_reference_training(
        way, make_trainer, BATCHES, made, loss, *sizes, **options
    )


TRAINING_METHODS = ("tape", "fit")
TAPE = "Computes the gradient using operations recorded in context of this tape."
FIT = "fit: Trains the model for a fixed number of epochs"
ON_BATCH = (
    "train_on_batch: Runs a single gradient update on a single batch of data. ... Returns: A "
    "scalar loss value"
)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@example("GradientTape.gradient", TAPE)
def test_tape_training_matches_the_formulas(optimizer):
    assert_training_matches("tape", trainer(optimizer), optimizer)


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])
@example("Model", FIT)
def test_fit_matches_the_formulas(optimizer):
    assert_training_matches("fit", trainer(optimizer), optimizer)


@example("Model", ON_BATCH)
def test_train_on_batch_matches_the_formulas():
    assert_training_matches("train_on_batch", trainer("adam"), "adam")


@pytest.mark.parametrize("clip", CLIPS)
@example(
    "Optimizer",
    "clipnorm: Float. If set, the gradient of each weight is individually clipped so that its norm "
    "is no higher than this value. (likewise clipvalue, global_clipnorm)",
)
def test_gradient_clipping_matches_the_formulas(clip):
    by_reference, more = CLIPS[clip]
    assert_training_matches("tape", trainer(clip=by_reference), more=more)


@pytest.mark.parametrize("way", TRAINING_METHODS)
@pytest.mark.parametrize("penalty", PENALTIES)
@example(
    "L1L2",
    "The L1 regularization penalty is computed as: `loss = l1 * reduce_sum(abs(x))`. The L2 "
    "regularization penalty is computed as `loss = l2 * reduce_sum(square(x))`",
    needs={"kernel_regularizer", "recurrent_regularizer", "bias_regularizer"},
)
def test_regularization_matches_the_formulas(penalty, way):
    penalties, more = PENALTIES[penalty]
    assert_training_matches(way, trainer(penalties=penalties), **more)


CONSTRAINTS = {
    "MaxNorm and NonNeg": (max_norm(0.75), MaxNorm(0.75), non_negative, NonNeg()),
    "MinMaxNorm and UnitNorm": (
        min_max_norm(0.25, 0.5, 0.75),
        MinMaxNorm(0.25, 0.5, 0.75),
        unit_norm(),
        UnitNorm(),
    ),
    "MaxNorm and UnitNorm of rows": (
        max_norm(0.75, axis=1),
        MaxNorm(0.75, axis=1),
        unit_norm(axis=1),
        UnitNorm(axis=1),
    ),
    "MinMaxNorm of rows and NonNeg": (
        min_max_norm(0.25, 0.5, 0.75, axis=1),
        MinMaxNorm(0.25, 0.5, 0.75, axis=1),
        non_negative,
        NonNeg(),
    ),
}


@pytest.mark.parametrize("way", TRAINING_METHODS)
@pytest.mark.parametrize("constraints", CONSTRAINTS)
@example(
    "Constraint",
    "takes a single weight parameter and return a projected version of that parameter (e.g. "
    "normalized or clipped).",
    needs={"kernel_constraint", "recurrent_constraint", "bias_constraint"},
)
def test_constraints_hold_after_each_step(constraints, way):
    of_kernel, kernel_constraint, of_recurrent, recurrent_constraint = CONSTRAINTS[constraints]
    assert_training_matches(
        way,
        trainer(
            constraints={
                "kernel": of_kernel,
                "recurrent_kernel": of_recurrent,
                "bias": non_negative,
            }
        ),
        kernel_constraint=kernel_constraint,
        recurrent_constraint=recurrent_constraint,
        bias_constraint=NonNeg(),
    )


@pytest.mark.parametrize("way", TRAINING_METHODS)
@example("GradientTape.gradient", TAPE, needs={"stateful"})
def test_stateful_training_carries_the_state_over(way):
    assert_training_matches(way, trainer(stateful=True), sizes=(BATCH, TIME), stateful=True)


@example("GradientTape.gradient", TAPE, needs={"dropout", "recurrent_dropout"})
def test_dropout_training_matches_the_formulas():
    assert_training_matches("tape", trainer("adam"), "adam", dropout=0.25, recurrent_dropout=0.5)


@pytest.mark.parametrize("way", TRAINING_METHODS)
@example(
    "Layer",
    "trainable: Boolean, whether the layer's variables should be trainable.",
    needs={"trainable"},
)
def test_frozen_weights_do_not_change(way):
    frozen = frozenset({"kernel", "recurrent_kernel", "bias"})
    got = assert_training_matches(way, trainer(frozen=frozen), trainable=False)
    assert all(np.array_equal(got.weights[name], weights()[name]) for name in frozen)
