"""Paths that run a model of the layer, or RNN over its cell.

The script of a failure prints the source of the path.
"""

from dataclasses import replace

import numpy as np

from tests.harness.cases.plans import UNIT_MAGNITUDE, Choices, non_empty
from tests.harness.paths.path import path_from_function
from tests.harness.target.releases import exported_function, tf, tf_variable

SERIALIZABLE_CHOICES: Choices = {"activation": ("relu", "linear", "tanh", None), "batch": non_empty}
"""The choices of paths that save the layer: Keras does not save a function without a name."""

NON_EMPTY_BATCHES: Choices = {"batch": SERIALIZABLE_CHOICES["batch"]}
"""The choices of paths without an empty batch, which models and stateful layers reject."""


def model_with_all_inputs(made, x, initial_state=None, mask=None):
    """Return a functional model of the layer, with an input for each argument of the call."""
    inputs = [tf.keras.Input((None, x.shape[-1]), dtype=x.dtype)]
    more = {}
    if initial_state is not None:
        inputs.append(tf.keras.Input(initial_state[0].shape[1:], dtype=x.dtype))
        more["initial_state"] = [inputs[-1]]
    if mask is not None:
        inputs.append(tf.keras.Input((None,), dtype="bool"))
        more["mask"] = inputs[-1]
    return tf.keras.Model(inputs if more else inputs[0], list(made(inputs[0], **more)))


def run_as_model(made, run):
    """Return a function that calls `run(model, inputs)`; the first call makes the model."""
    model = None

    def call(x, **more):
        nonlocal model
        model = model or model_with_all_inputs(made, x, **more)
        return run(model, [x, *tf.nest.flatten(more)] if more else x)

    return call


def functional(made):
    return run_as_model(made, lambda model, inputs: model(inputs))


def predict(made):
    def run(model, inputs):
        return model.predict(tf.nest.map_structure(np.asarray, inputs), verbose=0)

    return run_as_model(made, run)


def predict_on_batch(made):
    def run(model, inputs):
        return model.predict_on_batch(tf.nest.map_structure(np.asarray, inputs))

    return run_as_model(made, run)


def exported(made):
    """Return a call that exports a model of the layer as a SavedModel, loads and runs it."""
    return lambda x: exported_function(model_with_all_inputs(made, x))(x)


def tflite(made):
    """Return a call that converts the layer for fixed shapes, and runs it in TensorFlow Lite."""

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
        module.kept = [tf_variable(weight) for weight in made.weights]
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
        runner = tf.lite.Interpreter(model_content=converter.convert()).get_signature_runner()
        results = runner(**{name: value.numpy() for name, value in given.items()})
        return results["outputs"], results["state"]

    return call


def model_with_one_input(made):
    inputs = tf.keras.Input((None, made.get_weights()[0].shape[0]), dtype=made.compute_dtype)
    return tf.keras.Model(inputs, tf.nest.flatten(made(inputs)))


def rnn_with_layer_options(made, cell):
    """Return RNN over a cell, or over a list of cells, with the options of the layer."""
    return tf.keras.layers.RNN(
        cell,
        return_sequences=True,
        return_state=True,
        go_backwards=made.go_backwards,
        zero_output_for_mask=made.zero_output_for_mask,
        stateful=made.stateful,
        dtype=made.compute_dtype,
    )


def rnn_of_cell(made, as_list=False):
    """Return RNN over a cell that is rebuilt from the configuration of the layer's cell."""
    cell = type(made.cell).from_config(made.cell.get_config())
    rnn = rnn_with_layer_options(made, [cell] if as_list else cell)
    rnn.build((None, None, made.get_weights()[0].shape[0]))
    rnn.set_weights(made.get_weights())
    return rnn


def rnn_of_cells(made):
    """Return RNN over a list of one cell, with its nested results as a flat list."""
    rnn = rnn_of_cell(made, as_list=True)
    return lambda x, **more: tf.nest.flatten(rnn(x, **more))


FUNCTIONAL = path_from_function(
    functional, choices=NON_EMPTY_BATCHES, traced=True, example_fraction=0.5
)
# `predict` converts its inputs to float32, whose range is smaller than that of float64.
FLOAT32_RANGE = {**NON_EMPTY_BATCHES, **UNIT_MAGNITUDE}
PREDICT = path_from_function(predict, choices=FLOAT32_RANGE, traced=True, example_fraction=0.3)
PREDICT_ON_BATCH = path_from_function(
    predict_on_batch, choices=FLOAT32_RANGE, traced=True, example_fraction=0.5
)
EXPORTED = path_from_function(
    exported,
    unsupported=frozenset({"mask", "initial_state"}),
    choices=SERIALIZABLE_CHOICES,
    example_fraction=0.25,
    leaks_memory=True,
)
MODEL_PATHS = (FUNCTIONAL, PREDICT, PREDICT_ON_BATCH, EXPORTED)

TFLITE = path_from_function(
    tflite,
    needs=frozenset({"tf.lite"}),
    choices={
        **NON_EMPTY_BATCHES,
        "activation": ("tanh", "relu", "sigmoid", "linear", None),
        "dtype": ("float32",),
    },
    leaks_memory=True,
)
TFLITE_PATHS = (TFLITE, replace(TFLITE, name="tflite-unroll", options=(("unroll", True),)))
"""The paths of TensorFlow Lite. Its builtin operations support this dtype and these activations in
every release."""
