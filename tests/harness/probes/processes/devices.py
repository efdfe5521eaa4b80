"""A small model on several logical CPUs, in a process that was started with them."""

from typing import Any

import numpy as np

from tests.harness.cases.case import Case
from tests.harness.probes.training import float64_floatx, training_model, weights_of
from tests.harness.target import layer
from tests.harness.target.releases import tf

DEVICES = 2


def _strategy():
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(DEVICES)])


def mirrored_training(weights, x, y, batch: int, rate: float, epochs: int):
    """Train with gradient descent on all devices; return the losses of the epochs and the weights.

    weights: as in reference.training. x: (rows, time, features). y: (rows, outputs).
    """
    with float64_floatx():
        with _strategy().scope():
            made = training_model(weights)
            made.compile(tf.keras.optimizers.SGD(rate), "mse")
        options = {"batch_size": batch, "shuffle": False, "epochs": epochs, "verbose": 0}
        losses = made.fit(x, y, **options).history["loss"]
        return np.array(losses), weights_of(made)


def mirrored_outputs(case: Case, batch: int):
    """Return what `predict` gives on all devices for a layer of the case that returns sequences,
    and the loss that `evaluate` gives for targets of zero."""
    with _strategy().scope():
        options: dict[str, Any] = {**case.options(layer.under_test().features)}
        options["return_sequences"] = True
        made = layer.under_test().build(case.units, case.features, **options)
        model = tf.keras.Sequential([tf.keras.Input((None, case.features)), made])
        model.compile("sgd", "mse")
    layer.set_weights(made, *case.weights)
    x, y = np.float32(case.inputs), np.zeros((*case.inputs.shape[:2], case.units), np.float32)
    outputs = model.predict(x, batch_size=batch, verbose=0)
    return np.float64(outputs), model.evaluate(x, y, batch_size=batch, verbose=0)


def mirrored_dropout(units: int, rate: float, recurrent: bool) -> np.ndarray:
    """Return what a layer in training gives for ones, with a kernel of ones on the diagonal:
    (devices, calls, units). A call drops elements of its inputs, or of its initial state."""
    strategy = _strategy()
    rates: dict[str, Any] = {"recurrent_dropout" if recurrent else "dropout": rate}
    with strategy.scope():
        made = layer.under_test().build(units, units, activation=None, **rates)
        kernels = (np.zeros((units, units)), np.eye(units))
        layer.set_weights(made, *kernels[:: 1 if recurrent else -1], np.zeros(units))
    x = tf.ones((1, 1, units))
    more = {"initial_state": [tf.ones((1, units))]} if recurrent else {}

    @tf.function
    def call():
        return strategy.run(lambda: made(x, training=True, **more))

    calls = [strategy.experimental_local_results(call()) for _ in range(2)]
    return np.stack([[part.numpy()[0] for part in call] for call in calls], axis=1)
