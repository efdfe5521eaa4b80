"""Gradients of a layer on a path, and comparison of gradients with the reference."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from reference.gradient import (
    GradientProblem,
    Gradients,
    backpropagate,
    backward_steps,
    partial_sum_bounds,
    probe,
)
from tests.harness import session
from tests.harness.cases.case import Case, array_from_expression, noise, replace
from tests.harness.compare.assertions import Mismatch, assert_within
from tests.harness.compare.runs import Run
from tests.harness.paths.path import Path, call_tensors
from tests.harness.paths.script import tensor
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import tf, tf_variable


def loss_weights(case: Case, all_outputs: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """Return V (batch, time, units) in order of processing, and v (batch, units).

    They are small integers, which are exact in every dtype. all_outputs: whether V weights all
    outputs instead of the last one.
    """
    B, T, n = case.batch, case.time, case.units
    last = "" if all_outputs else f" * (np.arange({T}) == {T - 1})[:, None]"
    V = array_from_expression(f"(np.floor(noise(1, ({B}, {T}, {n})) * 5) - 2){last}")
    return V, array_from_expression(f"np.floor(noise(2, ({B}, {n})) * 5) - 2")


def problem(case: Case, all_outputs: bool = True) -> GradientProblem:
    """Return the reference's problem for this case; `all_outputs`: as in `loss_weights`."""
    weights = loss_weights(case, all_outputs)
    return GradientProblem(case.recurrence, case.inputs, case.initial_state, case.mask, *weights)


def with_probe_features(case: Case) -> Case:
    """Return the case with one more feature per unit, as in `GradientProblem.with_probe`.

    The gradient with respect to that feature is the one with respect to the unit's z.
    """
    kernel, inputs = probe(np.asarray(case.kernel), np.asarray(case.inputs))
    old_kernel, old_inputs = (getattr(a, "text", None) for a in (case.kernel, case.inputs))
    if old_kernel and old_inputs:
        zeros = f"np.zeros({(case.batch, case.time, case.units)})"
        inputs = array_from_expression(f"np.concatenate([{old_inputs}, {zeros}], axis=-1)")
        kernel = array_from_expression(f"np.concatenate([{old_kernel}, np.eye({case.units})])")
    return replace(case, kernel=kernel, inputs=inputs)


def truncated_to_exact_gradients(case: Case) -> Case:
    """Return the case with as many steps as its backward pass is exact for, at least one."""
    return next(
        (cut for cut in (case.split(t)[0] for t in range(case.time, 1, -1)) if _exact(cut).all()),
        case.split(1)[0],
    )


def _exact(case: Case) -> np.ndarray:
    largest = session.current().arithmetics[case.dtype].integers
    return np.array(
        [np.max(size, initial=0) < largest for _, size in partial_sum_bounds(problem(case)).items()]
    )


def single_gradient_call(tape, results, sources, weights):
    """Return the gradients of <V, outputs> + <v, state>, from one call of the tape."""
    return tape.gradient(results, sources, output_gradients=weights)


def separate_gradient_calls(tape, results, sources, weights):
    """Return the same gradients, from one call for the outputs and one for the state."""
    parts = [
        tape.gradient(result, sources, output_gradients=weight)
        for result, weight in zip(results, weights, strict=True)
    ]
    return tf.nest.map_structure(tf.add, *parts)


def gradient_from_jacobian(tape, results, sources, weights):
    """Return the same gradients, from all entries of the two Jacobian matrices."""
    parts = [
        tf.nest.map_structure(
            lambda entries, weight=weight: tf.tensordot(weight, entries, weight.shape.rank),
            tape.jacobian(result, sources),
        )
        for result, weight in zip(results, weights, strict=True)
    ]
    return tf.nest.map_structure(tf.add, *parts)


@dataclass(frozen=True)
class LayerWithGradients:
    """A call that returns a layer's results and its gradients, by argument.

    run: the call of the layer. made: the layer. gradient_method: such as `single_gradient_call`. A
    gradient is None if the tape finds no connection.
    """

    run: Callable
    made: object
    gradient_method: Callable

    def __call__(self, x, output_weights, state_weights, **more):
        state = _state(more)
        called = getattr(self.run, "python_function", self.run)  # of a tf.function
        made = called if isinstance(called, tf.keras.layers.Layer) else self.made
        sources = {"inputs": x, **_weights(made), **state}
        with tf.GradientTape(persistent=self.gradient_method is not single_gradient_call) as tape:
            tape.watch([x, *state.values()])
            results = list(self.run(x, **more))
        return results, self.gradient_method(
            tape, results, sources, [output_weights, state_weights]
        )


def _weights(made) -> dict:
    names = ("kernel", "recurrent_kernel", "bias")
    return {names[i]: tf_variable(weight) for i, weight in enumerate(made.trainable_weights)}


def _state(more) -> dict:
    return {"initial_state": more["initial_state"][0]} if "initial_state" in more else {}


@functools.lru_cache
def gradient_path(path: Path, gradient_method: Callable) -> Path:
    """Return the path that runs a layer in the same way and differentiates it."""

    def call(made):
        if path.traced:
            return path.call(LayerWithGradients(made, made, gradient_method))
        return LayerWithGradients(path.call(made), made, gradient_method)

    return replace(path, call=call)


def run(
    path: Path, case: Case, gradient_method: Callable = single_gradient_call
) -> tuple[Run, dict[str, np.ndarray]]:
    """Return the results of the layer on this case, and its gradients by argument, as float64."""
    V, v = (tf.cast(np.asarray(w), case.dtype) for w in loss_weights(case))
    results, gradients = gradient_path(path, gradient_method).results(
        case, path.layer_with_state(case), output_weights=V, state_weights=v
    )
    return Run(*(np.asarray(r, np.float64) for r in results)), _numbers(gradients)


def last_output_gradients(path: Path, case: Case) -> dict[str, np.ndarray]:
    """Return the gradients, by argument, of a layer that returns its last output and its state."""
    V, v = (tf.cast(np.asarray(w), case.dtype) for w in loss_weights(case, all_outputs=False))
    made = path.layer(case, return_state=True)
    _, gradients = gradient_path(path, single_gradient_call).results(
        case, made, output_weights=V[:, -1], state_weights=v
    )
    return _numbers(gradients)


def _numbers(gradients) -> dict[str, np.ndarray]:
    if missing := [name for name, value in gradients.items() if value is None]:
        raise Mismatch(f"no gradient flows to {' and '.join(missing)}")
    dense = {name: tf.convert_to_tensor(value) for name, value in gradients.items()}
    return {name: np.asarray(value, np.float64) for name, value in dense.items()}


SCRIPT_ENDING = """\
V, v = {V}, {v}
with tf.GradientTape() as tape:
    tape.watch([x, *more.get('initial_state', [])])
    outputs, state = {call}
sources = [x, *layer.trainable_weights, *more.get('initial_state', [])]
for gradient in tape.gradient([outputs, state], sources, output_gradients=[V, v]):
    print(gradient)
"""


def script(path: Path, case: Case, all_outputs: bool = True) -> str:
    """Return a program that prints the gradients on this path with TensorFlow and NumPy alone."""
    V, v = (tensor(w, case.dtype) for w in loss_weights(case, all_outputs))
    show = (
        SCRIPT_ENDING
        if all_outputs
        else f"layer.return_sequences = False\n{SCRIPT_ENDING.replace('{V}', '{V}[:, -1]')}"
    )
    return path.script(case, show.replace("{V}", V).replace("{v}", v))


def second_call_gradients(case: Case) -> tuple[Case, dict[str, np.ndarray]]:
    """Return a case, and the gradients of the second of two calls of a stateful layer.

    The first call takes the first half of the steps, the second call the rest. The returned case
    has the steps of the second call and its initial state. Raises Mismatch if a gradient flows to
    the inputs of the first call.
    """
    first, second = case.split(case.time // 2)
    _, state = case.recurrence.run(first.inputs, None, first.mask)
    flags = {"stateful": True, "return_sequences": True, "return_state": True}
    with layer_call():
        made = layer.under_test().build(
            case.units,
            case.features,
            case.batch,
            **case.options(layer.under_test().features),
            **flags,
        )
        layer.set_weights(made, *case.weights)
        call, arguments = (
            LayerWithGradients(made, made, separate_gradient_calls),
            call_tensors(second),
        )
        earlier = call_tensors(first)
        with tf.GradientTape() as tape:
            tape.watch(earlier["x"])
            made(earlier["x"], **{k: v for k, v in earlier.items() if k != "x"})
            V, v = (tf.cast(np.asarray(w), case.dtype) for w in loss_weights(second))
            (outputs, _), gradients = call(output_weights=V, state_weights=v, **arguments)
        if tape.gradient(outputs, earlier["x"]) is not None:
            raise Mismatch("a gradient flows to the inputs of an earlier call")
    return replace(second, initial_state=state), _numbers(gradients)


def forward_mode_products(path: Path, case: Case) -> tuple[float, float]:
    """Return <V, J t> + <v, J t> for a tangent t, and the same as <gradient, t>.

    The first number is from the layer in forward mode, the second from the reference's gradients.
    """
    made, arguments = path.layer_with_state(case), call_tensors(case)
    primals = {"inputs": arguments["x"], **_weights(made), **_state(arguments)}
    tangents = _tangents(primals)
    with (
        layer_call(),
        tf.autodiff.ForwardAccumulator(
            list(primals.values()), [tf.cast(t, case.dtype) for t in tangents.values()]
        ) as accumulator,
    ):
        results = path.call(made)(**arguments)
    products = [np.asarray(accumulator.jvp(result), np.float64) for result in results]
    expected = backpropagate(problem(case))
    return (
        sum(np.sum(w * p) for w, p in zip(loss_weights(case), products, strict=True)),
        sum(np.sum(getattr(expected, name) * t) for name, t in tangents.items()),
    )


def _tangents(primals) -> dict[str, np.ndarray]:
    """Return for each argument an array of its shape with the entries -1, 0 and 1."""
    return {
        name: np.floor(noise(3 + i, tuple(value.shape)) * 3) - 1
        for i, (name, value) in enumerate(primals.items())
    }


def second_derivatives(path: Path, case: Case) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return the derivative of each gradient along a tangent, from nested tapes and the reference.

    The case must be linear and have at most 3 steps. Its gradients along a line are polynomials of
    degree 4 at most, so the central difference of sixth order is exactly their derivative.
    """
    made, arguments = path.layer_with_state(case), call_tensors(case)
    V, v = (tf.cast(np.asarray(w), case.dtype) for w in loss_weights(case))
    sources = {"inputs": arguments["x"], **_weights(made), **_state(arguments)}
    tangents = _tangents(sources)
    call = LayerWithGradients(path.call(made), made, single_gradient_call)
    with layer_call():
        with tf.GradientTape() as tape:
            tape.watch([arguments["x"], *_state(arguments).values()])
            _, first = call(output_weights=V, state_weights=v, **arguments)
        second = tape.gradient(
            list(first.values()),
            sources,
            output_gradients=[tf.cast(tangents[name], case.dtype) for name in first],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )

    def gradients(at: int) -> Gradients:
        moved = {name: np.asarray(getattr(case, name)) + at * t for name, t in tangents.items()}
        return backpropagate(problem(replace(case, **moved)))

    weighted = [(c, gradients(k), gradients(-k)) for k, c in ((1, 45), (2, -9), (3, 1))]
    return {
        name: (got, sum(c * (getattr(a, name) - getattr(b, name)) for c, a, b in weighted) / 60)
        for name, got in second.items()
    }


def assert_exact_gradients(gradients: dict[str, np.ndarray], case: Case, all_outputs=True) -> None:
    """Raise Mismatch unless the gradients equal those of the reference; the case has integers only.

    all_outputs: as in `loss_weights`.
    """
    posed = problem(case, all_outputs)
    expected = backpropagate(posed)
    largest = session.current().arithmetics[case.dtype].integers
    bounds: dict[str, Any] = {"bias": None} | {
        name: np.where(size < largest, 0, np.inf)
        for name, size in partial_sum_bounds(posed).items()
    }
    _assert_gradients(gradients, expected, Gradients(**bounds), case.dtype)


def assert_backward_steps(run: Run, gradients: dict[str, np.ndarray], case: Case) -> None:
    """Raise Mismatch unless each gradient is within the rounding bound of its backward step.

    run, gradients: of a case from `with_probe_features`. Each step starts from the layer's own
    gradient at the next step (`reference.gradient.backward_steps`).
    """
    dz = case.recurrence.in_order(gradients["inputs"][..., -case.units :])
    steps = backward_steps(
        problem(case), run.outputs, dz, session.current().arithmetics[case.dtype]
    )
    _assert_gradients(gradients, steps.expected, steps.bound, case.dtype)


def _assert_gradients(gradients, expected: Gradients, bound: Gradients, dtype: str) -> None:
    for name, value in gradients.items():
        wanted, error = getattr(expected, name), getattr(bound, name)
        assert_within(f"gradient to {name}", value, wanted, error, dtype)
