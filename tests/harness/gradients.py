"""Differentiating a layer on a path, and deciding whether its gradients are right."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reference.gradient import (
    Gradients,
    Problem,
    backpropagate,
    backward_steps,
    probe,
    sizes,
)
from reference.rounding import FORMATS
from tests.harness.cases import Case, formula, replace
from tests.harness.compare import Mismatch, Run, assert_within
from tests.harness.paths import Path
from tests.harness.releases import tf


def weightings(case: Case) -> tuple[np.ndarray, np.ndarray]:
    """V (batch, time, units) in order of processing, and v (batch, units): small integers, so that
    they are exact in every dtype."""
    B, T, n = case.batch, case.time, case.units
    V = formula(f"np.floor(noise(1, ({B}, {T}, {n})) * 5) - 2")
    return V, formula(f"np.floor(noise(2, ({B}, {n})) * 5) - 2")


def problem(case: Case) -> Problem:
    """The reference's problem for this case."""
    return Problem(case.recurrence, case.inputs, case.initial_state, case.mask, *weightings(case))


def probed(case: Case) -> Case:
    """With a feature for each unit, zero, the gradient to which is the one to the unit's z."""
    kernel, inputs = probe(np.asarray(case.kernel), np.asarray(case.inputs))
    return replace(case, kernel=kernel, inputs=inputs)


def kept_exact(case: Case) -> Case:
    """The case, cut short before its backward pass is no longer exact in its dtype."""
    return next(
        (cut for cut in (case.split(t)[0] for t in range(case.time, 1, -1)) if _exact(cut).all()),
        case.split(1)[0],
    )


def _exact(case: Case) -> np.ndarray:
    largest = FORMATS[case.dtype].integers
    return np.array([np.max(size, initial=0) < largest for _, size in sizes(problem(case)).items()])


@dataclass(frozen=True)
class Differentiated:
    """A layer's run with the gradients of <V, outputs> + <v, state>; None where none flows."""

    run: Callable
    made: object

    def __call__(self, x, output_weights, state_weights, **more):
        sources = {"inputs": x, **_named(self.made), **_initial(more)}
        with tf.GradientTape() as tape:
            tape.watch([x, *more.get("initial_state", ())])
            results = list(self.run(x, **more))
        weights = [output_weights, state_weights]
        return results, tape.gradient(results, sources, output_gradients=weights)


def _named(made) -> dict:
    names = ("kernel", "recurrent_kernel", "bias")
    return dict(zip(names, made.trainable_weights, strict=False))


def _initial(more) -> dict:
    return {"initial_state": more["initial_state"][0]} if "initial_state" in more else {}


@functools.lru_cache
def differentiating(path: Path) -> Path:
    """The path that runs a layer in the same way and differentiates it there."""

    def call(made):
        if path.traced:
            return path.call(Differentiated(made, made))
        return Differentiated(path.call(made), made)

    return replace(path, call=call)


def run(path: Path, case: Case) -> tuple[Run, dict[str, np.ndarray]]:
    """Results and gradients of the layer on this case, as float64, by argument."""
    V, v = (tf.cast(np.asarray(w), case.dtype) for w in weightings(case))
    results, gradients = differentiating(path).results(
        case, path.built(case), output_weights=V, state_weights=v
    )
    if missing := [name for name, value in gradients.items() if value is None]:
        raise Mismatch(f"no gradient flows to {' and '.join(missing)}")
    found = {name: np.asarray(value, np.float64) for name, value in gradients.items()}
    return Run(*(np.asarray(r, np.float64) for r in results)), found


def assert_exact_gradients(gradients: dict[str, np.ndarray], case: Case) -> None:
    """The gradients are those of the reference in every bit: the case is one of integers."""
    expected, largest = backpropagate(problem(case)), FORMATS[case.dtype].integers
    exact = {
        name: np.where(size < largest, 0, np.inf) for name, size in sizes(problem(case)).items()
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
