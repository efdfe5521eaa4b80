"""Layers made again from a layer: from its configuration, cloned, saved and loaded."""

import tempfile
from pathlib import Path

from tests.harness.paths import the_layer
from tests.harness.releases import tf


def from_config(made):
    """A new layer from the configuration of another; its weights are drawn anew."""
    with the_layer():
        return type(made).from_config(made.get_config())


def weights_of_copies(made, features: int) -> dict[str, list]:
    """The initial weights of copies of a layer, by how each was made.

    A model that is loaded has the weights that were saved; its layer's configuration is used to
    draw them again.
    """
    with the_layer():
        inputs = tf.keras.Input((None, features))
        model = tf.keras.Model(inputs, made(inputs))
        copies = {
            "from_config": from_config(made),
            "clone_model": tf.keras.models.clone_model(model).layers[-1],
        }
        with tempfile.TemporaryDirectory() as directory:
            file = str(Path(directory) / "model.keras")
            model.save(file)
            keras = type(made).__module__.split(".")[0] in ("keras", "tf_keras")
            own = None if keras else {type(made).__name__: type(made)}
            loaded = tf.keras.models.load_model(file, custom_objects=own)
            copies["load_model"] = from_config(loaded.layers[-1])
        for copy in copies.values():
            if not copy.built:
                copy.build((None, None, features))
        return {how: copy.get_weights() for how, copy in copies.items()}
