"""Some steps of training: the weights and losses of a NumPy trainer, to the last roundings."""

from functools import partial

import numpy as np
import pytest

from reference.training import (
    Trainer,
    adam,
    clip_global_norm,
    clip_norm,
    clip_value,
    max_norm,
    non_negative,
    sgd,
)
from tests.harness import layer
from tests.harness.cases import noise
from tests.harness.compare import ledger
from tests.harness.releases import tf
from tests.harness.training import assert_follows

STEPS, BATCH, TIME, FEATURES, UNITS, OUTPUTS = 6, 4, 3, 2, 3, 2
SGD, ADAM = tf.keras.optimizers.SGD, tf.keras.optimizers.Adam

OPTIMIZERS = {
    "sgd": (partial(sgd, 0.25), partial(SGD, 0.25)),
    "momentum": (partial(sgd, 0.125, 0.5), partial(SGD, 0.125, momentum=0.5)),
    "nesterov": (
        partial(sgd, 0.125, 0.5, True),
        partial(SGD, 0.125, momentum=0.5, nesterov=True),
    ),
    # Betas that float32 holds: Keras rounds them to it on their way into a float64 model.
    "adam": (partial(adam, 2**-5, 0.875, 0.96875), partial(ADAM, 2**-5, 0.875, 0.96875)),
}
CLIPS = {
    "clipnorm": (clip_norm(0.125), {"clipnorm": 0.125}),
    "global_clipnorm": (clip_global_norm(0.125), {"global_clipnorm": 0.125}),
    "clipvalue": (clip_value(0.0625), {"clipvalue": 0.0625}),
}


def uniform(seed, *shape):
    """Numbers of float32 in [-1, 1): Keras 3 makes float32 of what it is given on its way in."""
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


@pytest.fixture
def follows(record_property):
    """Hold training against a trainer: with an optimizer, with `more` arguments, and a layer with
    options, for inputs of unknown or of given sizes (batch, time)."""
    record_property("promise", "Model: fit, train_on_batch and a loop with GradientTape train it")
    record_property("cases", STEPS)

    def follows(way, make_trainer, optimizer="sgd", more=None, sizes=None, **options):
        able = layer.under_test()
        missing = [o for o, value in options.items() if not able.accepts(o, value)]
        if missing := ", ".join(missing):
            record_property("not applicable", missing)
            pytest.skip(f"not applicable: the layer has no {missing}")
        made = partial(OPTIMIZERS[optimizer][1], **(more or {}))
        loss = tf.keras.losses.MeanSquaredError
        ledger.reset()
        got = assert_follows(way, make_trainer, BATCHES, made, loss, *(sizes or ()), **options)
        record_property("error/bound", ledger.largest)
        return got

    return follows


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_loop_with_a_tape_trains_as_the_formulas_do(follows, optimizer):
    follows("tape", trainer(optimizer), optimizer)


@pytest.mark.parametrize("optimizer", ["momentum", "adam"])  # sgd: the stateful layer, below
def test_fit_trains_as_the_formulas_do(follows, optimizer):
    follows("fit", trainer(optimizer), optimizer)


def test_train_on_batch_trains_as_the_formulas_do(follows):
    follows("train_on_batch", trainer("adam"), "adam")


@pytest.mark.parametrize("clip", CLIPS)
def test_clipped_gradients_are_those_of_the_formulas(follows, clip):
    by_reference, more = CLIPS[clip]
    follows("tape", trainer(clip=by_reference), more=more)


def test_regularizers_add_their_penalty_to_the_loss_and_to_the_gradient(follows):
    penalties = {"kernel": (0.0, 0.25), "recurrent_kernel": (0.125, 0.0), "bias": (0.0625, 0.25)}
    follows(
        "tape",
        trainer(penalties=penalties),
        kernel_regularizer=tf.keras.regularizers.L2(0.25),
        recurrent_regularizer=tf.keras.regularizers.L1(0.125),
        bias_regularizer=tf.keras.regularizers.L1L2(0.0625, 0.25),
    )


def test_constraints_hold_after_each_step(follows):
    constraints = {"kernel": max_norm(0.75), "recurrent_kernel": non_negative}
    got = follows(
        "tape",
        trainer(constraints=constraints),
        kernel_constraint=tf.keras.constraints.MaxNorm(0.75),
        recurrent_constraint=tf.keras.constraints.NonNeg(),
    )
    assert got.weights["recurrent_kernel"].min() == 0


def test_a_stateful_layer_is_trained_from_the_state_of_the_batch_before(follows):
    follows("fit", trainer(stateful=True), sizes=(BATCH, TIME), stateful=True)


def test_dropout_trains_as_the_formulas_do_with_the_masks_that_it_drew(follows):
    follows("tape", trainer("adam"), "adam", dropout=0.25, recurrent_dropout=0.5)


def test_frozen_weights_stay_as_they_were(follows):
    frozen = frozenset({"kernel", "recurrent_kernel", "bias"})
    got = follows("tape", trainer(frozen=frozen), trainable=False)
    assert all(np.array_equal(got.weights[name], weights()[name]) for name in frozen)
