"""`fit`, `evaluate` and `predict` of models around the layer, compared with a loop over batches.

The loop takes from Keras only the eager call of the model and its gradient. Losses, masks of
losses, weights and the optimizer are those of `reference.training`. Everything is float64, so that
rounding (2^-53) stays far below `TOLERANCE` after few steps, and a fault far above.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference import training as reference
from tests.harness.cases.case import noise
from tests.harness.compare.assertions import assert_near
from tests.harness.paths.feeds import MASK_VALUE
from tests.harness.probes.fitting import sample_weights, uniform
from tests.harness.probes.losses import exact_float64
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import tf, tf_variable

TOLERANCE = 2.0**-36
ROWS, TIME, FEATURES, UNITS, BATCH, EPOCHS = 6, 5, 3, 4, 3, 2
RATE, MOMENTUM = 2**-4, 0.5
LENGTHS = np.array([5, 2, 4, 1, 3, 5])
"""The number of used steps of each row."""
USED = np.arange(TIME) < LENGTHS[:, None]


@dataclass(frozen=True)
class Output:
    """What an output of a model is trained on.

    y: (rows, [time,] 2). used: (rows, time), False for masked steps, or None. weights: of rows or
    of steps, or None. factor: its loss weight.
    """

    y: np.ndarray
    used: np.ndarray | None = None
    weights: np.ndarray | None = None
    factor: float = 1.0

    def share(self, rows: slice) -> np.ndarray:
        """Return the share of each entry in the loss of a batch of these rows."""
        used, weights = (None if a is None else a[rows] for a in (self.used, self.weights))
        return reference.shares(self.y[rows].shape[:-1], weights, used)


@dataclass(frozen=True)
class Trained:
    """A model with its inputs and its outputs."""

    model: Any
    x: Sequence[np.ndarray]
    outputs: Sequence[Output]

    def predictions(self, rows: slice, training: bool = False) -> list:
        """Return the predictions of an eager call on these rows, as tensors, by output."""
        x = [tf.constant(a[rows]) for a in self.x]
        return tf.nest.flatten(self.model(x[0] if len(x) == 1 else x, training=training))

    def loss(self, rows: slice, training: bool = False) -> Any:
        """Return the loss of a batch of these rows, as a tensor."""
        predictions = self.predictions(rows, training)
        loss = sum(self.model.losses)
        for output, predicted in zip(self.outputs, predictions, strict=True):
            errors = tf.reduce_mean((predicted - output.y[rows]) ** 2, axis=-1)
            loss += output.factor * tf.reduce_sum(output.share(rows) * errors)
        return loss

    def mean_loss(self) -> float:
        """Return the mean loss of the batches, which have equally many rows."""
        return float(np.mean([float(self.loss(rows)) for rows in batches()]))

    def train(self) -> list[float]:
        """Train in a loop; return the mean loss of the batches of each epoch."""
        change, means = reference.sgd(RATE, MOMENTUM), []
        variables = list(map(tf_variable, self.model.trainable_weights))
        for _ in range(EPOCHS):
            losses = []
            for rows in batches():
                with tf.GradientTape() as tape:
                    loss = self.loss(rows, training=True)
                gradients = map(tf.convert_to_tensor, tape.gradient(loss, variables))
                changes = change({str(i): np.asarray(g) for i, g in enumerate(gradients)})
                for variable, step in zip(variables, changes.values(), strict=True):
                    variable.assign_add(step)
                losses.append(float(loss))
            means.append(float(np.mean(losses)))
        return means

    @property
    def losses(self) -> dict:
        """The losses and their weights, as arguments of `compile`."""
        error = tf.keras.losses.MeanSquaredError
        if len(self.outputs) == 1:
            return {"loss": error()}
        factors = [output.factor for output in self.outputs]
        return {"loss": [error() for _ in factors], "loss_weights": factors}

    def data(self) -> dict:
        """Return the arguments of `fit` and `evaluate`."""
        weights = [output.weights for output in self.outputs]
        columns: dict[str, Sequence] = {"x": self.x, "y": [output.y for output in self.outputs]}
        if any(a is not None for a in weights):
            columns["sample_weight"] = weights
        given = {name: list(c) if len(c) > 1 else c[0] for name, c in columns.items()}
        return {**given, "batch_size": BATCH, "verbose": 0}


def batches() -> list[slice]:
    """Return the rows of each batch."""
    return [slice(i, i + BATCH) for i in range(0, ROWS, BATCH)]


def inputs(seed: int) -> np.ndarray:
    """Return inputs (rows, time, features) with MASK_VALUE after the used steps."""
    return np.where(USED[..., None], uniform(seed, ROWS, TIME, FEATURES), MASK_VALUE)


def masked_input():
    """Return an input of any length, and the same behind Masking."""
    given = tf.keras.Input((None, FEATURES), dtype="float64")
    return given, tf.keras.layers.Masking(MASK_VALUE, dtype="float64")(given)


def recurrent(**options):
    """Return a layer under test in float64."""
    return layer.under_test().make(UNITS, dtype="float64", **options)


def dense(**options):
    """Return a Dense layer of two outputs in float64."""
    return tf.keras.layers.Dense(2, dtype="float64", **options)


def bidirectional() -> Trained:
    """Bidirectional, whose steps have weights."""
    given, masked = masked_input()
    both = tf.keras.layers.Bidirectional(recurrent(return_sequences=True), dtype="float64")
    model = tf.keras.Model(given, dense()(both(masked)))
    output = Output(uniform(50, ROWS, TIME, 2), USED, sample_weights(ROWS, TIME))
    return Trained(model, [inputs(10)], [output])


def two_outputs() -> Trained:
    """A model that reads both outputs and state, each with a loss weight and sample weights."""
    given, masked = masked_input()
    outputs, state = recurrent(return_sequences=True, return_state=True)(masked)
    model = tf.keras.Model(given, [dense(name="each")(outputs), dense(name="last")(state)])
    each = Output(uniform(50, ROWS, TIME, 2), USED, sample_weights(ROWS, TIME), 0.5)
    last = Output(uniform(51, ROWS, 2), None, sample_weights(ROWS), 2.0)
    return Trained(model, [inputs(10)], [each, last])


def encoder_decoder() -> Trained:
    """A layer that starts from the final state of another one, each with a mask of its own."""
    (source, encoded), (target, decoded) = masked_input(), masked_input()
    _, state = recurrent(return_state=True)(encoded)
    outputs = recurrent(return_sequences=True)(decoded, initial_state=[state])
    model = tf.keras.Model([source, target], dense()(outputs))
    x = [inputs(10)[::-1], inputs(11)]
    return Trained(model, x, [Output(uniform(50, ROWS, TIME, 2), USED)])


def stack() -> Trained:
    """Two layers after an Embedding, with a penalty on the kernel of the first."""
    given = tf.keras.Input((None,), dtype="int32")
    embedded = tf.keras.layers.Embedding(9, FEATURES, mask_zero=True, dtype="float64")(given)
    penalty = {"kernel_regularizer": tf.keras.regularizers.L2(2**-4)}
    first = recurrent(return_sequences=True, **penalty)(embedded)
    model = tf.keras.Model(given, dense()(recurrent()(first)))
    indices = np.where(USED, 1 + np.floor(8 * noise(10, (ROWS, TIME))), 0).astype(np.int32)
    return Trained(model, [indices], [Output(uniform(50, ROWS, 2))])


MODELS: tuple[Callable[[], Trained], ...] = (bidirectional, two_outputs, encoder_decoder, stack)


def assert_trains_as_a_loop(make: Callable[[], Trained], jit_compile: bool) -> None:
    """Raise Mismatch unless `fit`, `evaluate` and `predict` give what the loop gives.

    make: one of MODELS.
    """
    with exact_float64(), layer_call():
        trained = make()
        model, data = trained.model, trained.data()
        start = [uniform(20 + i, *w.shape) for i, w in enumerate(model.get_weights())]
        model.set_weights(start)
        losses = trained.train()
        weights = model.get_weights()
        evaluated = trained.mean_loss()
        predicted = trained.predictions(slice(0, ROWS))
        model.set_weights(start)
        model.compile(
            tf.keras.optimizers.SGD(RATE, momentum=MOMENTUM),
            **trained.losses,
            jit_compile=jit_compile,
        )
        history = model.fit(**data, epochs=EPOCHS, shuffle=False).history
        got = {"loss": history["loss"]}
        got |= {f"weight {i}": w for i, w in enumerate(model.get_weights())}
        got["evaluate"] = model.evaluate(**data, return_dict=True)["loss"]
        results = model.predict(data["x"], batch_size=BATCH, verbose=0)
    got |= {f"predictions {i}": a for i, a in enumerate(tf.nest.flatten(results))}
    expected = {"loss": losses, "evaluate": evaluated}
    expected |= {f"weight {i}": w for i, w in enumerate(weights)}
    expected |= {f"predictions {i}": a for i, a in enumerate(predicted)}
    for name, value in expected.items():
        wanted = np.asarray(value)
        tolerance = TOLERANCE * np.maximum(1, np.abs(wanted))
        assert_near(name, np.asarray(got[name]), wanted, tolerance, "float64")
