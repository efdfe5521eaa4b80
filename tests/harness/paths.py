"""The paths: ways to run a layer that must all give the same."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tests.harness import layer
from tests.harness.cases import Case
from tests.harness.compare import Mismatch, Run
from tests.harness.releases import tf

TRACES_KEPT = 96


@dataclass(frozen=True)
class Path:
    """One way to run a layer.

    lacks: features of cases that it cannot run. options: constructor arguments that make the path.
    call: from a layer to the function of (x, **more) that runs it. expression: the same, for a
    printed script. traced: whether each kind of case costs a trace. fixed_shape: whether each
    (batch, time) costs another. bitwise: whether its results are those of the eager path, bit by
    bit.
    """

    name: str
    call: Callable
    expression: str
    lacks: frozenset[str] = frozenset()
    options: tuple[tuple[str, object], ...] = ()
    traced: bool = False
    fixed_shape: bool = False
    needs: frozenset[str] = frozenset()

    def __str__(self) -> str:
        return self.name

    def built(self, case: Case):
        """The layer for this case with its weights set, for whole sequences and states."""
        return self.layer(case, return_sequences=True, return_state=True)

    def layer(self, case: Case, **flags):
        """The layer for this case with its weights set. flags: further constructor arguments."""
        zeros = {
            name: "zeros"
            for name in ("kernel_initializer", "recurrent_initializer")
            if name in layer.under_test().features
        }
        options = {**case.options, **zeros, **dict(self.options), **flags}
        made = layer.kept_layer(case.units, case.features, tuple(sorted(options.items())))
        layer.set_weights(made, *case.weights)
        return made

    def run(self, case: Case) -> Run:
        """Outputs and final state of the layer on this case; Mismatch if it gives no such thing."""
        results = self.results(case, self.built(case))
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

    def results(self, case: Case, made):
        """What this layer gives for the case's arguments, as it gives it."""
        arguments = _arguments(case)
        shape = (case.batch, case.time) if self.fixed_shape else None
        try:
            call = _traced(self, made, tuple(arguments), shape) if self.traced else self.call(made)
            return call(**arguments)
        except Exception as error:
            first = str(error).strip().split("\n")[0][:300]
            raise Mismatch(f"the layer raised {type(error).__name__}: {first}") from error

    def script(self, case: Case) -> str:
        """A program that runs this case on this path with TensorFlow and NumPy alone."""
        return case.script(self.expression, dict(self.options))


def _arguments(case: Case) -> dict:
    arguments = {"x": tf.cast(np.asarray(case.inputs), case.dtype)}
    if case.initial_state is not None:
        arguments["initial_state"] = [tf.cast(np.asarray(case.initial_state), case.dtype)]
    if case.mask is not None:
        arguments["mask"] = tf.constant(case.mask)
    return arguments


@functools.lru_cache(maxsize=TRACES_KEPT)
def _traced(path: Path, made, arguments: tuple[str, ...], shape):
    """One tf.function for each layer, choice of arguments and, where it matters, shape."""
    return path.call(made)


def _eager(made):
    return lambda x, **more: made(x, **more)


def _function(made):
    return tf.function(_eager(made))


def _function_unknown(made):
    return tf.function(_eager(made), reduce_retracing=True)


def _xla(made):
    return tf.function(_eager(made), jit_compile=True)


def _cell_loop(made):
    def call(x, initial_state=None):
        state = initial_state or [tf.zeros((x.shape[0], made.cell.units), x.dtype)]
        outputs = []
        for t in range(x.shape[1]):
            output, state = made.cell(x[:, t], state)
            outputs.append(output)
        return tf.stack(outputs, axis=1), state[0]

    return call


EAGER = Path("eager", _eager, "layer(x, **more)")
FUNCTION = Path(
    "function", _function, "tf.function(layer)(x, **more)", traced=True, fixed_shape=True
)
UNKNOWN = Path("unknown", _function_unknown, "unknown(layer)(x, **more)", traced=True)
XLA = Path(
    "xla",
    _xla,
    "tf.function(layer, jit_compile=True)(x, **more)",
    traced=True,
    fixed_shape=True,
)
UNROLL = Path("unroll", _eager, "layer(x, **more)", options=(("unroll", True),))
CELL = Path(
    "cell",
    _cell_loop,
    "cell_loop(layer, x, **more)",
    lacks=frozenset({"mask", "go_backwards", "zero_output_for_mask"}),
    needs=frozenset({"cell"}),
)
EVERY = (EAGER, FUNCTION, UNKNOWN, XLA, UNROLL, CELL)
BITWISE = (EAGER, UNROLL, CELL)
