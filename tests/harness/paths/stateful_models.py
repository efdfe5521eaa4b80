"""Paths that serve a stateful layer in pieces of a sequence: the first step, two more, the rest.

Each piece continues from the state of the piece before it, so that the joined outputs equal those
of one call with the whole sequence.
"""

from tests.harness.paths.execution import dynamic_shape, eager, function
from tests.harness.paths.implicit_masks import blank_masked_steps
from tests.harness.paths.path import path_from_function
from tests.harness.target.releases import exported_function, tf, tf_variable


def in_pieces(made, run, lengths=(1, 3)):
    """Return a function that resets the layer, calls `run` for each piece of the inputs, and joins
    the results. lengths: the numbers of steps after which the inputs are cut."""
    from itertools import pairwise

    def call(x, **more):
        made.reset_states()
        cuts = [0, *(cut for cut in lengths if cut < x.shape[1]), x.shape[1]]
        parts = [
            run(x[:, i:j], **{name: value[:, i:j] for name, value in more.items()})
            for i, j in pairwise(cuts)
        ]
        outputs, states = zip(*parts, strict=True)
        return tf.concat(outputs, axis=1), states[-1]

    return call


def stateful_model(made, x, masked):
    """Return a model of the layer for x's batch size and any time, with Masking if `masked`."""
    inputs = tf.keras.Input((None, x.shape[-1]), batch_size=x.shape[0], dtype=x.dtype)
    before = tf.keras.layers.Masking(9.0, dtype=x.dtype)(inputs) if masked else inputs
    return tf.keras.Model(inputs, list(made(before)))


def serve(made, serving):
    """Return a function that gives pieces to `serving(model)`, which it makes for the first one."""
    served = None

    def run(x, mask=None):
        nonlocal served
        x = x if mask is None else blank_masked_steps(x, mask)
        served = served or serving(stateful_model(made, x, mask is not None))
        return served(x)

    return in_pieces(made, run)


def stateful_eager(made):
    return in_pieces(made, eager(made))


def stateful_function(made):
    return in_pieces(made, function(made))


def stateful_dynamic_shape(made):
    """Return the layer in one trace of unknown batch and time, which runs all pieces."""
    return in_pieces(made, dynamic_shape(made))


def stateful_dynamic_time(made):
    """Return the layer in one trace of known batch and unknown time, which runs all pieces."""
    return in_pieces(made, dynamic_shape(made, axes=(1,)))


def stateful_predict(made):
    return serve(made, lambda model: lambda x: model.predict(x.numpy(), verbose=0))


def stateful_exported(made):
    """Return the results of an exported model that TensorFlow alone has loaded."""
    return lambda x, **more: serve(made, exported_function)(x, **more)


def stateful_converted(made):
    """Return the results of TensorFlow Lite for a converted layer that takes one step per call."""

    def convert(x):
        made.reset_states()

        @tf.function
        def step(x):
            outputs, state = made(x)
            return {"y": outputs, "h": state}

        module = tf.Module()
        module.kept = [tf_variable(v) for v in (*made.weights, *made.states)]
        spec = tf.TensorSpec((x.shape[0], 1, x.shape[2]), x.dtype, name="x")
        converter = tf.lite.TFLiteConverter.from_concrete_functions(
            [step.get_concrete_function(spec)], module
        )
        converter.experimental_enable_resource_variables = True
        return tf.lite.Interpreter(model_content=converter.convert()).get_signature_runner()

    def call(x):
        runner = convert(x)

        def run(piece):
            results = runner(x=piece.numpy())
            return results["y"], results["h"]

        return in_pieces(made, run, range(1, x.shape[1]))(x)

    return call


def _path(call, **more):
    return path_from_function(
        call,
        **{
            "unsupported": frozenset({"initial_state", "go_backwards"}),
            "needs": frozenset({"stateful"}),
            "options": (("stateful", True),),
            **more,
        },
    )


STATEFUL_EXECUTION = (
    _path(stateful_eager),
    _path(stateful_function, traced=True, fixed_shape=True, example_fraction=0.5),
    _path(stateful_dynamic_shape, traced=True, fixed_shape=True),
    _path(stateful_dynamic_time, traced=True, fixed_shape=True, example_fraction=0.5),
)
STATEFUL_CONVERTED = _path(
    stateful_converted,
    needs=frozenset({"stateful", "tf.lite"}),
    unsupported=frozenset({"initial_state", "go_backwards", "mask"}),
    choices={"dtype": ("float32",)},
    example_fraction=0.2,
    leaks_memory=True,
)
STATEFUL_MODEL_PATHS = (
    *STATEFUL_EXECUTION,
    _path(stateful_predict, choices={"dtype": ("float32",)}, example_fraction=0.2),
    _path(stateful_exported, example_fraction=0.3, leaks_memory=True),
    STATEFUL_CONVERTED,
)
