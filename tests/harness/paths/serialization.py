"""Paths that run a copy of the layer: cloned, saved and loaded, or made of its configuration."""

from tests.harness.paths.models import (
    SERIALIZABLE_CHOICES,
    model_with_all_inputs,
    model_with_one_input,
    rnn_of_cell,
    rnn_of_cells,
    rnn_with_layer_options,
)
from tests.harness.paths.path import path_from_function
from tests.harness.target.releases import tf


def from_config(made):
    """The layer made again from its configuration, with the same weights."""
    copy = type(made).from_config(made.get_config())
    copy.build((None, None, made.get_weights()[0].shape[0]))
    copy.set_weights(made.get_weights())
    return copy


def deepcopy(made):
    import copy

    return copy.deepcopy(made)


def json_round_trip(made):
    """A layer made from the layer's serialized form, as files hold it."""
    import json

    text = json.dumps(tf.keras.layers.serialize(made))
    return tf.keras.layers.deserialize(json.loads(text))


def clone_model(made):
    """The layer of a clone of a model, with the same weights."""
    clone = tf.keras.models.clone_model(model_with_one_input(made))
    clone.set_weights(made.get_weights())
    return clone.layers[-1]


def save_and_load(model, made, name):
    """A model of the layer, saved to a file of that name and loaded."""
    import os
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, name)
        model.save(file)
        # Keras knows its own, and 2.15 loads none that it is told of again.
        own = type(made).__module__.split(".")[0] in ("keras", "tf_keras")
        known = None if own else {type(made).__name__: type(made)}
        return tf.keras.models.load_model(file, custom_objects=known, compile=False)


def loaded(made):
    """A functional model that was saved and loaded, with an input for each argument."""

    def call(x, **more):
        model = save_and_load(model_with_all_inputs(made, x, **more), made, "model.keras")
        return model([x, *tf.nest.flatten(more)] if more else x)

    return call


def file_round_trip(made, name):
    """The layer of a model that was saved to a file of that name and loaded."""
    return save_and_load(model_with_one_input(made), made, name).layers[-1]


def keras_file(made):
    return file_round_trip(made, "model.keras")


def h5_file(made):
    return file_round_trip(made, "model.h5")


def weights_file(made):
    """The layer of a clone of a model that has loaded the model's weights from a file."""
    import os
    import tempfile

    model = model_with_one_input(made)
    clone = tf.keras.models.clone_model(model)
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "model.weights.h5")
        model.save_weights(file)
        clone.load_weights(file)
    return clone.layers[-1]


def checkpoint(made):
    """The layer made again from its configuration, with the weights of a checkpoint."""
    import os
    import tempfile

    copy = type(made).from_config(made.get_config())
    copy.build((None, None, made.get_weights()[0].shape[0]))
    with tempfile.TemporaryDirectory() as folder:
        file = tf.train.Checkpoint(layer=made).write(os.path.join(folder, "checkpoint"))
        tf.train.Checkpoint(layer=copy).read(file)
    return copy


def initial_weights_of_copies(made, features: int) -> dict[str, list]:
    """The initial weights of copies of a layer, by how each was made.

    A model that is loaded has the weights that were saved; its layer's configuration is used to
    draw them again.
    """
    loaded = file_round_trip(made, "model.keras")
    copies = {
        "from_config": type(made).from_config(made.get_config()),
        "clone_model": tf.keras.models.clone_model(model_with_one_input(made)).layers[-1],
        "load_model": type(made).from_config(loaded.get_config()),
    }
    for copy in copies.values():
        if not copy.built:
            copy.build((None, None, features))
    return {how: copy.get_weights() for how, copy in copies.items()}


LOADED = path_from_function(
    loaded, model_with_all_inputs, save_and_load, choices=SERIALIZABLE_CHOICES, example_fraction=0.4
)


COPY_PATHS = (
    path_from_function(from_config, choices=SERIALIZABLE_CHOICES),
    path_from_function(deepcopy, choices=SERIALIZABLE_CHOICES),
    path_from_function(
        rnn_of_cell, rnn_with_layer_options, needs=frozenset({"cell"}), choices=SERIALIZABLE_CHOICES
    ),
    path_from_function(
        rnn_of_cells,
        rnn_with_layer_options,
        rnn_of_cell,
        needs=frozenset({"cell"}),
        choices={
            **SERIALIZABLE_CHOICES,
            "dtype": ("float32",),
        },  # as stacked cells need it in Keras 3
        example_fraction=0.5,
    ),
    path_from_function(
        clone_model, model_with_one_input, example_fraction=0.5, choices=SERIALIZABLE_CHOICES
    ),
    path_from_function(
        keras_file,
        save_and_load,
        file_round_trip,
        model_with_one_input,
        example_fraction=0.5,
        choices=SERIALIZABLE_CHOICES,
    ),
    path_from_function(
        h5_file,
        save_and_load,
        file_round_trip,
        model_with_one_input,
        example_fraction=0.5,
        choices=SERIALIZABLE_CHOICES,
    ),
    path_from_function(
        weights_file, model_with_one_input, example_fraction=0.5, choices=SERIALIZABLE_CHOICES
    ),
    path_from_function(checkpoint, example_fraction=0.5, choices=SERIALIZABLE_CHOICES),
)
