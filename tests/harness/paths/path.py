"""A path: one way to run a layer. The layer must return the same results on every path."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from tests.harness import session
from tests.harness.cases.case import Case
from tests.harness.cases.plans import Choices
from tests.harness.compare.assertions import Mismatch
from tests.harness.compare.runs import Run
from tests.harness.paths.script import SHOW, script
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import tf

SEQUENCES_AND_STATE = frozenset({"return_sequences", "return_state"})
"""The options that make a layer return the outputs of all steps, and the state."""


@dataclass(frozen=True)
class Path:
    """One way to run a layer.

    call: a function from a layer to the function of (x, **more) that runs it. expression: the same
    for a printed script, in terms of `layer`, `x` and `more`. unsupported: choices of cases that it
    cannot run. options: constructor arguments of the path. traced: whether each kind of case costs
    a trace. fixed_shape: whether each (batch, time) costs another trace. needs: features that the
    layer must have. choices: a narrower range of cases. example_fraction: the fraction of the
    profile's examples that the path runs, by its cost. leaks_memory: whether each case occupies
    memory until the end of the run; the path then runs at most the profile's number of examples.
    helpers: the functions that `expression` names, which a script prints.
    returns_state: whether the layer of the path may return its state beside its outputs.
    """

    name: str
    call: Callable
    expression: str
    unsupported: frozenset[str] = frozenset()
    options: tuple[tuple[str, object], ...] = ()
    traced: bool = False
    fixed_shape: bool = False
    needs: frozenset[str] = frozenset()
    choices: Choices = field(default_factory=dict, hash=False)
    example_fraction: float = 1.0
    leaks_memory: bool = False
    helpers: tuple[Callable, ...] = ()
    returns_state: bool = True

    def __str__(self) -> str:
        return self.name

    def with_options(self, **more) -> "Path":
        """Return the path with these constructor arguments, which replace those of a case."""
        return replace(self, options=(*self.options, *more.items()))

    def with_mixed_policy(self, case: Case) -> "Path":
        """Return the path with the mixed policy whose compute dtype is the dtype of the case."""
        return self.with_options(dtype=f"mixed_{case.dtype}")

    @property
    def required_features(self) -> frozenset[str]:
        """The features that a layer must have for this path to apply."""
        return self.needs | dict(self.options).keys()

    def new_layer(self, units: int, features: int, **options):
        """Return a new layer with initial weights, which returns sequences and state."""
        given = {**dict.fromkeys(SEQUENCES_AND_STATE, True), **dict(self.options), **options}
        return layer.under_test().build(units, features, **given)

    def layer_with_state(self, case: Case):
        """Return the layer of the case with its weights, which returns sequences and state."""
        return self.layer(case, **dict.fromkeys(SEQUENCES_AND_STATE, True))

    def layer(self, case: Case, **flags):
        """Return the layer of the case with its weights; `flags`: more constructor arguments."""
        options = {
            **case.options(layer.under_test().features),
            **layer.under_test().zero_initializers,
            **dict(self.options),
            **flags,
        }
        if options.get("stateful"):
            options["batch"] = case.batch  # a stateful layer needs a fixed batch size
        with layer_call():
            kept = layer.cached_traced_layer if self.traced else layer.cached_layer
            made = kept(case.units, case.features, tuple(sorted(options.items())))
            layer.set_weights(made, *case.weights)
        return made

    def run(self, case: Case, made=None, **other) -> Run:
        """Run the layer on a case, and return its outputs and final state.

        made: the layer, or None for a new or cached one. other: arguments of the call that replace
        those of the case. Raises Mismatch if the results have another number, shape or dtype.
        """
        results = self.results(case, made or self.layer_with_state(case), **other)
        if not isinstance(results, (list, tuple)) or len(results) != 2:
            raise Mismatch(f"expected outputs and one state, got {type(results).__name__}")
        wanted = ((case.batch, case.time, case.units), (case.batch, case.units))
        for what, result, shape in zip(("outputs", "state"), results, wanted, strict=True):
            if tuple(result.shape) != shape or tf.as_dtype(result.dtype).name != case.dtype:
                raise Mismatch(
                    f"expected {what} of shape {shape} and dtype {case.dtype}, "
                    f"got {tuple(result.shape)} and {tf.as_dtype(result.dtype).name}"
                )
        return Run(*(np.asarray(r, dtype=np.float64) for r in results))

    def results(self, case: Case, made, **other):
        """Run this layer on a case, and return its results unchanged.

        other: arguments of the call that replace those of the case. Raises Mismatch if the layer
        raises.
        """
        arguments = {**call_tensors(case), **other}
        shape = (case.batch, case.time) if self.fixed_shape else None
        with layer_call():
            call = _traced(self, made, tuple(arguments), shape) if self.traced else self.call(made)
            return call(arguments.pop("x"), **arguments)

    @property
    def result_flags(self) -> dict[str, bool]:
        """The constructor arguments with which the path gives whole sequences and the state."""
        return {"return_sequences": True, "return_state": self.returns_state}

    def script(self, case: Case, ending: str = SHOW) -> str:
        """Return a program that runs the case on this path with TensorFlow and NumPy alone.

        ending: as in `script.script`.
        """
        extra = {**dict(self.options), **self.result_flags}
        return script(case, self.expression, extra, self.helpers, ending)


def path_from_function(call: Callable, **more) -> Path:
    """Return the path of a function, with the function's name.

    The script of the path prints the function. more: other fields of Path.
    """
    name = call.__name__
    return Path(
        **{"name": name, **more}, call=call, expression=f"{name}(layer)(x, **more)", helpers=(call,)
    )


def call_tensors(case: Case) -> dict:
    """Return the arguments of the layer's call, by name, as tensors of the case's dtype."""
    arguments = {"x": tf.cast(np.asarray(case.inputs), case.dtype)}
    if case.initial_state is not None:
        arguments["initial_state"] = [tf.cast(np.asarray(case.initial_state), case.dtype)]
    if case.mask is not None:
        arguments["mask"] = tf.constant(case.mask)
    return arguments


@session.kept(maxsize=layer.MAX_TRACES)
def _traced(path: Path, made, arguments: tuple[str, ...], shape):
    """Return the traced call; one per layer, choice of arguments and, if it matters, shape."""
    return path.call(made)
