"""A second layer with the configuration of the first, for wrappers and stacks of two."""

import numpy as np

from tests.harness.cases.case import Case
from tests.harness.paths.execution import eager
from tests.harness.paths.models import NON_EMPTY_BATCHES
from tests.harness.paths.path import Path
from tests.harness.target.releases import tf, tf_variable


def custom_classes(made) -> dict[str, type]:
    """Return the classes of the layer and its cell by name, as Keras's `custom_objects`."""
    return {type(part).__name__: type(part) for part in (made, getattr(made, "cell", made))}


def rebuild_from_config(made, wrapper):
    """Return a wrapper that is rebuilt from the wrapper's configuration, with the same weights."""
    copy = type(wrapper).from_config(wrapper.get_config(), custom_objects=custom_classes(made))
    copy.build((None, None, made.get_weights()[0].shape[0]))
    copy.set_weights(wrapper.get_weights())
    return copy


def run_with_two_states(wrapper):
    """Return the call of a wrapper of two layers or cells, whose results are a flat list.

    The initial state of the second layer or cell is minus that of the first.
    """

    def call(x, initial_state=None, **more):
        if initial_state is not None:
            more["initial_state"] = [initial_state[0], -initial_state[0]]
        return tf.nest.flatten(wrapper(x, **more))

    return call


def sibling_layer(made, *weights, **changes):
    """Return a layer of the same configuration except for `changes`, with these weights."""
    other = type(made).from_config({**made.get_config(), "name": "another", **changes})
    other.build((stateful_batch_size(made), None, weights[0].shape[0]))
    other.set_weights(weights)
    return other


def stateful_batch_size(made) -> int | None:
    """Return the batch size of a stateful layer, or None for any other layer."""
    return made.states[0].shape[0] if getattr(made, "stateful", False) else None


def gradients_through(call, layers, x) -> list[np.ndarray]:
    """Return the results of a call, and the gradients of a weighted sum of them.

    call: a function of x. layers: the layers whose trainable weights are sources, after x.
    """
    weights = [tf_variable(w) for one in layers for w in one.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch(x)
        results = tf.nest.flatten(call(x))
        total = tf.add_n(
            [tf.reduce_sum(r[0] * (1.0 + i) + r[1] * (3.0 + i)) for i, r in enumerate(results)]
        )
    return [*results, *tape.gradient(total, [x, *weights])]


def initial_states(case: Case):
    state = case.initial_state
    return (None, None) if state is None else (state, -state)


def wrapper_path(name: str, make, expression: str, *helpers, around=None, **more) -> Path:
    """Return the path of a wrapper of two layers or cells.

    make: a function from the layer to its wrapper. expression: the same for a script. parts: the
    `helpers` of the path. around: the function that runs the wrapper, `eager` by default. more:
    other fields of Path.
    """
    run = f"run_with_two_states({expression})"
    return Path(
        name,
        lambda made: (around or eager)(run_with_two_states(make(made))),
        f"{around.__name__}({run})(x, **more)" if around else f"{run}(x, **more)",
        helpers=(*helpers, run_with_two_states, *([around] if around else ())),
        choices=NON_EMPTY_BATCHES,
        **more,
    )
