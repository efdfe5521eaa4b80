"""Differentiating a layer on a path, and deciding whether its gradients are right."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reference.gradient import (
    GradientProblem,
    Gradients,
    backpropagate,
    backward_steps,
    partial_sum_bounds,
    probe,
)
from reference.rounding import FORMATS
from tests.harness.cases.case import Case, array_from_expression, noise, replace
from tests.harness.compare.assertions import Mismatch, assert_within
from tests.harness.compare.runs import Run
from tests.harness.paths.path import Path, call_tensors
from tests.harness.paths.script import tensor
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import tf, tf_variable


def loss_weights(case: Case, all_outputs: bool = True) -> tuple[np.ndarray, np.ndarray]:
    """V (batch, time, units) in order of processing, and v (batch, units): small integers, so that
    they are exact in every dtype. whole: whether of all outputs, or of the last alone."""
    B, T, n = case.batch, case.time, case.units
    last = "" if all_outputs else f" * (np.arange({T}) == {T - 1})[:, None]"
    V = array_from_expression(f"(np.floor(noise(1, ({B}, {T}, {n})) * 5) - 2){last}")
    return V, array_from_expression(f"np.floor(noise(2, ({B}, {n})) * 5) - 2")


def problem(case: Case, all_outputs: bool = True) -> GradientProblem:
    """The reference's problem for this case; whole: as in `weightings`."""
    weights = loss_weights(case, all_outputs)
    return GradientProblem(case.recurrence, case.inputs, case.initial_state, case.mask, *weights)


def with_probe_features(case: Case) -> Case:
    """With a feature for each unit, zero, the gradient to which is the one to the unit's z."""
    kernel, inputs = probe(np.asarray(case.kernel), np.asarray(case.inputs))
    if case.kernel.text and case.inputs.text:
        zeros = f"np.zeros({(case.batch, case.time, case.units)})"
        inputs = array_from_expression(f"np.concatenate([{case.inputs.text}, {zeros}], axis=-1)")
        kernel = array_from_expression(
            f"np.concatenate([{case.kernel.text}, np.eye({case.units})])"
        )
    return replace(case, kernel=kernel, inputs=inputs)


def truncated_to_exact_gradients(case: Case) -> Case:
    """The case, cut short before its backward pass is no longer exact in its dtype."""
    return next(
        (cut for cut in (case.split(t)[0] for t in range(case.time, 1, -1)) if _exact(cut).all()),
        case.split(1)[0],
    )


def _exact(case: Case) -> np.ndarray:
    largest = FORMATS[case.dtype].integers
    return np.array(
        [np.max(size, initial=0) < largest for _, size in partial_sum_bounds(problem(case)).items()]
    )


def single_gradient_call(tape, results, sources, weights):
    """The gradients of <V, outputs> + <v, state>, from one call of the tape."""
    return tape.gradient(results, sources, output_gradients=weights)


def separate_gradient_calls(tape, results, sources, weights):
    """The same from one call for the outputs and one for the state."""
    parts = [
        tape.gradient(result, sources, output_gradients=weight)
        for result, weight in zip(results, weights, strict=True)
    ]
    return tf.nest.map_structure(tf.add, *parts)


def gradient_from_jacobian(tape, results, sources, weights):
    """The same from all entries of the two Jacobian matrices."""
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
    """A layer's run together with its gradients, by argument; None where none flows."""

    run: Callable
    made: object
    gradient_method: Callable

    def __call__(self, x, output_weights, state_weights, **more):
        state = _state(more)
        sources = {"inputs": x, **_weights(self.made), **state}
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
    """The path that runs a layer in the same way and differentiates it there."""

    def call(made):
        if path.traced:
            return path.call(LayerWithGradients(made, made, gradient_method))
        return LayerWithGradients(path.call(made), made, gradient_method)

    return replace(path, call=call)


def run(
    path: Path, case: Case, gradient_method: Callable = single_gradient_call
) -> tuple[Run, dict[str, np.ndarray]]:
    """Results and gradients of the layer on this case, as float64, by argument."""
    V, v = (tf.cast(np.asarray(w), case.dtype) for w in loss_weights(case))
    results, gradients = gradient_path(path, gradient_method).results(
        case, path.layer_with_state(case), output_weights=V, state_weights=v
    )
    return Run(*(np.asarray(r, np.float64) for r in results)), _numbers(gradients)


def last_output_gradients(path: Path, case: Case) -> dict[str, np.ndarray]:
    """The gradients of a layer that gives its last output and its state, by argument."""
    V, v = (tf.cast(np.asarray(w), case.dtype) for w in loss_weights(case, all_outputs=False))
    made = path.layer(case, return_state=True)
    _, gradients = gradient_path(path, single_gradient_call).results(
        case, made, output_weights=V[:, -1], state_weights=v
    )
    return _numbers(gradients)


def _numbers(gradients) -> dict[str, np.ndarray]:
    if missing := [name for name, value in gradients.items() if value is None]:
        raise Mismatch(f"no gradient flows to {' and '.join(missing)}")
    return {name: np.asarray(value, np.float64) for name, value in gradients.items()}


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
    """A program that prints the gradients on this path with TensorFlow and NumPy alone."""
    V, v = (tensor(w, case.dtype) for w in loss_weights(case, all_outputs))
    show = (
        SCRIPT_ENDING
        if all_outputs
        else f"layer.return_sequences = False\n{SCRIPT_ENDING.replace('{V}', '{V}[:, -1]')}"
    )
    return path.script(case, show.replace("{V}", V).replace("{v}", v))


def second_call_gradients(case: Case) -> tuple[Case, dict[str, np.ndarray]]:
    """The gradients of the second of two calls of a stateful layer, which take the first half
    of the steps and the rest, and the case that the second call is by itself.

    Raises Mismatch if a gradient flows to the inputs of the first.
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
    """<V, J t> + <v, J t> for a tangent t, from the layer in forward mode, and the same from the
    reference's gradients, <gradient, t>."""
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
    """For each argument -1, 0 or 1 in each entry."""
    return {
        name: np.floor(noise(3 + i, tuple(value.shape)) * 3) - 1
        for i, (name, value) in enumerate(primals.items())
    }


def second_derivatives(path: Path, case: Case) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The derivative of each gradient along a tangent, from nested tapes and from the reference.

    The case is linear and of at most 3 steps. Along a line its gradients are then polynomials of
    degree 4 at most, so that the central difference of sixth order is their derivative, exactly.
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
    """The gradients are those of the reference in every bit: the case is one of integers.
    whole: as in `weightings`."""
    posed = problem(case, all_outputs)
    expected, largest = backpropagate(posed), FORMATS[case.dtype].integers
    exact = {
        name: np.where(size < largest, 0, np.inf)
        for name, size in partial_sum_bounds(posed).items()
    }
    _assert_gradients(gradients, expected, Gradients(**{"bias": None, **exact}), case.dtype)


def assert_backward_steps(run: Run, gradients: dict[str, np.ndarray], case: Case) -> None:
    """Each step of the backward pass, and each gradient, is within its rounding bound of what
    follows from the pass's own neighbours; the case is `probed`."""
    dz = case.recurrence.in_order(gradients["inputs"][..., -case.units :])
    steps = backward_steps(problem(case), run.outputs, dz, case.dtype)
    _assert_gradients(gradients, steps.expected, steps.bound, case.dtype)


def _assert_gradients(gradients, expected: Gradients, bound: Gradients, dtype: str) -> None:
    for name, value in gradients.items():
        wanted, error = getattr(expected, name), getattr(bound, name)
        assert_within(f"gradient to {name}", value, wanted, error, dtype)
