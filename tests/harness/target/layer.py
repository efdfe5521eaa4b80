"""The layer under test: its selection, its features, and building it."""

import functools
import importlib
import inspect
import re
import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

from reference.formats import FORMATS
from tests.harness import session
from tests.harness.cases import plans
from tests.harness.cases.case import CALL_ARGUMENTS, CLIP, DEFAULTS
from tests.harness.configuration import ConfigurationError
from tests.harness.target.releases import FORMULAS, INPUT_DTYPES, KERAS_2, REMAT_SCOPE, tf

DEFAULT = "tf.keras.layers:SimpleRNN"

OPTIONS = DEFAULTS | ({"time_major": False} if KERAS_2 else {})
"""The documented constructor arguments of SimpleRNN except `units`, with their defaults."""


@tf.keras.utils.register_keras_serializable("simplernn_verify")
def clip(z):
    return tf.clip_by_value(z, -1, 1)


ATTRIBUTES = "cell", "stateless_call", "get_initial_state"
"""Attributes that a layer may lack, each a feature."""

LAYERS_BEFORE_CLEARING = 200
"""The number of built layers after which the Keras session is cleared, to free their memory."""

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
AUTOGRAPH_SOURCE_LINES = re.compile(r"\Ain user code:\n\n(?: {4}.*\n)+\n {4}\w+: ")
"""The source lines that AutoGraph writes before the message of an error in a trace."""


def error_summary(error: Exception) -> str:
    """Return the message of an exception in one line of at most 400 characters.

    It omits the source lines of a trace: their paths differ between machines, and they leave no
    room for the cause.
    """
    return " ".join(AUTOGRAPH_SOURCE_LINES.sub("", COLOUR.sub("", str(error))).split())[:400]


class LayerUnderTest:
    """A callable that takes the arguments of SimpleRNN and returns a Keras layer.

    name: "module:attribute". Raises ConfigurationError if it cannot be imported, or does not return
    a layer.
    """

    def __init__(self, name: str):
        self.name = name
        self.make = _load(name)
        self._built = 0
        try:
            layer = self.make(1)
        except Exception as error:
            raise ConfigurationError(
                f"--layer {name}: calling it with units=1 fails: {error_summary(error)}"
            ) from None
        if not isinstance(layer, tf.keras.layers.Layer):
            kind = type(layer).__name__
            raise ConfigurationError(
                f"--layer {name} is not a layer: called with units=1 it returns a {kind}"
            )
        self._example = layer
        self._register_classes()

    def _register_classes(self) -> None:
        """Register the classes of the layer and its cell, which saving requires."""
        for part in (self._example, getattr(self._example, "cell", None)):
            kind = type(part)
            if kind.__module__.split(".")[0] not in ("builtins", "keras", "tf_keras"):
                tf.keras.utils.get_custom_objects()[kind.__name__] = kind

    @property
    def is_builtin(self) -> bool:
        """Whether the layer under test is TensorFlow's SimpleRNN."""
        return self.make is tf.keras.layers.SimpleRNN

    @property
    def keras_bases(self) -> frozenset[str]:
        """The Keras classes among "SimpleRNN" and "RNN" that the layer is an instance of."""
        names = ("SimpleRNN", "RNN")
        return frozenset(n for n in names if isinstance(self._example, getattr(tf.keras.layers, n)))

    def missing_features(self, wanted: Iterable[str]) -> list[str]:
        """Return the wanted features that this layer lacks, in alphabetical order."""
        return sorted(set(wanted) - self.features)

    @functools.cached_property
    def features(self) -> frozenset[str]:
        """The features that this layer has.

        They are its constructor options, call arguments, attributes and dtypes, "tf.lite",
        "RematScope", "integer inputs", "documented cell" (the constructor of its cell takes the
        arguments of SimpleRNNCell), and "documented signature" (for TensorFlow's layer: the order
        of all arguments. A custom layer only takes `units` first).
        """
        options = {name for name, value in OPTIONS.items() if self.accepts(name, value)}
        parameters = inspect.signature(self._example.call).parameters
        anything = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
        arguments = {name for name in CALL_ARGUMENTS if anything or name in parameters}
        has = {name for name in ATTRIBUTES if hasattr(self._example, name)}
        if "cell" in has and hasattr(self._example.cell, "get_initial_state"):
            has.add("cell.get_initial_state")
        if "cell" in has and self._cell_has_documented_constructor():
            has.add("documented cell")
        lite = {"tf.lite"} if hasattr(tf, "lite") and hasattr(tf.lite, "Interpreter") else set()
        ordered = {"documented signature"} if self.is_builtin else set()
        ordered |= {"RematScope"} if REMAT_SCOPE else set()
        ordered |= {"integer inputs"} if "int32" in INPUT_DTYPES else set()
        return frozenset(options | arguments | has | lite | ordered | self._dtypes(options))

    def _cell_has_documented_constructor(self) -> bool:
        """Return whether the constructor of its cell takes the arguments of SimpleRNNCell."""
        options = {"activation": None, "use_bias": False, "kernel_initializer": "zeros"}
        try:
            cell = type(self._example.cell)(1, **options)
        except (TypeError, ValueError):
            return False
        return hasattr(cell, "activation") and hasattr(cell, "use_bias")

    def _dtypes(self, options: set[str]) -> set[str]:
        """Return the dtypes of FORMATS in which the layer can be built.

        If the layer chooses its initializers, they may not support bfloat16: TensorFlow's
        "orthogonal" does not.
        """
        if "dtype" not in options or "recurrent_initializer" in options:
            return set(FORMATS)
        try:
            self.build(2, 3, dtype="bfloat16")
        except Exception:
            return FORMATS.keys() - {"bfloat16"}
        return set(FORMATS)

    @functools.cached_property
    def zero_initializers(self) -> dict[str, str]:
        """Cheap initializers for weights that `set_weights` replaces."""
        names = {"kernel_initializer", "recurrent_initializer"} & self.features
        return dict.fromkeys(sorted(names), "zeros")

    def accepts(self, option: str, value) -> bool:
        """Return whether the constructor takes that option with that value."""
        try:
            self.make(1, **{option: value})
        except (TypeError, ValueError):
            return False
        return True

    def build(self, units: int, features: int, batch: int | None = None, **options):
        """Return a new layer, built for inputs (batch, time, features) with any number of steps."""
        if options.get("activation") == CLIP:
            options["activation"] = clip
        layer = self.make(units, **options)
        layer.build((batch, None, features))
        self._built += 1
        return layer

    def count_built_layer(self) -> None:
        """Count one layer, and clear the session if it is due.

        A property may build a wrapper or a copy for each case, so hundreds in one test.
        """
        self._built += 1
        self.clear_session_if_due()

    def clear_session_if_due(self) -> None:
        """Clear the Keras session if LAYERS_BEFORE_CLEARING layers were built since the last time.

        TensorFlow keeps 140 KB for each layer of Keras 3 until then. Clearing takes 0.2 s, as long
        as a whole property may. Call this only between tests or cases: it resets the names of
        layers and the seeds.
        """
        if self._built >= LAYERS_BEFORE_CLEARING:
            tf.keras.backend.clear_session()
            self._built = 0


def _load(name: str):
    if name == DEFAULT:
        return tf.keras.layers.SimpleRNN
    module_name, colon, attribute = name.partition(":")
    if not (module_name and colon and attribute):
        raise ConfigurationError(f"--layer {name}: expected module:attribute, as in {DEFAULT}")
    if module_name.split(".")[0] == "tf":
        attribute = ".".join([*module_name.split(".")[1:], attribute])
        module_name = "tensorflow"
    try:
        found = importlib.import_module(module_name)
    except Exception as error:
        raise ConfigurationError(
            f"--layer {name}: no module {module_name} can be imported ({error_summary(error)})"
        ) from None
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise ConfigurationError(f"--layer {name}: {module_name} has no attribute {attribute}")
        found = getattr(found, part)
    if not callable(found):
        raise ConfigurationError(f"--layer {name} is not a layer: it cannot be called")
    return found


def select(name: str) -> None:
    """Make the layer of that name the layer under test.

    Raises ConfigurationError if it cannot be imported, or is not a layer.
    """
    session.current().select(LayerUnderTest(name), FORMULAS)


def under_test() -> LayerUnderTest:
    """Return the layer under test, which is TensorFlow's SimpleRNN by default."""
    if session.current().layer is None:
        select(DEFAULT)
    return session.current().layer


def lacking_choices() -> frozenset[str]:
    """Return the choices of `plans.OPTIONS` for which the layer has no option and no argument."""
    known = plans.OPTIONS.keys() & {*OPTIONS, *CALL_ARGUMENTS}
    return frozenset(known - under_test().features)


def _built(units: int, features: int, options: tuple[tuple[str, Any], ...]):
    """Return a built layer. The caches share it between cases, whose weights replace its own."""
    return under_test().build(units, features, **dict(options))


MAX_TRACES = 512
"""The number of cached traces. XLA never frees compiled code, so traces are cached and reused."""

cached_layer = session.kept(maxsize=64)(_built)
cached_traced_layer = session.kept(maxsize=MAX_TRACES)(_built)


def set_weights(layer, *weights) -> None:
    """Set kernel, recurrent kernel and bias, in this order. A bias of None is left out."""
    layer.set_weights([np.asarray(w) for w in weights if w is not None])


if "" not in sys.path:
    sys.path.insert(0, "")  # `--layer mine:Layer` finds mine.py in the working directory
