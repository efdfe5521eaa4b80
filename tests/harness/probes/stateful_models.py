"""Small models of a stateful layer: trained from each source, copied in each way, and reset."""

from collections.abc import Callable

import numpy as np

from reference.recurrence import Recurrence
from tests.harness.paths import feeds
from tests.harness.paths.custom_cells import CellWithInitialState
from tests.harness.paths.feeds import Feed
from tests.harness.paths.serialization import (
    load_weights_file,
    restore_checkpoint,
    save_and_load,
)
from tests.harness.probes.stateful import integer_layer, small_integers
from tests.harness.target import layer
from tests.harness.target.releases import exported_function, tf

UNITS, FEATURES, TIME = 4, 2, 3
"""The sizes of all layers here; they are linear, and nine steps are exact in float32."""


def integer_inputs(rows: int) -> np.ndarray:
    """Inputs (rows, TIME, FEATURES) of -1, 0 and 1, in float32."""
    return small_integers(9, rows, TIME, FEATURES).astype(np.float32)


def stateful_model_with_weights(rows: int):
    """A Sequential model of a stateful layer of that many rows, of integer weights."""
    made = layer.under_test().make(UNITS, stateful=True, activation="linear")
    inputs = tf.keras.Input((None, FEATURES), batch_size=rows)
    model = tf.keras.Sequential([inputs, made])
    model.set_weights([small_integers(i, *w.shape) for i, w in enumerate(model.get_weights())])
    return model


def expected_after(model, *batches: np.ndarray, state=None) -> np.ndarray:
    """The last output that the reference gives for batches one after the other."""
    kernel, recurrent_kernel, bias = (w.astype(np.float64) for w in model.get_weights())
    recurrence = Recurrence(kernel, recurrent_kernel, bias, "linear")
    for x in batches:
        _, state = recurrence.run(x.astype(np.float64), state)
    return state


BATCH_SOURCES: dict[str, Feed] = {
    "arrays": feeds.ARRAYS,
    "dataset": feeds.DATASET,
    "dataset of fixed batches": feeds.FIXED_DATASET,
    "endless dataset": feeds.ENDLESS_DATASET,
    "generator": feeds.GENERATOR,
    "sequence": feeds.SEQUENCE,
    "arrays in one execution": feeds.ARRAYS,
}
"""The ways to pass data to `fit`, by name; in one execution `fit` runs all three steps."""


def fit_stateful_model(model, x, rows: int, source: str) -> None:
    """One epoch of training from that source, with a learning rate of zero."""
    steps = 3 if source == "arrays in one execution" else 1
    model.compile(tf.keras.optimizers.SGD(0.0), "mse", steps_per_execution=steps)
    y = np.zeros((len(x), UNITS), np.float32)
    given = BATCH_SOURCES[source].arguments((x, y), rows, "steps_per_epoch")
    model.fit(**given, shuffle=False, verbose=0)


def _linear_cell():
    return integer_layer(UNITS, FEATURES, activation="linear").cell


def _rnn_with_initial_state(rows: int):
    """A stateful RNN of a cell that starts from ones."""
    cell = CellWithInitialState(_linear_cell())
    cell.start = tf.ones((rows, UNITS))
    return _built(tf.keras.layers.RNN(cell, stateful=True), rows)


def _built(made, rows: int):
    made.build((rows, None, FEATURES))
    return made


STATEFUL_KINDS: dict[str, Callable] = {
    "layer": lambda rows: integer_layer(UNITS, FEATURES, rows, stateful=True, activation="linear"),
    "unrolled layer": lambda rows: integer_layer(
        UNITS, FEATURES, rows, stateful=True, unroll=True, activation="linear"
    ),
    "cell": lambda rows: _built(tf.keras.layers.RNN(_linear_cell(), stateful=True), rows),
    "cell with an initial state": _rnn_with_initial_state,
}
"""From a number of rows to a stateful RNN for as many."""


def _checkpoint(model):
    return restore_checkpoint(model, _another(model))


def _weights_file(model):
    return load_weights_file(model, _another(model))


def _clone(model):
    copy = tf.keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    return copy


def _another(model):
    """A model of the same kind, with weights and a state of its own."""
    copy = stateful_model_with_weights(model.layers[-1].states[0].shape[0])
    copy.set_weights([weight + 1 for weight in copy.get_weights()])
    return copy


def _file(name: str) -> Callable:
    return lambda model: save_and_load(model, model.layers[-1], name)


COPIES_OF_STATEFUL_MODELS: dict[str, tuple[Callable, bool]] = {
    "keras file": (_file("model.keras"), False),
    "h5 file": (_file("model.h5"), False),
    "weights file": (_weights_file, False),
    "clone": (_clone, False),
    "export": (exported_function, True),
    "checkpoint": (_checkpoint, True),
}
"""A copy of a model, and whether it has the state of the model: a file has the configuration and
the weights, of which the state is none; an exported model and a checkpoint have all variables."""


CONSTANT_STATES: dict[str, Callable] = {
    "tensor": tf.constant,
    "list": lambda state: [tf.constant(state)],
    "variable": lambda state: [tf.Variable(state)],
    "computed": lambda state: [tf.constant(state) * 2 / 2],
}
"""The forms of a constant state in a functional model."""


def constant_state_model(form: Callable, state: np.ndarray):
    """A functional model of the layer, which starts from a constant in that form."""
    made = integer_layer(UNITS, FEATURES, activation="linear")
    inputs = tf.keras.Input((None, FEATURES), batch_size=len(state))
    return tf.keras.Model(inputs, made(inputs, initial_state=form(state)))
