"""Paths that run a copy of the layer: cloned, saved and loaded, or rebuilt from configuration."""

from tests.harness.paths.models import (
    SERIALIZABLE_CHOICES,
    model_with_all_inputs,
    model_with_one_input,
    rnn_of_cell,
    rnn_of_cells,
)
from tests.harness.paths.path import path_from_function
from tests.harness.target.releases import tf


def from_config(made):
    """Return a layer that is rebuilt from the layer's configuration, with the same weights."""
    copy = type(made).from_config(made.get_config())
    copy.build((None, None, made.get_weights()[0].shape[0]))
    copy.set_weights(made.get_weights())
    return copy


def deepcopy(made):
    import copy

    return copy.deepcopy(made)


def json_round_trip(made):
    """Return a layer that is rebuilt from the layer's serialized form as JSON text."""
    import json

    text = json.dumps(tf.keras.layers.serialize(made))
    return tf.keras.layers.deserialize(json.loads(text))


def clone_model(made):
    """Return the layer of a cloned model, with the same weights."""
    clone = tf.keras.models.clone_model(model_with_one_input(made))
    clone.set_weights(made.get_weights())
    return clone.layers[-1]


def save_and_load(model, made, name):
    """Save a model of the layer to a file of that name, and return the loaded model."""
    import os
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, name)
        model.save(file)
        # Keras 2.15 does not load a builtin class that is among the custom objects.
        builtin = type(made).__module__.split(".")[0] in ("keras", "tf_keras")
        custom = None if builtin else {type(made).__name__: type(made)}
        return tf.keras.models.load_model(file, custom_objects=custom, compile=False)


def loaded(made):
    """Return a saved and loaded functional model, with an input for each argument."""

    def call(x, **more):
        model = save_and_load(model_with_all_inputs(made, x, **more), made, "model.keras")
        return model([x, *tf.nest.flatten(more)] if more else x)

    return call


def file_round_trip(made, name):
    """Return the layer of a model that was saved to a file of that name and loaded."""
    return save_and_load(model_with_one_input(made), made, name).layers[-1]


def keras_file(made):
    return file_round_trip(made, "model.keras")


def h5_file(made):
    return file_round_trip(made, "model.h5")


def load_weights_file(model, copy):
    """Save the weights of a model to a file, load them into its copy, and return the copy."""
    import os
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "model.weights.h5")
        model.save_weights(file)
        copy.load_weights(file)
    return copy


def restore_checkpoint(original, copy):
    """Write a checkpoint of a layer or a model, read it into its copy, and return the copy."""
    import os
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        file = tf.train.Checkpoint(saved=original).write(os.path.join(folder, "checkpoint"))
        tf.train.Checkpoint(saved=copy).read(file)
    return copy


def weights_file(made):
    """Return the layer of a cloned model that loads the weights of the model from a file."""
    model = model_with_one_input(made)
    return load_weights_file(model, tf.keras.models.clone_model(model)).layers[-1]


def checkpoint(made):
    """Return a layer that is rebuilt from configuration, with the weights of a checkpoint."""
    copy = type(made).from_config(made.get_config())
    copy.build((None, None, made.get_weights()[0].shape[0]))
    return restore_checkpoint(made, copy)


def initial_weights_of_copies(made, features: int) -> dict[str, list]:
    """Return the initial weights of copies of a layer, by the name of the copying function.

    A loaded model has the saved weights. So "load_model" rebuilds its layer from configuration,
    which draws initial weights.
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


LOADED = path_from_function(loaded, choices=SERIALIZABLE_CHOICES, example_fraction=0.4)


COPY_PATHS = (
    path_from_function(from_config, choices=SERIALIZABLE_CHOICES),
    path_from_function(deepcopy, choices=SERIALIZABLE_CHOICES),
    path_from_function(rnn_of_cell, needs=frozenset({"cell"}), choices=SERIALIZABLE_CHOICES),
    path_from_function(
        rnn_of_cells,
        needs=frozenset({"cell"}),
        choices={
            **SERIALIZABLE_CHOICES,
            "dtype": ("float32",),
        },  # Keras 3 gives the stack of a list of cells the default dtype
        example_fraction=0.5,
    ),
    path_from_function(clone_model, example_fraction=0.5, choices=SERIALIZABLE_CHOICES),
    path_from_function(keras_file, example_fraction=0.5, choices=SERIALIZABLE_CHOICES),
    path_from_function(h5_file, example_fraction=0.5, choices=SERIALIZABLE_CHOICES),
    path_from_function(weights_file, example_fraction=0.5, choices=SERIALIZABLE_CHOICES),
    path_from_function(checkpoint, example_fraction=0.5, choices=SERIALIZABLE_CHOICES),
)
