"""A layer whose outputs are its dropout masks.

With F features it has 3 F linear units of three kinds, in this order:

    sources    0 x + 0 h + 1            always 1: dropout does not affect the bias
    recurrent  0 x + (source) m_h       the source's previous state times the recurrent mask
    inputs     (feature) m_x + 0 h      the feature times the input mask

With inputs and initial states of 1, the recurrent units and the input units equal the two masks of
the step, including their scale. All other values are exactly 0 or 1.
"""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tests.harness import session
from tests.harness.paths.execution import CELL_LOOP, EAGER
from tests.harness.paths.path import Path
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import REPEATABLE_LOOP, SEED_GENERATOR, tf

FEATURES, ROWS, STEPS = 48, 512, 3
P, Q = 0.3, 0.6  # rates of inputs and states; p, q, 1 - p and 1 - q all differ
PROBE_NEEDS = frozenset({"activation", "use_bias", "return_sequences", "initial_state", "training"})
INPUT_DROPOUT_NEEDS, RECURRENT_DROPOUT_NEEDS = (
    PROBE_NEEDS | {"dropout"},
    PROBE_NEEDS | {"recurrent_dropout"},
)
DROPOUT_NEEDS = INPUT_DROPOUT_NEEDS | RECURRENT_DROPOUT_NEEDS


@dataclass(frozen=True)
class Masks:
    """The dropout masks of the inputs and the states of a call, (batch, time, features) each."""

    input: np.ndarray
    recurrent: np.ndarray

    def named(self):
        """Return (name, mask) for both masks."""
        return ("inputs", self.input), ("states", self.recurrent)

    @property
    def both(self) -> np.ndarray:
        return np.stack([self.input, self.recurrent])

    def kept(self) -> "Masks":
        """Return the masks of the first step as booleans (batch, features): True is kept."""
        return Masks(self.input[:, 0] != 0, self.recurrent[:, 0] != 0)

    @classmethod
    def of(cls, outputs) -> "Masks":
        """Return the masks that outputs (batch, time, 3 features) contain."""
        _, recurrent, inputs = np.split(np.asarray(outputs), 3, axis=-1)
        return cls(inputs, recurrent)


def probe_layer(features: int = FEATURES, **options):
    """Return the layer with its weights set, for inputs (batch, time, features)."""
    options = {"activation": None, "return_sequences": True, **options}
    with layer_call():
        made = layer.under_test().build(3 * features, features, **options)
        layer.set_weights(made, *_weights(features))
    return made


def _weights(features: int) -> tuple[np.ndarray, ...]:
    zero, one = np.zeros((features, features)), np.eye(features)
    return (
        np.hstack([zero, zero, one]),
        np.vstack([np.hstack([zero, one, zero]), np.zeros((2 * features, 3 * features))]),
        np.repeat([1.0, 0.0, 0.0], features),
    )


def stacked_cell_masks(path: Path, place: int, calls: int = 1) -> list[Masks]:
    """Return the masks of each of some calls in training, of one of two stacked cells.

    place: 0 or 1, the position of the cell. The other cell is the identity; before the cell, it
    drops one feature. The calls have no initial state, so the first step shows no recurrent mask
    and is left out.
    """
    make = type(layer.under_test().make(1).cell)
    features, units = (FEATURES, 3 * FEATURES) if place == 0 else (FEATURES + 1, FEATURES)
    weights = [np.eye(features if place else units, units), np.zeros((units, units))]
    weights[2 * place : 2 * place] = _weights(FEATURES)
    with layer_call():
        cells = [make(units, activation=None, use_bias=False)]
        cells.insert(place, make(3 * FEATURES, activation=None, dropout=P, recurrent_dropout=P))
        rnn = tf.keras.layers.RNN(cells, return_sequences=True)
        rnn.build((None, None, features))
        layer.set_weights(rnn, *weights)
        call = path.call(lambda x: rnn(x, training=True))
        x = tf.ones((ROWS, STEPS, features))
        return [Masks.of(call(x)[:, 1:]) for _ in range(calls)]


def undropped_mask() -> np.ndarray:
    """Return the mask of a call that drops nothing."""
    return np.ones((ROWS, STEPS, FEATURES))


def probe_arguments(batch: int = ROWS, time: int = STEPS, features: int = FEATURES) -> dict:
    """Return the arguments of a call: inputs and initial state of 1."""
    return {
        "x": tf.ones((batch, time, features)),
        "initial_state": [tf.ones((batch, 3 * features))],
    }


def unchanged_call(call):
    return call


@session.kept(maxsize=64)
def _call(statistical, path: Path, training, around, options: tuple):
    """Return the call of a new layer for each statistical property and path.

    So the numbers that a layer draws do not depend on other tests.
    """
    given: dict[str, Any] = {**dict(options), **dict(path.options)}
    made = probe_layer(**given)
    more = {} if training is None else {"training": training}
    return path.call(around(lambda x, **given: made(x, **more, **given)))


def probe_outputs(path, training: bool | None = True, given=None, around=unchanged_call, **options):
    """Return the outputs of a layer with these options on that path.

    training: the argument of the call; None leaves it out. given: arguments that replace
    `probe_arguments`. around: a function that wraps the call before it is traced.
    """
    key = session.current().statistical, path, training, around, tuple(sorted(options.items()))
    with layer_call():
        return _call(*key)(**(given or probe_arguments()))


def training_masks(path: Path, dropout: float = P, recurrent_dropout: float = Q, **more) -> Masks:
    """Return the masks of one call in training."""
    more |= {"dropout": dropout, "recurrent_dropout": recurrent_dropout}
    return Masks.of(probe_outputs(path, **more))


STEP_MASK = [True, False, True]
"""A mask of the steps that equals its reverse."""


OTHER_OPTIONS: dict[str, dict[str, Any]] = {
    "go_backwards": {"go_backwards": True},
    "stateful": {"stateful": True, "batch": ROWS},
    "mask": {},
    "zero_output_for_mask": {"zero_output_for_mask": True},
    "dtype": {"dtype": "mixed_float16"},
    "trainable": {"trainable": False},
}
OPTION_COMBINATIONS = [
    (*options, *masking)
    for options in ((), ("go_backwards",), ("stateful",), ("go_backwards", "stateful"))
    for masking in ((), ("mask",), ("mask", "zero_output_for_mask"))
]


def masks_with_other_options(path: Path, calls: int = 1) -> Iterator[tuple]:
    """Yield combinations of other options, and the kept entries of each call in training."""
    for names in [*OPTION_COMBINATIONS, ("dtype",), ("trainable",)]:
        if layer.under_test().missing_features(names):
            continue
        options = {k: v for name in names for k, v in OTHER_OPTIONS[name].items()}
        given = probe_arguments()
        if "mask" in names:
            given["mask"] = tf.constant([STEP_MASK] * ROWS)
        if "dtype" in names:  # Keras 2 does not cast states
            given = tf.nest.map_structure(lambda value: tf.cast(value, "float16"), given)
        kept = [training_masks(path, P, P, given=given, **options).kept() for _ in range(calls)]
        yield f"with {' and '.join(names) or 'no other option'}", *kept


def kept_with_equal_sizes() -> tuple[np.ndarray, np.ndarray]:
    """Return the kept inputs and states, booleans (batch, units), for as many units as features.

    The layer computes one step of x + h with x = 1, h = 4 and rates of 1/2. Its outputs are 0, 2, 8
    or 10.
    """
    rates: dict[str, Any] = {"dropout": 0.5, "recurrent_dropout": 0.5}
    with layer_call():
        made = layer.under_test().build(
            FEATURES, FEATURES, activation=None, use_bias=False, **rates
        )
        layer.set_weights(made, np.eye(FEATURES), np.eye(FEATURES))
        state = tf.fill((ROWS, FEATURES), 4.0)
        sums = made(tf.ones((ROWS, 1, FEATURES)), initial_state=[state], training=True)
    return np.asarray(sums) % 8 != 0, np.asarray(sums) >= 8


def with_gradients(call):
    """Return a call whose results are outputs (batch, time, 3 features), and the gradients of their
    sum with respect to the inputs and the initial state, which show the masks."""

    def run(x, initial_state):
        with tf.GradientTape() as tape:
            tape.watch([x, *initial_state])
            result = call(x, initial_state=initial_state)
            total = tf.reduce_sum(result)
        by_input, by_state = tape.gradient(total, [x, initial_state[0]])
        return result, by_input, by_state

    return run


class Interruption:
    """A linear activation that calls `action` at its third evaluation, between two steps.

    captured: the outputs (batch, 3 features) of that step.
    """

    def __init__(self, action):
        self.action, self.evaluations, self.captured = action, 0, None

    def __call__(self, z):
        self.evaluations += 1
        if self.evaluations == 3:
            self.captured = np.asarray(z)
            self.action()
        return z


def next_masks(made) -> Masks:
    """Call this layer eagerly in training, and return the masks."""
    with layer_call():
        return Masks.of(EAGER.call(made)(**probe_arguments(), training=True))


def masks_after_training(**options) -> Masks:
    """Return the masks of a call without `training`, after a call in training."""
    made = probe_layer(**options)
    next_masks(made)
    with layer_call():
        return Masks.of(EAGER.call(made)(**probe_arguments()))


def kept_in_both_directions(rate: float) -> list[np.ndarray]:
    """Return the kept inputs of each direction of Bidirectional, booleans (batch, features)."""
    options = {"activation": None, "use_bias": False, "dropout": rate}
    with layer_call():
        both = tf.keras.layers.Bidirectional(layer.under_test().make(FEATURES, **options), None)
        both.build((None, None, FEATURES))
        both.set_weights([np.eye(FEATURES), np.zeros((FEATURES, FEATURES))] * 2)
        return [np.asarray(y) != 0 for y in both(tf.ones((ROWS, 1, FEATURES)), training=True)]


def masks_after_failure(**options) -> tuple[Masks, Masks]:
    """Return the masks of a call that the activation interrupts, and those of the next call."""

    def fail():
        raise RuntimeError("interrupted")

    interruption = Interruption(fail)
    made = probe_layer(activation=interruption, **options)
    with contextlib.suppress(RuntimeError):
        EAGER.call(made)(**probe_arguments(), training=True)
    return Masks.of(interruption.captured[:, None]), next_masks(made)


def masks_of_cell_loop(**options) -> Masks:
    """Return the masks of a Python loop over the cell without the argument `training`."""
    with layer_call():
        outputs, _ = CELL_LOOP.call(probe_layer(**options))(**probe_arguments())
    return Masks.of(outputs)


def masks_of_retraced_cell(**options) -> list[Masks]:
    """Return the masks of a step of the cell, traced for ROWS rows and then for twice as many."""
    cell = probe_layer(**options).cell
    step = tf.function(lambda x, initial_state: cell(x[:, 0], initial_state, training=True)[0])
    with layer_call():
        return [Masks.of(step(**probe_arguments(rows))[:, None]) for rows in (ROWS, 2 * ROWS)]


def masks_in_two_threads(**options) -> tuple[Masks, Masks]:
    """Return the masks of a call, and those of another thread's call of the layer during it."""
    inner = []

    def call_in_another_thread():
        thread = threading.Thread(target=lambda: inner.append(next_masks(made)))
        thread.start()
        thread.join()

    made = probe_layer(activation=Interruption(call_in_another_thread), **options)
    return next_masks(made), inner[0]


def one_training_step(features: int, **options):
    """Train on one batch, and return which inputs and states dropout kept.

    The batch has one row of two steps. Only the first step has inputs, and only the second step has
    a previous state. So a weight changes if and only if dropout keeps its factor. Returns booleans
    (features,) for the inputs and for the states of the sources, the predictions (2, 3 features)
    before the training, and the loss in evaluation, which is minus their sum.
    """
    x = np.repeat([[[1.0], [0.0]]], features, axis=2)
    with layer_call():
        inputs = tf.keras.Input((2, features))
        made = probe_layer(features, **options)
        model = tf.keras.Model(inputs, made(inputs))
        model.compile(tf.keras.optimizers.SGD(1.0), loss=lambda _, y: -tf.reduce_sum(y))
        y = np.zeros((1, 2, 3 * features))
        predicted = model.predict(x, verbose=0)[0]
        evaluated = model.evaluate(x, y, verbose=0)
        before = made.get_weights()
        model.train_on_batch(x, y)
    moved = [
        np.any(a != b, axis=1) for a, b in zip(before[:2], made.get_weights()[:2], strict=True)
    ]
    return moved[0], moved[1][:features], predicted, evaluated


def undropped_predictions(features: int) -> np.ndarray:
    """Return the predictions of `one_training_step` without dropout."""
    steps = np.array([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])  # sources, recurrent, inputs
    return np.repeat(steps, features, axis=1)


def training_run(**options) -> dict[str, np.ndarray]:
    """Return the random results of a program that trains a layer, by name.

    They are its initial kernel, the kernel after `fit`, and the outputs of a call in training.
    """
    with layer_call():
        inputs = tf.keras.Input((3, 5))
        # The order in which a traced loop of Keras 2 draws masks varies (keras#17612).
        made = layer.under_test().make(6, unroll=True, **options)
        model = tf.keras.Model(inputs, made(inputs))
        model.compile("sgd", "mse")
        first = made.get_weights()
        x, y = np.random.normal(size=(8, 3, 5)), np.random.normal(size=(8, 6))
        model.fit(x, y, batch_size=4, epochs=2, verbose=0)
        outputs = np.asarray(made(tf.constant(x, tf.float32), training=True))
    fitted = made.get_weights()
    return {"first kernel": first[0], "fitted kernel": fitted[0], "outputs in training": outputs}


def random_program(**options) -> dict[str, np.ndarray]:
    """Return all that a program draws that trains a recurrent model in traced loops.

    First weights of each layer, the order of the rows in `fit` and in a dataset, noise, and dropout
    of the layer and around it. options: of the layer under test.
    """
    with layer_call():
        made = layer.under_test().make(6, **REPEATABLE_LOOP, **options)
        model = tf.keras.Sequential(
            [
                tf.keras.Input((5,)),
                tf.keras.layers.Embedding(9, 4),
                tf.keras.layers.GaussianNoise(0.5),
                made,
                tf.keras.layers.Dropout(0.5),
                tf.keras.layers.Dense(2),
            ]
        )
        model.compile("sgd", "mse")
        first = [weight.ravel() for weight in model.get_weights()]
        x, y = np.random.randint(9, size=(8, 5)), np.random.normal(size=(8, 2))
        losses = model.fit(x, y, batch_size=2, epochs=2, verbose=0).history["loss"]
        outputs = tf.function(model)(tf.constant(x), training=True)
        order = [int(i) for i in tf.data.Dataset.range(20).shuffle(20)]
    return {
        "first weights": np.concatenate(first),
        "losses of fit": np.array(losses),
        "fitted weights": np.concatenate([weight.ravel() for weight in model.get_weights()]),
        "outputs in training": np.asarray(outputs),
        "order of a dataset": np.array(order),
        "numbers of TensorFlow": tf.random.normal((8,)).numpy(),
        **(
            {}
            if SEED_GENERATOR is None
            else {"numbers of Keras": np.asarray(tf.keras.random.normal((8,)))}
        ),
    }


def kernels_and_mask(units: int = 100) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return kernel, recurrent kernel and kept inputs, (units, units) each, of one layer."""
    names = ("kernel_initializer", "recurrent_initializer")
    options: dict[str, Any] = {"activation": None, "bias_initializer": "zeros", "dropout": P}
    options |= dict.fromkeys(names, "random_uniform")
    with layer_call():
        made = layer.under_test().build(units, units, **options)
        kernel, recurrent_kernel, bias = made.get_weights()
        layer.set_weights(made, np.eye(units), 0 * recurrent_kernel, bias)
        mask = np.asarray(made(tf.ones((units, 1, units)), training=True)) != 0
    return kernel, recurrent_kernel, mask
