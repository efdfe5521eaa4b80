"""Models of the layer, and copies of the layer: their results and their arguments."""

import copy
from collections.abc import Collection

import numpy as np
import pytest
from hypothesis import strategies as st

from tests.harness.compare.assertions import Mismatch, assert_same
from tests.harness.compare.runs import assert_run
from tests.harness.knowledge import active
from tests.harness.paths.execution import EAGER
from tests.harness.paths.models import MODEL_PATHS, TFLITE_PATHS
from tests.harness.paths.serialization import (
    COPY_PATHS,
    LOADED,
    clone_model,
    deepcopy,
    from_config,
    json_round_trip,
)
from tests.harness.probes.stateful import integer_layer
from tests.harness.properties.example import example
from tests.harness.properties.generated import generated
from tests.harness.target import layer
from tests.harness.target.arguments import (
    CELL_ARGUMENTS,
    NON_DEFAULT_VALUES,
    RNN_ARGUMENTS,
    assert_keeps_argument,
)
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import tf


def non_default_options(name: str, ways: Collection[str]) -> st.SearchStrategy:
    """Return a strategy of non-default arguments of the layer.

    It omits arguments for which a deviation explains a failure of the named property in one of the
    ways.
    """
    choices = {
        argument: st.sampled_from((None, *[(value,) for value in values]))  # None: not given
        for argument, values in NON_DEFAULT_VALUES.items()
        if argument in layer.under_test().features
        and not any(
            d.occurs_in(name, {"argument": argument, "path": way})
            for d in active.active_deviations()
            for way in ways
        )
    }
    return st.fixed_dictionaries(choices).map(
        lambda drawn: {argument: given[0] for argument, given in drawn.items() if given}
    )


@generated(
    "RNN",
    "You can specify the initial state of RNN layers symbolically by calling them with the keyword "
    "argument `initial_state`.",
    paths=(*MODEL_PATHS, LOADED),
)
def test_model_matches_the_reference(case, path):
    assert_run(path.run(case), case)


@generated(
    "TFLiteConverter",
    "Converts a TensorFlow model into TensorFlow Lite model.",
    paths=TFLITE_PATHS,
    case_cost=5,
)
def test_converted_layer_matches_the_reference(case, path):
    assert_run(path.run(case), case)


@generated(
    "Layer",
    "get_config: The config of a layer ... can be used to reinstantiate the layer (without its "
    "trained weights); from_config: the reverse of `get_config`",
    paths=COPY_PATHS,
)
def test_copied_layer_matches_the_reference(case, path):
    assert_run(path.run(case), case)


COPY_FUNCTIONS = {
    "the layer itself": lambda made: made,
    "from_config": lambda made: type(made).from_config(made.get_config()),
    "deepcopy": copy.deepcopy,
    "JSON": json_round_trip,
}


@pytest.mark.parametrize("argument", NON_DEFAULT_VALUES)
@pytest.mark.parametrize("path", COPY_FUNCTIONS)
@example("Layer", "get_config: ... containing the configuration of a layer")
def test_each_argument_is_kept(argument, path):
    for value in NON_DEFAULT_VALUES[argument]:
        with layer_call():
            copied = COPY_FUNCTIONS[path](layer.under_test().make(4, **{argument: value}))
        assert_keeps_argument(copied, argument, value, path)


NEW_WEIGHT_COPIES = {way.__name__: way for way in (from_config, deepcopy, clone_model)}


@pytest.mark.parametrize("path", NEW_WEIGHT_COPIES)
@example(
    "clone_model",
    "it creates new layers (and thus new weights) instead of sharing the weights of the existing "
    "layers",
)
def test_copy_does_not_share_weights(path):
    with layer_call():
        made = integer_layer(3, 2)
        before = made.get_weights()
        NEW_WEIGHT_COPIES[path](made).set_weights([1 + weight for weight in before])
    for weight, kept in zip(made.get_weights(), before, strict=True):
        assert_same("a weight of the layer when those of its copy are set", weight, kept)


@pytest.mark.parametrize("path", COPY_FUNCTIONS)
@example(
    "Identity",
    "gain: Multiplicative factor to apply to the identity matrix.",
    needs={"recurrent_initializer"},
)
def test_identity_initializer_keeps_its_gain(path):
    initializer = tf.keras.initializers.Identity(0.5)
    with layer_call():
        made = COPY_FUNCTIONS[path](layer.under_test().make(4, recurrent_initializer=initializer))
        made.build((None, None, 3))
    assert_same("recurrent kernel", made.get_weights()[1], np.eye(4) / 2)


@pytest.mark.parametrize("argument", CELL_ARGUMENTS)
@example("Layer", "get_config: ... containing the configuration of a layer", needs={"cell"})
def test_cell_config_keeps_each_argument(argument):
    for value in NON_DEFAULT_VALUES[argument]:
        with layer_call():
            cell = type(layer.under_test().make(4).cell)(4, **{argument: value})
            copied = type(cell).from_config(cell.get_config())
        assert_keeps_argument(copied, argument, value, "the copy of a cell")


@pytest.mark.parametrize("argument", RNN_ARGUMENTS)
@example("Layer", "get_config: ... containing the configuration of a layer", needs={"cell"})
def test_rnn_config_keeps_each_argument(argument):
    with layer_call():
        rnn = tf.keras.layers.RNN(layer.under_test().make(4).cell, **{argument: True})
        kept = getattr(type(rnn).from_config(rnn.get_config()), argument)
    if kept is not True:
        raise Mismatch(f"{argument}=True: the copy of an RNN has {kept!r}")


RNN_OBJECTS = {
    "SimpleRNN": lambda: layer.under_test().make(4),
    "SimpleRNNCell": lambda: layer.under_test().make(4).cell,
    "RNN": lambda: tf.keras.layers.RNN(layer.under_test().make(4).cell),
    "StackedRNNCells": lambda: tf.keras.layers.StackedRNNCells([layer.under_test().make(4).cell]),
    "Bidirectional": lambda: tf.keras.layers.Bidirectional(layer.under_test().make(4)),
}


@pytest.mark.parametrize("kind", RNN_OBJECTS)
@example(
    "Layer",
    "from_config: the reverse of `get_config`, capable of instantiating the same layer from the "
    "config dictionary.",
    needs={"cell"},
)
def test_config_can_be_used_twice(kind):
    with layer_call():
        original = RNN_OBJECTS[kind]()
        config = original.get_config()
        for _ in range(2):
            type(original).from_config(config)


KEEPS_ARGUMENT_TEST = test_each_argument_is_kept.__name__
CHECKED_DEFAULTS = {
    "use_bias",
    "return_sequences",
    "return_state",
    "go_backwards",
    "unroll",
    "stateful",
}
"""The arguments whose defaults must hold in combination with any other arguments."""


def reliable_copies() -> tuple[str, ...]:
    """Return the names of the copy functions without a deviation for every argument."""
    known = active.active_deviations()
    return tuple(
        way
        for way in COPY_FUNCTIONS
        if not any(d.occurs_in(KEEPS_ARGUMENT_TEST, {"path": way}) for d in known)
    )


@generated(
    "Layer",
    "get_config: ... The same layer can be reinstantiated later (without its trained weights) from "
    "this configuration.",
    paths=(EAGER,),
    strategies={
        "way": st.deferred(lambda: st.sampled_from(reliable_copies())),
        "options": st.deferred(lambda: non_default_options(KEEPS_ARGUMENT_TEST, reliable_copies())),
    },
)
def test_combined_arguments_are_kept(case, path, way, options):
    with layer_call():
        made = COPY_FUNCTIONS[way](layer.under_test().make(case.units, **options))
    defaults = {
        name: layer.OPTIONS[name] for name in CHECKED_DEFAULTS & layer.under_test().features
    }
    for argument, value in {**defaults, **options}.items():
        assert_keeps_argument(made, argument, value, way)
