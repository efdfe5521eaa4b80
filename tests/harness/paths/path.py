"""The paths: ways to run a layer that must all give the same."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from tests.harness import session
from tests.harness.cases.case import Case
from tests.harness.compare.assertions import Mismatch
from tests.harness.compare.runs import Run
from tests.harness.paths.script import SHOW, script
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import tf

SEQUENCES_AND_STATE = frozenset({"return_sequences", "return_state"})
"""The options that make a layer give the outputs of all steps, and the state."""


@dataclass(frozen=True)
class Path:
    """One way to run a layer.

    lacks: features of cases that it cannot run. options: constructor arguments that make the path.
    call: from a layer to the function of (x, **more) that runs it. expression: the same, for a
    printed script. traced: whether each kind of case costs a trace. fixed_shape: whether each
    (batch, time) costs another. needs: features that the layer must have. choices: what cases are
    narrowed to. share: the part of the profile's examples that is worth its price. lasting: whether
    what it makes of each case stays in memory, so that more cases than usual are not for it. parts:
    functions that `call` uses, to be printed with it.
    """

    name: str
    call: Callable
    expression: str
    unsupported: frozenset[str] = frozenset()
    options: tuple[tuple[str, object], ...] = ()
    traced: bool = False
    fixed_shape: bool = False
    needs: frozenset[str] = frozenset()
    choices: Mapping[str, tuple] = field(default_factory=dict, hash=False)
    example_fraction: float = 1.0
    leaks_memory: bool = False
    helpers: tuple[Callable, ...] = ()

    def __str__(self) -> str:
        return self.name

    def with_options(self, **more) -> "Path":
        """The same path with further constructor arguments, in place of a case's own."""
        return replace(self, options=(*self.options, *more.items()))

    def with_mixed_policy(self, case: Case) -> "Path":
        """The same path under the mixed policy that computes in the case's dtype."""
        return self.with_options(dtype=f"mixed_{case.dtype}")

    @property
    def required_features(self) -> frozenset[str]:
        """The features of a layer without which this path is not applicable."""
        return self.needs | dict(self.options).keys()

    def new_layer(self, units: int, features: int, **options):
        """A new layer of this path with weights of its own, for whole sequences and the state."""
        given = {**dict.fromkeys(SEQUENCES_AND_STATE, True), **dict(self.options), **options}
        return layer.under_test().build(units, features, **given)

    def layer_with_state(self, case: Case):
        """The layer for this case with its weights set, for whole sequences and states."""
        return self.layer(case, **dict.fromkeys(SEQUENCES_AND_STATE, True))

    def layer(self, case: Case, **flags):
        """The layer for this case with its weights set. flags: further constructor arguments."""
        options = {
            **case.options(layer.under_test().features),
            **layer.under_test().zero_initializers,
            **dict(self.options),
            **flags,
        }
        if options.get("stateful"):
            options["batch"] = case.batch  # a stateful layer is built for one
        with layer_call():
            kept = layer.cached_traced_layer if self.traced else layer.cached_layer
            made = kept(case.units, case.features, tuple(sorted(options.items())))
            layer.set_weights(made, *case.weights)
        return made

    def run(self, case: Case, made=None, **other) -> Run:
        """Outputs and final state of the layer on this case, or of the one that was `made` for it;
        Mismatch if it gives no such thing. `other` arguments replace the case's."""
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
        """What this layer gives for the case's arguments, as it gives it; `other` ones replace
        the case's."""
        arguments = {**call_tensors(case), **other}
        shape = (case.batch, case.time) if self.fixed_shape else None
        with layer_call():
            call = _traced(self, made, tuple(arguments), shape) if self.traced else self.call(made)
            return call(arguments.pop("x"), **arguments)

    def script(self, case: Case, ending: str = SHOW) -> str:
        """A program that runs this case on this path with TensorFlow and NumPy alone, and ends as
        in `Case.script`."""
        own = (self.call,) if self.expression.startswith(self.call.__name__) else ()
        helpers = "\n\n".join(inspect.getsource(part) for part in (*self.helpers, *own))
        return script(case, self.expression, dict(self.options), helpers, ending)


def path_from_function(call: Callable, *parts: Callable, **more) -> Path:
    """The path of a function, by its name; parts and more as in Path."""
    name = call.__name__
    return Path(name, call, f"{name}(layer)(x, **more)", helpers=parts, **more)


def call_tensors(case: Case) -> dict:
    """What the layer is called with: tensors of the case's dtype, by the suite's names."""
    arguments = {"x": tf.cast(np.asarray(case.inputs), case.dtype)}
    if case.initial_state is not None:
        arguments["initial_state"] = [tf.cast(np.asarray(case.initial_state), case.dtype)]
    if case.mask is not None:
        arguments["mask"] = tf.constant(case.mask)
    return arguments


@session.kept(maxsize=layer.MAX_TRACES)
def _traced(path: Path, made, arguments: tuple[str, ...], shape):
    """One tf.function for each layer, choice of arguments and, where it matters, shape."""
    return path.call(made)
