"""Paths that run something made of the layer: a model that holds it, or a copy of it.

The source of each is printed as part of the script of a failure.
"""

from dataclasses import replace

import numpy as np

from tests.harness.drawing import ABOUT_ONE, not_empty
from tests.harness.paths import through
from tests.harness.releases import export, tf, variable

SAVED = {"activation": ("relu", "linear", "tanh", None), "batch": not_empty}
"""What has a name: a function that is given as activation is not saved."""

BATCHES = {"batch": SAVED["batch"]}
"""Models take no empty batch, nor do stateful layers."""


def model_of(made, x, initial_state=None, mask=None):
    """A functional model of the layer, with an input for each argument that it is called with."""
    inputs = [tf.keras.Input((None, x.shape[-1]), dtype=x.dtype)]
    more = {}
    if initial_state is not None:
        inputs.append(tf.keras.Input(initial_state[0].shape[1:], dtype=x.dtype))
        more["initial_state"] = [inputs[-1]]
    if mask is not None:
        inputs.append(tf.keras.Input((None,), dtype="bool"))
        more["mask"] = inputs[-1]
    return tf.keras.Model(inputs if more else inputs[0], list(made(inputs[0], **more)))


def through_model(made, run):
    """What `run(model, inputs)` makes of a functional model of the layer, which is made once."""
    model = None

    def call(x, **more):
        nonlocal model
        model = model or model_of(made, x, **more)
        return run(model, [x, *tf.nest.flatten(more)] if more else x)

    return call


def functional(made):
    return through_model(made, lambda model, inputs: model(inputs))


def predict(made):
    def run(model, inputs):
        return model.predict(tf.nest.map_structure(np.asarray, inputs), verbose=0)

    return through_model(made, run)


def predict_on_batch(made):
    def run(model, inputs):
        return model.predict_on_batch(tf.nest.map_structure(np.asarray, inputs))

    return through_model(made, run)


def exported(made):
    """What TensorFlow alone computes from a model that was exported as a SavedModel."""
    import tempfile

    def call(x):
        with tempfile.TemporaryDirectory() as folder:
            return export(model_of(made, x), folder)(x)

    return call


def tflite(made):
    """What the interpreter of TensorFlow Lite computes from the converted layer, of fixed shape."""

    def run(x, **more):
        if "initial_state" in more:
            more["initial_state"] = [more["initial_state"]]
        outputs, state = made(x, **more)
        return {"outputs": outputs, "state": state}

    def call(x, initial_state=None, **more):
        given = {"x": x, **more} | ({"initial_state": initial_state[0]} if initial_state else {})
        specs = {name: tf.TensorSpec(v.shape, v.dtype, name=name) for name, v in given.items()}
        function = tf.function(run).get_concrete_function(**specs)
        module = tf.Module()
        module.kept = [variable(weight) for weight in made.weights]
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
        runner = tf.lite.Interpreter(model_content=converter.convert()).get_signature_runner()
        results = runner(**{name: value.numpy() for name, value in given.items()})
        return results["outputs"], results["state"]

    return call


def model_around(made):
    inputs = tf.keras.Input((None, made.get_weights()[0].shape[0]), dtype=made.compute_dtype)
    return tf.keras.Model(inputs, tf.nest.flatten(made(inputs)))


def from_config(made):
    """The layer made again from its configuration, with the same weights."""
    copy = type(made).from_config(made.get_config())
    copy.build((None, None, made.get_weights()[0].shape[0]))
    copy.set_weights(made.get_weights())
    return copy


def deepcopy(made):
    import copy

    return copy.deepcopy(made)


def rnn_like(made, cell):
    """RNN over a cell, or over a list of them, with the options of the layer."""
    return tf.keras.layers.RNN(
        cell,
        return_sequences=True,
        return_state=True,
        go_backwards=made.go_backwards,
        zero_output_for_mask=made.zero_output_for_mask,
        stateful=made.stateful,
        dtype=made.compute_dtype,
    )


def rnn_of_cell(made, in_a_list=False):
    """RNN over a cell made again from the configuration of the layer's own."""
    cell = type(made.cell).from_config(made.cell.get_config())
    rnn = rnn_like(made, [cell] if in_a_list else cell)
    rnn.build((None, None, made.get_weights()[0].shape[0]))
    rnn.set_weights(made.get_weights())
    return rnn


def rnn_of_cells(made):
    """RNN over a list of the one cell; its state comes in a list of its own."""
    rnn = rnn_of_cell(made, in_a_list=True)
    return lambda x, **more: tf.nest.flatten(rnn(x, **more))


def through_json(made):
    """A layer made from the layer's serialized form, as files hold it."""
    import json

    text = json.dumps(tf.keras.layers.serialize(made))
    return tf.keras.layers.deserialize(json.loads(text))


def clone_model(made):
    """The layer of a clone of a model, with the same weights."""
    clone = tf.keras.models.clone_model(model_around(made))
    clone.set_weights(made.get_weights())
    return clone.layers[-1]


def saved_and_loaded(model, made, name):
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
        model = saved_and_loaded(model_of(made, x, **more), made, "model.keras")
        return model([x, *tf.nest.flatten(more)] if more else x)

    return call


def through_file(made, name):
    """The layer of a model that was saved to a file of that name and loaded."""
    return saved_and_loaded(model_around(made), made, name).layers[-1]


def keras_file(made):
    return through_file(made, "model.keras")


def h5_file(made):
    return through_file(made, "model.h5")


def weights_file(made):
    """The layer of a clone of a model that has loaded the model's weights from a file."""
    import os
    import tempfile

    model = model_around(made)
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
    loaded = through_file(made, "model.keras")
    copies = {
        "from_config": type(made).from_config(made.get_config()),
        "clone_model": tf.keras.models.clone_model(model_around(made)).layers[-1],
        "load_model": type(made).from_config(loaded.get_config()),
    }
    for copy in copies.values():
        if not copy.built:
            copy.build((None, None, features))
    return {how: copy.get_weights() for how, copy in copies.items()}


FUNCTIONAL = through(functional, model_of, through_model, choices=BATCHES, traced=True, share=0.5)
# What `predict` is given passes through float32, which has not the range of float64.
IN_RANGE = {**BATCHES, **ABOUT_ONE}
PREDICT = through(predict, model_of, through_model, choices=IN_RANGE, traced=True, share=0.3)
PREDICT_ON_BATCH = through(
    predict_on_batch, model_of, through_model, choices=IN_RANGE, traced=True, share=0.5
)
EXPORTED = through(
    exported,
    export,
    model_of,
    lacks=frozenset({"mask", "initial_state"}),
    choices=SAVED,
    share=0.25,
    lasting=True,
)
LOADED = through(loaded, model_of, saved_and_loaded, choices=SAVED, share=0.4)
MODELS = (FUNCTIONAL, PREDICT, PREDICT_ON_BATCH, EXPORTED, LOADED)

TFLITE = through(
    tflite,
    variable,
    needs=frozenset({"tf.lite"}),
    choices={
        **BATCHES,
        "activation": ("tanh", "relu", "sigmoid", "linear", None),
        "dtype": ("float32",),
    },
    lasting=True,
)
OF_LITE = (TFLITE, replace(TFLITE, name="tflite-unroll", options=(("unroll", True),)))
"""The paths of TensorFlow Lite. Its own operations know no other dtype, and make up these
activations in every release."""

COPIES = (
    through(from_config, choices=SAVED),
    through(deepcopy, choices=SAVED),
    through(rnn_of_cell, rnn_like, needs=frozenset({"cell"}), choices=SAVED),
    through(
        rnn_of_cells,
        rnn_like,
        rnn_of_cell,
        needs=frozenset({"cell"}),
        choices={**SAVED, "dtype": ("float32",)},  # as stacked cells need it in Keras 3
        share=0.5,
    ),
    through(clone_model, model_around, share=0.5, choices=SAVED),
    through(keras_file, saved_and_loaded, through_file, model_around, share=0.5, choices=SAVED),
    through(h5_file, saved_and_loaded, through_file, model_around, share=0.5, choices=SAVED),
    through(weights_file, model_around, share=0.5, choices=SAVED),
    through(checkpoint, share=0.5, choices=SAVED),
)

EVERY = (*MODELS, *OF_LITE, *COPIES)
