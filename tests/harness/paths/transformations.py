"""Paths through functions that transform a function: maps, recomputed gradients, XLA, threads."""

from dataclasses import replace

from tests.harness.paths.execution import (
    DYNAMIC_SHAPE,
    FUNCTION,
    UNROLL,
    XLA,
    dynamic_shape,
    eager,
    function,
)
from tests.harness.paths.models import NON_EMPTY_BATCHES
from tests.harness.paths.path import path_from_function
from tests.harness.paths.serialization import from_config
from tests.harness.target.releases import tf


def dynamic_xla(made):
    """Return a tf.function of unknown batch and time that XLA compiles."""
    return dynamic_shape(made, jit_compile=True)


def for_each_row(made, mapping):
    """Return a function that runs each row as a batch of one: `mapping(function, rows)`."""

    def call(x, **more):
        def one(row):
            given = {
                name: [v[0][None]] if name == "initial_state" else v[None]
                for name, v in row.items()
            }
            outputs, state = made(given.pop("x"), **given)
            return outputs[0], state[0]

        return mapping(one, {"x": x, **more})

    return call


def map_fn(made):
    def mapping(one, rows):
        return tf.map_fn(one, rows, fn_output_signature=(rows["x"].dtype,) * 2)

    return for_each_row(made, mapping)


def map_fn_traced(made):
    return dynamic_shape(map_fn(made))


def vectorized_map(made):
    return for_each_row(made, tf.vectorized_map)


def vectorized_map_traced(made):
    return dynamic_shape(vectorized_map(made))


def recompute_grad(made):
    """Return the layer with a gradient that repeats the forward pass.

    The initial state is a positional argument: gradients flow to these and to variables only.
    """

    def call(x, initial_state=(), **more):
        def run(x, *state):
            given = {**more, "initial_state": list(state)} if state else more
            return tuple(made(x, **given))

        return tf.recompute_grad(run)(x, *initial_state)

    return call


def recompute_grad_traced(made):
    return dynamic_shape(recompute_grad(made))


def rematerialized(made, mode="full"):
    """Return a copy of the layer that recomputes its activations in the backward pass."""
    with tf.keras.RematScope(mode=mode):
        return from_config(made)


def rematerialized_traced(made):
    return tf.function(rematerialized(made))


def rematerialized_activations(made):
    return rematerialized(made, "activations")


def run_in_threads(run):
    """Return a function that calls `run` in two threads, with x and -x, and returns the first."""
    from concurrent.futures import ThreadPoolExecutor

    def call(x, **more):
        with ThreadPoolExecutor(2) as pool:
            first, _ = [pool.submit(run, value, **more) for value in (x, -x)]
            return first.result()

    return call


def threads(made):
    return run_in_threads(eager(made))


def threads_traced(made):
    """Return the same for one tf.function, which the first thread traces."""
    return run_in_threads(function(made))


def _path(call, **more):
    return path_from_function(call, **{"choices": NON_EMPTY_BATCHES, **more})


_TRACED = {"traced": True, "example_fraction": 0.3}
DYNAMIC_XLA = _path(dynamic_xla, fixed_shape=True, **_TRACED)
MAP_FN = _path(map_fn, example_fraction=0.5)
MAP_FN_TRACED = _path(map_fn_traced, **_TRACED)
VECTORIZED_MAP = _path(vectorized_map, example_fraction=0.3)
VECTORIZED_MAP_TRACED = _path(vectorized_map_traced, **_TRACED)
RECOMPUTED = _path(recompute_grad, example_fraction=0.5)
RECOMPUTED_TRACED = _path(recompute_grad_traced, **_TRACED)
_REMAT = {"needs": frozenset({"RematScope"}), "example_fraction": 0.3}
REMATERIALIZED = (
    _path(rematerialized, **_REMAT),
    _path(rematerialized_traced, **_REMAT),
    _path(rematerialized_activations, **_REMAT),
)
THREADS = _path(threads, example_fraction=0.5)
THREADS_TRACED = _path(threads_traced, fixed_shape=True, **_TRACED)
TRANSFORMATIONS = (
    DYNAMIC_XLA,
    MAP_FN,
    MAP_FN_TRACED,
    VECTORIZED_MAP_TRACED,
    RECOMPUTED,
    RECOMPUTED_TRACED,
    *REMATERIALIZED,
    THREADS,
    THREADS_TRACED,
)


def _called(path):
    """Return the path with a new compiled function per case, so that tapes are outside of it."""
    return replace(
        path, name=f"{path.name}-called", traced=False, example_fraction=0.3, leaks_memory=True
    )


DYNAMIC_SHAPE_CALLED, FUNCTION_CALLED, RECOMPUTED_CALLED = (
    _called(path) for path in (DYNAMIC_SHAPE, FUNCTION, RECOMPUTED_TRACED)
)
# The lists of tensors of a loop do not leave a function that XLA compiles, as its documentation
# says ("TensorArray TF/XLA interconversion is not supported"): the layer is unrolled.
XLA_CALLED = replace(
    _called(XLA), options=UNROLL.options, choices={"zero_output_for_mask": (False,)}
)
DIFFERENTIATED = (DYNAMIC_SHAPE_CALLED, XLA_CALLED, MAP_FN, RECOMPUTED, *REMATERIALIZED)
DIFFERENTIATED_NIGHTLY = (FUNCTION_CALLED, DYNAMIC_XLA, VECTORIZED_MAP, RECOMPUTED_CALLED)
TRANSFORMATION_PATHS = (
    *TRANSFORMATIONS,
    VECTORIZED_MAP,
    DYNAMIC_SHAPE_CALLED,
    XLA_CALLED,
    FUNCTION_CALLED,
    RECOMPUTED_CALLED,
)
