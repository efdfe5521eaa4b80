"""Whole models around the layer: built here, saved in each documented way, read in a new process.

Weights, inputs and states are -1, 0 and 1, and the activation clips: every output is exact.
"""

import random
from pathlib import Path

import numpy as np

from tests.harness import session
from tests.harness.cases.case import CLIP, Case, noise, replace
from tests.harness.compare.runs import Run
from tests.harness.paths.custom_cells import WrappedCell
from tests.harness.paths.models import rnn_with_layer_options
from tests.harness.probes.stateful import small_integers
from tests.harness.target import layer
from tests.harness.target.layer import clip
from tests.harness.target.releases import export_to, load_exported, tf

BLANK = 9
"""What stands in masked steps: inputs that are nothing but this, and the embedding of index 0."""


@tf.keras.utils.register_keras_serializable("simplernn_verify")
class RegisteredCell(WrappedCell):
    """A user-defined cell that Keras finds by its registration."""

    def get_config(self):
        return {"cell": tf.keras.layers.serialize(self.cell)}

    @classmethod
    def from_config(cls, config):
        return cls(tf.keras.layers.deserialize(config["cell"]))


def drawn_cases(what: str) -> list[Case]:
    """Cases of one model in this run: a batch of one, a batch equal to time, and another one; the
    last row of each is masked in every step."""
    seed = session.current().seed_of(what)
    sizes = random.Random(seed)
    features, units = sizes.randint(1, 4), sizes.randint(3, 4)
    shapes = [(1, sizes.randint(2, 5)), (sizes.randint(2, 4),) * 2, (5, sizes.randint(1, 6))]
    return [model_case(seed % 1000, i, *shape, features, units) for i, shape in enumerate(shapes)]


def model_case(seed: int, number: int, batch: int, time: int, features: int, units: int) -> Case:
    """A case with the weights of that seed; its number chooses inputs and mask."""
    mask = noise(seed + number, (batch, time)) < 0.6
    mask[-1] &= batch == 1
    return Case(
        inputs=small_integers(seed + 10 + number, batch, time, features),
        kernel=small_integers(seed + 1, features, units),
        recurrent_kernel=small_integers(seed + 2, units, units),
        bias=small_integers(seed + 3, units),
        mask=mask,
        activation=CLIP,
    )


def _layer(case: Case):
    """The layer of a case, with a user-defined activation and dropout, which saving must keep."""
    rates = {"dropout": 0.25, "recurrent_dropout": 0.25}
    rates = {name: rate for name, rate in rates.items() if name in layer.under_test().features}
    options = {"return_sequences": True, "return_state": True, **rates}
    return layer.under_test().make(case.units, activation=clip, **options)


def embedding_model(case: Case):
    """Indices, of which each but 0 stands for one row of inputs (features,), through Embedding."""
    indices = tf.keras.Input((None,), dtype="int32")
    rows = BLANK * np.ones((1 + 3**case.features, case.features))
    rows[1:] = np.indices((3,) * case.features).reshape(case.features, -1).T - 1
    made = tf.keras.layers.Embedding(*rows.shape, mask_zero=True)
    results = _layer(case)(made(indices))
    return tf.keras.Model(indices, list(results)), [rows, *case.weights]


def masking_model(case: Case):
    inputs = tf.keras.Input((None, case.features))
    results = _layer(case)(tf.keras.layers.Masking(float(BLANK))(inputs))
    return tf.keras.Model(inputs, list(results)), case.weights


def custom_cell_model(case: Case):
    """RNN of a user-defined cell around the layer's own, behind Masking."""
    inputs = tf.keras.Input((None, case.features))
    rnn = rnn_with_layer_options(_layer(case), RegisteredCell(_layer(case).cell))
    results = rnn(tf.keras.layers.Masking(float(BLANK))(inputs))
    return tf.keras.Model(inputs, list(results)), case.weights


CONSTANT_STATE = [1.0, -1.0, 1.0, 0.0]


def constant_state_model(case: Case):
    """The initial state is a constant of the model, for one row."""
    inputs = tf.keras.Input((None, case.features), batch_size=1)
    state = tf.constant([CONSTANT_STATE[: case.units]])
    return tf.keras.Model(inputs, list(_layer(case)(inputs, initial_state=[state]))), case.weights


MODELS = {
    "embedding": embedding_model,
    "masking": masking_model,
    "custom-cell": custom_cell_model,
    "constant-state": constant_state_model,
}


def cases_of(model: str) -> list[Case]:
    """The cases of a model in this run, with what the model adds to them."""
    cases = drawn_cases(model)
    if model != "constant-state":
        return cases
    state = np.array([CONSTANT_STATE[: cases[0].units]])
    return [replace(case, inputs=case.inputs[:1], mask=None, initial_state=state) for case in cases]


def model_inputs(model: str, case: Case) -> np.ndarray:
    """What the model of that name is called with for a case."""
    if case.mask is None:
        return case.inputs.astype(np.float32)
    if model != "embedding":
        return np.where(case.mask[:, :, None], case.inputs, BLANK).astype(np.float32)
    digits = 3 ** np.arange(case.features)[::-1]
    return np.where(case.mask, 1 + (case.inputs + 1) @ digits, 0).astype(np.int32)


def save_keras(model, folder):
    model.save(f"{folder}/model.keras")


def save_h5(model, folder):
    model.save(f"{folder}/model.h5")


def save_weights(model, folder):
    model.save_weights(f"{folder}/model.weights.h5")


def save_checkpoint(model, folder):
    tf.train.Checkpoint(model=model).write(f"{folder}/checkpoint")


def save_signatures(model, folder):
    """Save with TensorFlow alone: two signatures, one for the outputs and one for the state."""
    spec = tf.TensorSpec(model.inputs[0].shape, model.inputs[0].dtype, name="given")

    def signature(name, part):
        return tf.function(lambda given: {name: model(given)[part]}, input_signature=[spec])

    parts = {"outputs": signature("outputs", 0), "state": signature("state", 1)}
    tf.saved_model.save(model, folder, signatures=parts)


def load_model(folder, name, case):
    (file,) = Path(folder).glob("model.*")
    return tf.keras.models.load_model(file)


def load_weights(folder, name, case):
    model, _ = MODELS[name](case)
    model.load_weights(f"{folder}/model.weights.h5")
    return model


def load_checkpoint(folder, name, case):
    model, _ = MODELS[name](case)
    tf.train.Checkpoint(model=model).read(f"{folder}/checkpoint").assert_existing_objects_matched()
    return model


def load_signatures(folder, name, case):
    loaded = tf.saved_model.load(folder)
    parts = ("outputs", "state")
    return lambda given: [loaded.signatures[part](given=given)[part] for part in parts]


WAYS = {
    "keras": (save_keras, load_model),
    "h5": (save_h5, load_model),
    "weights": (save_weights, load_weights),
    "checkpoint": (save_checkpoint, load_checkpoint),
    "export": (export_to, lambda folder, *_: load_exported(folder)),
    "signatures": (save_signatures, load_signatures),
}
"""How a model is saved, and how it is read."""


def save(way: str, name: str, case: Case, folder: str) -> None:
    """Build the model of that name with the weights of a case, and save it in a folder."""
    model, weights = MODELS[name](case)
    model.set_weights([np.asarray(weight) for weight in weights])
    WAYS[way][0](model, folder)


def read(way: str, name: str, cases: list[Case], folder: str) -> list[Run]:
    """Load what was saved, and run it on the cases."""
    loaded = WAYS[way][1](folder, name, cases[0])
    results = [loaded(tf.constant(model_inputs(name, case))) for case in cases]
    return [Run(*(np.asarray(part, np.float64) for part in parts)) for parts in results]
