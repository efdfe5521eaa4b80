"""Ways to execute a layer: eager, traced, compiled, unrolled, and a loop over its cell."""

from dataclasses import replace

from tests.harness.paths.path import Path
from tests.harness.target.releases import KERAS_2, tf


def eager(made):
    return lambda x, **more: made(x, **more)


def function(made):
    return tf.function(eager(made))


def shared(made):
    """The second of two calls in one trace; the first is of other inputs, masks and states."""

    def call(x, **more):
        made(-x, **{name: ~value for name, value in more.items() if name == "mask"})
        return made(x, **more)

    return tf.function(call)


def xla(made):
    return tf.function(eager(made), jit_compile=True)


def dynamic_shape(made):
    """A tf.function that knows neither batch nor time, one for each kind of arguments."""
    traced = {}

    def any_size(name, value):
        if name == "initial_state":
            return [tf.TensorSpec([None, *state.shape[1:]], state.dtype) for state in value]
        return tf.TensorSpec([None, None, *value.shape[2:]], value.dtype)

    def call(x, **more):
        flags = {name: value for name, value in more.items() if isinstance(value, bool)}
        given = {"x": x, **{name: value for name, value in more.items() if name not in flags}}
        signature = [any_size(name, value) for name, value in given.items()]
        if (key := (*given, *flags.items(), *tf.nest.flatten(signature))) not in traced:
            names = tuple(given)[1:]
            traced[key] = tf.function(
                lambda x, *values: made(x, **flags, **{n: values[i] for i, n in enumerate(names)}),
                input_signature=signature,
            )
        return traced[key](*given.values())

    return call


def cell_loop(made):
    """The loop over the steps that a user would write with the layer's own cell."""

    def call(x, initial_state=None):
        state = initial_state or [tf.zeros((x.shape[0], made.cell.state_size), x.dtype)]
        outputs = []
        for t in range(x.shape[1]):
            output, state = made.cell(x[:, t], state)
            outputs.append(output)
        return tf.stack(outputs, axis=1), state[0]

    return call


def stateless(made):
    """The call as a function of the variables. The layer's own weights are zeros meanwhile."""
    given = [
        [tf.identity(variable.value) for variable in variables]
        for variables in (made.trainable_variables, made.non_trainable_variables)
    ]
    made.set_weights([0 * weight for weight in made.get_weights()])
    return lambda x, **more: made.stateless_call(*given, x, **more)[0]


def time_major(made):
    """Inputs, mask and outputs of shape (time, batch, ...), turned on the way in and out."""

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


DYNAMIC_SHAPE = Path("dynamic-shape", dynamic_shape, "dynamic_shape(layer)(x, **more)", traced=True)


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


SHARED = Path("shared", shared, "shared(layer)(x, **more)", traced=True, fixed_shape=True)


CELL_LOOP = Path(
    "cell",
    cell_loop,
    "cell_loop(layer)(x, **more)",
    unsupported=frozenset({"mask", "go_backwards", "zero_output_for_mask"}),
    needs=frozenset({"cell"}),
)


EXECUTION_PATHS = (EAGER, FUNCTION, DYNAMIC_SHAPE, XLA, UNROLL, CELL_LOOP)


TIME_MAJOR = Path(
    "time_major",
    time_major,
    "time_major(layer)(x, **more)",
    options=(("time_major", True),),
    needs=frozenset({"time_major"}),
)


STATELESS = Path("stateless", stateless, "stateless(layer)(x, **more)", example_fraction=0.5)


VERSION_SPECIFIC = (TIME_MAJOR,) if KERAS_2 else (STATELESS,)
"""The paths that Keras 3 has no longer, or Keras 2 had not yet."""
