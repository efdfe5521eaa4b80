"""Models that hold the layer, and copies of it, compute what it computes."""

import copy

import numpy as np
import pytest
from hypothesis import strategies as st

from tests.harness import deviations, layer
from tests.harness.arguments import (
    OF_CELL,
    OF_RNN,
    UNUSUAL,
    assert_kept,
    unusual_options,
)
from tests.harness.compare import Mismatch, assert_run, assert_same
from tests.harness.copies import (
    COPIES,
    MODELS,
    OF_LITE,
    clone_model,
    deepcopy,
    from_config,
    through_json,
)
from tests.harness.paths import EAGER, the_layer
from tests.harness.properties import documented, promise
from tests.harness.releases import tf
from tests.harness.stateful import of_integers


@promise(
    "RNN",
    "You can specify the initial state of RNN layers symbolically by calling them with the keyword "
    "argument `initial_state`.",
    on=MODELS,
)
def test_a_model_of_the_layer_gives_what_the_layer_gives(case, path):
    assert_run(path.run(case), case)


@promise(
    "TFLiteConverter",
    "Converts a TensorFlow model into TensorFlow Lite model.",
    on=OF_LITE,
    case_cost=5,
)
def test_a_converted_layer_gives_what_the_layer_gives(case, path):
    assert_run(path.run(case), case)


@promise(
    "Layer",
    "get_config: The config of a layer ... can be used to reinstantiate the layer (without its "
    "trained weights); from_config: the reverse of `get_config`",
    on=COPIES,
)
def test_a_copy_of_the_layer_gives_what_the_layer_gives(case, path):
    assert_run(path.run(case), case)


WAYS = {
    "the layer itself": lambda made: made,
    "from_config": lambda made: type(made).from_config(made.get_config()),
    "deepcopy": copy.deepcopy,
    "JSON": through_json,
}


@pytest.mark.parametrize("argument", UNUSUAL)
@pytest.mark.parametrize("path", WAYS)
@documented("Layer", "get_config: ... containing the configuration of a layer")
def test_an_argument_is_kept(argument, path):
    for value in UNUSUAL[argument]:
        with the_layer():
            copied = WAYS[path](layer.under_test().make(4, **{argument: value}))
        assert_kept(copied, argument, value, path)


ANEW = {way.__name__: way for way in (from_config, deepcopy, clone_model)}


@pytest.mark.parametrize("path", ANEW)
@documented(
    "clone_model",
    "it creates new layers (and thus new weights) instead of sharing the weights of the existing "
    "layers",
)
def test_a_copy_shares_no_weights_with_the_layer(path):
    with the_layer():
        made = of_integers(3, 2)
        before = made.get_weights()
        ANEW[path](made).set_weights([1 + weight for weight in before])
    for weight, kept in zip(made.get_weights(), before, strict=True):
        assert_same("a weight of the layer when those of its copy are set", weight, kept)


@pytest.mark.parametrize("path", WAYS)
@documented(
    "Identity",
    "gain: Multiplicative factor to apply to the identity matrix.",
    needs={"recurrent_initializer"},
)
def test_the_identity_keeps_its_gain(path):
    initializer = tf.keras.initializers.Identity(0.5)
    with the_layer():
        made = WAYS[path](layer.under_test().make(4, recurrent_initializer=initializer))
        made.build((None, None, 3))
    assert_same("recurrent kernel", made.get_weights()[1], np.eye(4) / 2)


@pytest.mark.parametrize("argument", OF_CELL)
@documented("Layer", "get_config: ... containing the configuration of a layer", needs={"cell"})
def test_an_argument_of_a_cell_is_kept(argument):
    for value in UNUSUAL[argument]:
        with the_layer():
            cell = type(layer.under_test().make(4).cell)(4, **{argument: value})
            copied = type(cell).from_config(cell.get_config())
        assert_kept(copied, argument, value, "the copy of a cell")


@pytest.mark.parametrize("argument", OF_RNN)
@documented("Layer", "get_config: ... containing the configuration of a layer", needs={"cell"})
def test_an_argument_of_an_rnn_of_a_cell_is_kept(argument):
    with the_layer():
        rnn = tf.keras.layers.RNN(layer.under_test().make(4).cell, **{argument: True})
        kept = getattr(type(rnn).from_config(rnn.get_config()), argument)
    if kept is not True:
        raise Mismatch(f"{argument}=True: the copy of an RNN has {kept!r}")


HOLDERS = {
    "SimpleRNN": lambda: layer.under_test().make(4),
    "SimpleRNNCell": lambda: layer.under_test().make(4).cell,
    "RNN": lambda: tf.keras.layers.RNN(layer.under_test().make(4).cell),
    "StackedRNNCells": lambda: tf.keras.layers.StackedRNNCells([layer.under_test().make(4).cell]),
    "Bidirectional": lambda: tf.keras.layers.Bidirectional(layer.under_test().make(4)),
}


@pytest.mark.parametrize("kind", HOLDERS)
@documented(
    "Layer",
    "from_config: the reverse of `get_config`, capable of instantiating the same layer from the "
    "config dictionary.",
    needs={"cell"},
)
def test_a_configuration_can_be_used_twice(kind):
    with the_layer():
        original = HOLDERS[kind]()
        config = original.get_config()
        for _ in range(2):
            type(original).from_config(config)


KEPT = test_an_argument_is_kept.__name__
TOLD = {"use_bias", "return_sequences", "return_state", "go_backwards", "unroll", "stateful"}
"""What a layer is told in any case, and must not change its mind about."""


def ways_that_work() -> tuple[str, ...]:
    """All but those that are known to fail for any argument."""
    known = deviations.active()
    return tuple(w for w in WAYS if not any(d.is_shown_by(KEPT, {"path": w}) for d in known))


@promise(
    "Layer",
    "get_config: ... The same layer can be reinstantiated later (without its trained weights) from "
    "this configuration.",
    on=(EAGER,),
    way=st.deferred(lambda: st.sampled_from(ways_that_work())),
    options=st.deferred(lambda: unusual_options(KEPT, ways_that_work())),
)
def test_arguments_are_kept_whatever_the_others_are(case, path, way, options):
    with the_layer():
        made = WAYS[way](layer.under_test().make(case.units, **options))
    defaults = {name: layer.OPTIONS[name] for name in TOLD & layer.under_test().features}
    for argument, value in {**defaults, **options}.items():
        assert_kept(made, argument, value, way)
