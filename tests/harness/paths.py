"""The paths: ways to run a layer that must all give the same."""

import contextlib
import inspect
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from tests.harness import layer
from tests.harness.cases import Case
from tests.harness.compare import Mismatch, Run
from tests.harness.releases import KERAS_2, tf

WHOLE = frozenset({"return_sequences", "return_state"})
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
    lacks: frozenset[str] = frozenset()
    options: tuple[tuple[str, object], ...] = ()
    traced: bool = False
    fixed_shape: bool = False
    needs: frozenset[str] = frozenset()
    choices: Mapping[str, tuple] = field(default_factory=dict, hash=False)
    share: float = 1.0
    lasting: bool = False
    parts: tuple[Callable, ...] = ()

    def __str__(self) -> str:
        return self.name

    def with_options(self, **more) -> "Path":
        """The same path with further constructor arguments, in place of a case's own."""
        return replace(self, options=(*self.options, *more.items()))

    def mixed(self, case: Case) -> "Path":
        """The same path under the mixed policy that computes in the case's dtype."""
        return self.with_options(dtype=f"mixed_{case.dtype}")

    @property
    def wants(self) -> frozenset[str]:
        """The features of a layer without which this path is not applicable."""
        return self.needs | dict(self.options).keys()

    def new(self, units: int, features: int, **options):
        """A new layer of this path with weights of its own, for whole sequences and the state."""
        given = {**dict.fromkeys(WHOLE, True), **dict(self.options), **options}
        return layer.under_test().build(units, features, **given)

    def built(self, case: Case):
        """The layer for this case with its weights set, for whole sequences and states."""
        return self.layer(case, **dict.fromkeys(WHOLE, True))

    def layer(self, case: Case, **flags):
        """The layer for this case with its weights set. flags: further constructor arguments."""
        options = {**case.options, **layer.under_test().zeros, **dict(self.options), **flags}
        if options.get("stateful"):
            options["batch"] = case.batch  # a stateful layer is built for one
        with the_layer():
            kept = layer.traced_layer if self.traced else layer.kept_layer
            made = kept(case.units, case.features, tuple(sorted(options.items())))
            layer.set_weights(made, *case.weights)
        return made

    def run(self, case: Case, made=None, **other) -> Run:
        """Outputs and final state of the layer on this case, or of the one that was `made` for it;
        Mismatch if it gives no such thing. `other` arguments replace the case's."""
        results = self.results(case, made or self.built(case), **other)
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
        arguments = {**arguments_of(case), **other}
        shape = (case.batch, case.time) if self.fixed_shape else None
        with the_layer():
            call = _traced(self, made, tuple(arguments), shape) if self.traced else self.call(made)
            return call(arguments.pop("x"), **arguments)

    def script(self, case: Case, ending: str = "") -> str:
        """A program that runs this case on this path with TensorFlow and NumPy alone, and ends as
        in `Case.script`."""
        own = (self.call,) if self.expression.startswith(self.call.__name__) else ()
        helpers = "\n\n".join(inspect.getsource(part) for part in (*self.parts, *own))
        return case.script(self.expression, dict(self.options), helpers, ending)


def through(call: Callable, *parts: Callable, **more) -> Path:
    """The path of a function, by its name; parts and more as in Path."""
    name = call.__name__
    return Path(name, call, f"{name}(layer)(x, **more)", parts=parts, **more)


@contextlib.contextmanager
def the_layer(*lacking: type[Exception]):
    """Whatever the layer raises on a documented case is a departure from the documentation.

    An exception is the layer's if it passed through code of TensorFlow, of Keras or of the layer.
    All others are the suite's own and remain what they are; so does that memory is short. lacking:
    what Python raises in the block itself where the layer lacks a method or an argument.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, (Mismatch, MemoryError, tf.errors.ResourceExhaustedError)):
            raise
        if not isinstance(error, lacking) and not _passed_through_the_layer(error):
            raise
        what = f"{type(error).__name__}: {layer.one_line(error)}"
        raise Mismatch(f"the layer raised {what}") from error


def _passed_through_the_layer(error: Exception) -> bool:
    theirs = {"tensorflow", "keras", "tf_keras", layer.under_test().make.__module__}
    theirs |= {"copy", "pickle", "json"}  # which are given nothing but a layer or what it gave
    frames = (frame for frame, _ in traceback.walk_tb(error.__traceback__))
    names = (str(frame.f_globals.get("__name__")) for frame in frames)
    return any(name in theirs or name.partition(".")[0] in theirs for name in names)


REFUSALS = (
    ValueError,
    TypeError,
    IndexError,
    tf.errors.InvalidArgumentError,
    tf.errors.OutOfRangeError,
)
"""What says that something is refused; any other exception is an accident on the way."""


def assert_refused(what: str, call: Callable, *types: type[Exception]) -> None:
    """The call raises one of these exceptions, REFUSALS unless given, from within the layer."""
    try:
        with the_layer():
            call()
    except Mismatch as mismatch:
        if isinstance(mismatch.__cause__, types or REFUSALS):
            return
        raise
    raise Mismatch(f"{what} is accepted")


def arguments_of(case: Case) -> dict:
    """What the layer is called with: tensors of the case's dtype, by the suite's names."""
    arguments = {"x": tf.cast(np.asarray(case.inputs), case.dtype)}
    if case.initial_state is not None:
        arguments["initial_state"] = [tf.cast(np.asarray(case.initial_state), case.dtype)]
    if case.mask is not None:
        arguments["mask"] = tf.constant(case.mask)
    return arguments


@layer.kept(maxsize=layer.TRACES_KEPT)
def _traced(path: Path, made, arguments: tuple[str, ...], shape):
    """One tf.function for each layer, choice of arguments and, where it matters, shape."""
    return path.call(made)


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


def unknown(made):
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
    share=0.5,
)
UNKNOWN = Path("unknown", unknown, "unknown(layer)(x, **more)", traced=True)
XLA = Path(
    "xla",
    xla,
    "tf.function(layer, jit_compile=True)(x, **more)",
    traced=True,
    fixed_shape=True,
    share=0.5,
)
UNROLL = Path("unroll", eager, "layer(x, **more)", options=(("unroll", True),))
UNROLL_FUNCTION = replace(FUNCTION, name="unroll-function", options=UNROLL.options)
SHARED = Path("shared", shared, "shared(layer)(x, **more)", traced=True, fixed_shape=True)
CELL = Path(
    "cell",
    cell_loop,
    "cell_loop(layer)(x, **more)",
    lacks=frozenset({"mask", "go_backwards", "zero_output_for_mask"}),
    needs=frozenset({"cell"}),
)
EVERY = (EAGER, FUNCTION, UNKNOWN, XLA, UNROLL, CELL)
TIME_MAJOR = Path(
    "time_major",
    time_major,
    "time_major(layer)(x, **more)",
    options=(("time_major", True),),
    needs=frozenset({"time_major"}),
)
STATELESS = Path("stateless", stateless, "stateless(layer)(x, **more)", share=0.5)
OF_ONE_KERAS = (TIME_MAJOR,) if KERAS_2 else (STATELESS,)
"""The paths that Keras 3 has no longer, or Keras 2 had not yet."""
