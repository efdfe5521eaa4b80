"""A layer whose outputs are its dropout masks.

With F features it has 3 F units of three kinds, linear, in this order:

    sources    0 x + 0 h + 1            always 1: the bias is not dropped
    recurrent  0 x + (source) m_h       what the recurrent mask makes of the source's last state
    inputs     (feature) m_x + 0 h      what the input mask makes of the feature

With inputs, and initial sources, of 1, the recurrent and the input units are the two masks as they
were at that step, scaling included, and all else is an exact 0 or 1.
"""

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tests.harness import session
from tests.harness.paths.execution import CELL_LOOP, EAGER
from tests.harness.paths.path import Path
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import tf

FEATURES, ROWS, STEPS = 48, 512, 3
P, Q = 0.3, 0.6  # rates of the inputs and of the states: p, q, 1 - p and 1 - q all differ
PROBE_NEEDS = frozenset({"activation", "use_bias", "return_sequences", "initial_state", "training"})
INPUT_DROPOUT_NEEDS, RECURRENT_DROPOUT_NEEDS = (
    PROBE_NEEDS | {"dropout"},
    PROBE_NEEDS | {"recurrent_dropout"},
)
DROPOUT_NEEDS = INPUT_DROPOUT_NEEDS | RECURRENT_DROPOUT_NEEDS


@dataclass(frozen=True)
class Masks:
    """What a call multiplied its inputs and its states with: (batch, time, features) each."""

    input: np.ndarray
    recurrent: np.ndarray

    def named(self):
        """Each mask with what it is a mask of."""
        return ("inputs", self.input), ("states", self.recurrent)

    @property
    def both(self) -> np.ndarray:
        return np.stack([self.input, self.recurrent])

    def kept(self) -> "Masks":
        """At the first step: (batch, features), whether kept."""
        return Masks(self.input[:, 0] != 0, self.recurrent[:, 0] != 0)

    @classmethod
    def of(cls, outputs) -> "Masks":
        """Read from outputs (batch, time, 3 features)."""
        _, recurrent, inputs = np.split(np.asarray(outputs), 3, axis=-1)
        return cls(inputs, recurrent)


def probe_layer(features: int = FEATURES, **options):
    """The layer, its weights set, for inputs (batch, time, features)."""
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
    """The masks of calls in training of the cell at that place of two that are stacked. The other
    one hands on what it is given: before it, all but one feature; behind it, everything.

    No initial state is given, so that the first step shows no recurrent mask; it is left out.
    """
    make = type(layer.under_test().make(1).cell)
    given, handed_on = (FEATURES, 3 * FEATURES) if place == 0 else (FEATURES + 1, FEATURES)
    weights = [np.eye(given if place else handed_on, handed_on), np.zeros([handed_on] * 2)]
    weights[2 * place : 2 * place] = _weights(FEATURES)
    with layer_call():
        cells = [make(handed_on, activation=None, use_bias=False)]
        cells.insert(place, make(3 * FEATURES, activation=None, dropout=P, recurrent_dropout=P))
        rnn = tf.keras.layers.RNN(cells, return_sequences=True)
        rnn.build((None, None, given))
        layer.set_weights(rnn, *weights)
        call = path.call(lambda x: rnn(x, training=True))
        x = tf.ones((ROWS, STEPS, given))
        return [Masks.of(call(x)[:, 1:]) for _ in range(calls)]


def undropped_mask() -> np.ndarray:
    """The mask of a call that drops nothing."""
    return np.ones((ROWS, STEPS, FEATURES))


def probe_arguments(batch: int = ROWS, time: int = STEPS, features: int = FEATURES) -> dict:
    """Inputs and initial state of 1."""
    return {
        "x": tf.ones((batch, time, features)),
        "initial_state": [tf.ones((batch, 3 * features))],
    }


def unchanged_call(call):
    return call


@session.kept(maxsize=64)
def _call(law, path: Path, training, around, options: tuple):
    """A new layer for each law: which numbers it draws depends on no other test."""
    made = probe_layer(**dict(options), **dict(path.options))
    more = {} if training is None else {"training": training}
    return path.call(around(lambda x, **given: made(x, **more, **given)))


def probe_outputs(path, training: bool | None = True, given=None, around=unchanged_call, **options):
    """What one layer for these options gives on that path.

    training: the call's argument; None leaves it out. given: `arguments` other than the usual.
    around: what to make of the call before it is traced.
    """
    key = session.current().statistical, path, training, around, tuple(sorted(options.items()))
    with layer_call():
        return _call(*key)(**(given or probe_arguments()))


def training_masks(path: Path, dropout: float = P, recurrent_dropout: float = Q, **more) -> Masks:
    """The masks of one call in training."""
    rates = {"dropout": dropout, "recurrent_dropout": recurrent_dropout}
    return Masks.of(probe_outputs(path, **rates, **more))


STEP_MASK = [True, False, True]
"""A mask of the steps, the same from either end."""


OTHER_OPTIONS = {
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
    """The names of other options of the layer that meet, and what each of the calls in training
    keeps."""
    for names in [*OPTION_COMBINATIONS, ("dtype",), ("trainable",)]:
        if layer.under_test().missing_features(names):
            continue
        options = {k: v for name in names for k, v in OTHER_OPTIONS[name].items()}
        given = probe_arguments()
        if "mask" in names:
            given["mask"] = tf.constant([STEP_MASK] * ROWS)
        if "dtype" in names:  # Keras 2 casts no states
            given = tf.nest.map_structure(lambda value: tf.cast(value, "float16"), given)
        kept = [training_masks(path, P, P, given=given, **options).kept() for _ in range(calls)]
        yield f"with {' and '.join(names) or 'no other option'}", *kept


def kept_with_equal_sizes() -> tuple[np.ndarray, np.ndarray]:
    """Whether inputs and states are kept, (batch, units) each, where units are as many as features.

    One step of x + h with x = 1, h = 4 and rates of 1/2, so that 0, 2, 8 or 10 comes.
    """
    options = {"activation": None, "use_bias": False, "dropout": 0.5, "recurrent_dropout": 0.5}
    with layer_call():
        made = layer.under_test().build(FEATURES, FEATURES, **options)
        layer.set_weights(made, np.eye(FEATURES), np.eye(FEATURES))
        state = tf.fill((ROWS, FEATURES), 4.0)
        sums = made(tf.ones((ROWS, 1, FEATURES)), initial_state=[state], training=True)
    return np.asarray(sums) % 8 != 0, np.asarray(sums) >= 8


def with_gradients(call):
    """Outputs (batch, time, 3 features), and the masks that the gradients of their sum have seen:
    its derivative by each input, and by each initial source."""

    def run(x, initial_state):
        with tf.GradientTape() as tape:
            tape.watch([x, *initial_state])
            result = call(x, initial_state=initial_state)
            total = tf.reduce_sum(result)
        by_input, by_state = tape.gradient(total, [x, initial_state[0]])
        return result, by_input, by_state

    return run


class Interruption:
    """A linear activation that does something once, at its third evaluation: between two steps.

    seen: what it was given then, outputs (batch, 3 features) of that step.
    """

    def __init__(self, do):
        self.action, self.evaluations, self.captured = do, 0, None

    def __call__(self, z):
        self.evaluations += 1
        if self.evaluations == 3:
            self.captured = np.asarray(z)
            self.action()
        return z


def next_masks(made) -> Masks:
    """The masks of the next call of this layer in training, eager."""
    with layer_call():
        return Masks.of(EAGER.call(made)(**probe_arguments(), training=True))


def masks_after_training(**options) -> Masks:
    """The masks of a call that is not told whether it trains, after one that was."""
    made = probe_layer(**options)
    next_masks(made)
    with layer_call():
        return Masks.of(EAGER.call(made)(**probe_arguments()))


def kept_in_both_directions(rate: float) -> list[np.ndarray]:
    """Whether each direction of Bidirectional keeps its inputs: (batch, features) each."""
    options = {"activation": None, "use_bias": False, "dropout": rate}
    with layer_call():
        both = tf.keras.layers.Bidirectional(layer.under_test().make(FEATURES, **options), None)
        both.build((None, None, FEATURES))
        both.set_weights([np.eye(FEATURES), np.zeros((FEATURES, FEATURES))] * 2)
        return [np.asarray(y) != 0 for y in both(tf.ones((ROWS, 1, FEATURES)), training=True)]


def masks_after_failure(**options) -> tuple[Masks, Masks]:
    """The masks of a call that an error in the activation ended, and those of the next call."""

    def fail():
        raise RuntimeError("interrupted")

    interruption = Interruption(fail)
    made = probe_layer(activation=interruption, **options)
    with contextlib.suppress(RuntimeError):
        EAGER.call(made)(**probe_arguments(), training=True)
    return Masks.of(interruption.captured[:, None]), next_masks(made)


def masks_of_cell_loop(**options) -> Masks:
    """The masks of a loop of one's own over the cell, which is not told whether it trains."""
    with layer_call():
        outputs, _ = CELL_LOOP.call(probe_layer(**options))(**probe_arguments())
    return Masks.of(outputs)


def masks_of_retraced_cell(**options) -> list[Masks]:
    """The masks of steps of the cell in a loop of one's own, traced for ROWS rows and for more."""
    cell = probe_layer(**options).cell
    step = tf.function(lambda x, initial_state: cell(x[:, 0], initial_state, training=True)[0])
    with layer_call():
        return [Masks.of(step(**probe_arguments(rows))[:, None]) for rows in (ROWS, 2 * ROWS)]


def masks_in_two_threads(**options) -> tuple[Masks, Masks]:
    """The masks of a call, and those of another thread's call of the same layer in its midst."""
    inner = []

    def call_in_another_thread():
        thread = threading.Thread(target=lambda: inner.append(next_masks(made)))
        thread.start()
        thread.join()

    made = probe_layer(activation=Interruption(call_in_another_thread), **options)
    return next_masks(made), inner[0]


def one_training_step(features: int, **options):
    """What one batch of training moved, and what the model predicted before.

    One row of two steps: the first alone has inputs, and the second alone a state before it, so
    that a weight moves if and only if what it multiplies is kept. Gives, for each feature, whether
    its input and its source's state were kept, predictions (2, 3 features), and the loss in
    evaluation: minus their sum.
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
    """What `trained` predicts where nothing is dropped."""
    steps = np.array([[1.0, 0.0, 1.0], [1.0, 1.0, 0.0]])  # sources, recurrent, inputs
    return np.repeat(steps, features, axis=1)


def training_run(**options) -> dict[str, np.ndarray]:
    """What a program draws that trains a layer: its first weights, and those after `fit`."""
    with layer_call():
        inputs = tf.keras.Input((3, 5))
        # A traced loop of Keras 2 draws masks in no fixed order (keras#17612).
        made = layer.under_test().make(6, unroll=True, **options)
        model = tf.keras.Model(inputs, made(inputs))
        model.compile("sgd", "mse")
        first = made.get_weights()
        x, y = np.random.normal(size=(8, 3, 5)), np.random.normal(size=(8, 6))
        model.fit(x, y, batch_size=4, epochs=2, verbose=0)
        outputs = np.asarray(made(tf.constant(x, tf.float32), training=True))
    fitted = made.get_weights()
    return {"first kernel": first[0], "fitted kernel": fitted[0], "outputs in training": outputs}


def kernels_and_mask(units: int = 100) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Kernel, recurrent kernel, and whether inputs are kept: (units, units) each, of one layer."""
    options = {"activation": None, "bias_initializer": "zeros", "dropout": P}
    uniform = dict.fromkeys(("kernel_initializer", "recurrent_initializer"), "random_uniform")
    with layer_call():
        made = layer.under_test().build(units, units, **options, **uniform)
        kernel, recurrent_kernel, bias = made.get_weights()
        layer.set_weights(made, np.eye(units), 0 * recurrent_kernel, bias)
        mask = np.asarray(made(tf.ones((units, 1, units)), training=True)) != 0
    return kernel, recurrent_kernel, mask
