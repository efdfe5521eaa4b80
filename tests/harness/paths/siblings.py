"""A second layer beside the layer under test, for wrappers and stacks of two."""

import numpy as np

from tests.harness.cases.case import Case
from tests.harness.paths.execution import eager
from tests.harness.paths.models import NON_EMPTY_BATCHES
from tests.harness.paths.path import Path
from tests.harness.target.releases import tf, tf_variable


def custom_classes(made) -> dict[str, type]:
    """The classes of the layer and its cell, by name, for those that Keras does not know."""
    return {type(part).__name__: type(part) for part in (made, getattr(made, "cell", made))}


def rebuild_from_config(made, wrapper):
    """A wrapper of the layer, made again from its configuration, with the same weights."""
    copy = type(wrapper).from_config(wrapper.get_config(), custom_objects=custom_classes(made))
    copy.build((None, None, made.get_weights()[0].shape[0]))
    copy.set_weights(wrapper.get_weights())
    return copy


def run_with_two_states(wrapper):
    """The results of a wrapper of two layers or cells, in a flat list; the initial state of the
    second is minus that of the first."""

    def call(x, initial_state=None, **more):
        if initial_state is not None:
            more["initial_state"] = [initial_state[0], -initial_state[0]]
        return tf.nest.flatten(wrapper(x, **more))

    return call


def sibling_layer(made, *weights, **changes):
    """A layer of the same configuration but for the changes, with these weights."""
    other = type(made).from_config({**made.get_config(), "name": "another", **changes})
    other.build((stateful_batch_size(made), None, weights[0].shape[0]))
    other.set_weights(weights)
    return other


def stateful_batch_size(made) -> int | None:
    """The batch size of a stateful layer."""
    return made.states[0].shape[0] if getattr(made, "stateful", False) else None


def gradients_through(call, layers, x) -> list[np.ndarray]:
    """Results of a call, and the gradients of their weighted sum to its inputs and all weights."""
    weights = [tf_variable(w) for one in layers for w in one.trainable_weights]
    with tf.GradientTape() as tape:
        tape.watch(x)
        results = tf.nest.flatten(call(x))
        total = tf.add_n(
            [tf.reduce_sum(r[0] * (1.0 + i) + r[1] * (3.0 + i)) for i, r in enumerate(results)]
        )
    return [*results, *tape.gradient(total, [x, *weights])]


def _states(case: Case):
    state = case.initial_state
    return (None, None) if state is None else (state, -state)


def _wrapper_path(name: str, make, expression: str, *parts, around=None, **more) -> Path:
    """The path of a wrapper, made by `make`, of two layers or cells; around: how it is run, unless
    eager; parts and more as in Path."""
    run = f"with_two_states({expression})"
    return Path(
        name,
        lambda made: (around or eager)(run_with_two_states(make(made))),
        f"{around.__name__}({run})(x, **more)" if around else f"{run}(x, **more)",
        helpers=(*parts, run_with_two_states),
        choices=NON_EMPTY_BATCHES,
        **more,
    )
