"""Paths that execute the layer: eager, traced, compiled, unrolled, and a loop over its cell."""

from dataclasses import replace

from tests.harness.paths.path import Path, path_from_function
from tests.harness.target.releases import KERAS_2, tf


def eager(made):
    return lambda x, **more: made(x, **more)


def function(made):
    return tf.function(eager(made))


def shared(made):
    """Return the second of two calls in one trace; the first has other inputs and another mask."""

    def call(x, **more):
        made(-x, **{name: ~value for name, value in more.items() if name == "mask"})
        return made(x, **more)

    return tf.function(call)


def xla(made):
    return tf.function(eager(made), jit_compile=True)


def dynamic_shape(made, axes=(0, 1), **options):
    """Return a tf.function in which the sizes of these axes are unknown, by default batch and time.

    It has one trace per kind of arguments. options: further arguments of tf.function.
    """
    traced = {}

    def any_size(name, value):
        if name == "initial_state":
            return [tf.TensorSpec([None, *state.shape[1:]], state.dtype) for state in value]
        sizes = [None if axis in axes else size for axis, size in enumerate(value.shape)]
        return tf.TensorSpec(sizes, value.dtype)

    def call(x, **more):
        flags = {name: value for name, value in more.items() if isinstance(value, bool)}
        given = {"x": x, **{name: value for name, value in more.items() if name not in flags}}
        signature = [any_size(name, value) for name, value in given.items()]
        if (key := (*given, *flags.items(), *tf.nest.flatten(signature))) not in traced:
            names = tuple(given)[1:]
            traced[key] = tf.function(
                lambda x, *values: made(x, **flags, **{n: values[i] for i, n in enumerate(names)}),
                input_signature=signature,
                **options,
            )
        return traced[key](*given.values())

    return call


def cell_loop(made):
    """Return a loop over the steps that calls the layer's cell."""

    def call(x, initial_state=None):
        state = initial_state or [tf.zeros((x.shape[0], made.cell.state_size), x.dtype)]
        outputs = []
        for t in range(x.shape[1]):
            output, state = made.cell(x[:, t], state)
            outputs.append(output)
        return tf.stack(outputs, axis=1), state[0]

    return call


def stateless(made):
    """Return stateless_call with the present values of the variables.

    The layer's weights are set to zero, so that a call that reads them fails.
    """
    values = [
        [tf.identity(variable.value) for variable in variables]
        for variables in (made.trainable_variables, made.non_trainable_variables)
    ]
    made.set_weights([0 * weight for weight in made.get_weights()])
    return lambda x, **more: made.stateless_call(*values, x, **more)[0]


def time_major(made):
    """Return the layer with inputs and mask transposed to (time, batch, ...), and outputs back."""

    def call(x, mask=None, **more):
        if mask is not None:
            more["mask"] = tf.transpose(mask)
        outputs, state = made(tf.transpose(x, (1, 0, 2)), **more)
        return tf.transpose(outputs, (1, 0, 2)), state

    return call


EAGER = Path("eager", eager, "layer(x, **more)")


FUNCTION = Path(
    "function",
    function,
    "tf.function(layer)(x, **more)",
    traced=True,
    fixed_shape=True,
    example_fraction=0.5,
)


DYNAMIC_SHAPE = path_from_function(dynamic_shape, name="dynamic-shape", traced=True)


XLA = Path(
    "xla",
    xla,
    "tf.function(layer, jit_compile=True)(x, **more)",
    traced=True,
    fixed_shape=True,
    example_fraction=0.5,
)


UNROLL = Path("unroll", eager, "layer(x, **more)", options=(("unroll", True),))


UNROLL_FUNCTION = replace(FUNCTION, name="unroll-function", options=UNROLL.options)


SHARED = path_from_function(shared, traced=True, fixed_shape=True)


CELL_LOOP = path_from_function(
    cell_loop,
    name="cell",
    unsupported=frozenset({"mask", "go_backwards", "zero_output_for_mask"}),
    needs=frozenset({"cell"}),
)


EXECUTION_PATHS = (EAGER, FUNCTION, DYNAMIC_SHAPE, XLA, UNROLL, CELL_LOOP)


TIME_MAJOR = path_from_function(
    time_major,
    options=(("time_major", True),),
    needs=frozenset({"time_major"}),
)


STATELESS = path_from_function(stateless, example_fraction=0.5)


VERSION_SPECIFIC = (TIME_MAJOR,) if KERAS_2 else (STATELESS,)
"""The path that exists in Keras 2 or Keras 3 only."""
