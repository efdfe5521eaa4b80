"""What a case is, how it prints, and the program that it becomes."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np

from reference.recurrence import Recurrence
from reference.rounding import FORMATS
from tests.harness import layer
from tests.harness.layer import CLIP
from tests.harness.releases import reference_activation

__all__ = ["Case", "evaluated", "formula", "noise", "replace", "uneven"]


def noise(seed, shape):
    """Numbers in [0, 1); element (i, j, ...) depends on the seed and on i, j, ... alone."""
    z = np.full(shape, seed, np.uint64)
    for index in np.indices(shape, np.uint64, sparse=True):
        # SplitMix64 (Steele, Lea and Flood, OOPSLA 2014) over one index after the other
        z = (z ^ (index + np.uint64(1))) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)) * 2.0**-53


def uneven(x, seed):
    """The inputs, with some steps of some rows all zero, and some as the step before."""
    kind = noise(seed, x.shape[:2])
    source = np.maximum(np.arange(x.shape[1]) - (kind > 0.8), 0)
    return np.take_along_axis(x, source[:, :, None], axis=1) * (kind > 0.2)[:, :, None]


class _Formula(np.ndarray):
    """An array that knows the expression of `np`, `noise` and `uneven` that it is the value of."""

    text = None


def formula(text: str) -> np.ndarray:
    """The value of an expression of `np`, `noise` and `uneven`, which prints as it when large."""
    array = np.asarray(evaluated(text)).view(_Formula)
    array.text = text
    return array


def evaluated(text: str, **names):
    """The value of an expression that a failure printed."""
    return eval(text, {"np": np, "noise": noise, "uneven": uneven, "Case": Case, **names})


LARGEST_LITERAL = 120  # elements; what is larger prints as its formula, where it has one


@dataclass(frozen=True, eq=False)
class Case:
    """One problem: weights, inputs, and the options of the layer that is to solve it.

    inputs: (batch, time, features). kernel: (features, units). recurrent_kernel: (units, units).
    bias: (units,), or None for `use_bias=False`. initial_state: (batch, units) or None. mask:
    (batch, time) of booleans, or None. All numbers are float64 and are rounded, when the case is
    made, to numbers of `dtype`, in which the layer runs.
    leave_defaults: whether options at their documented default are left out of the constructor.
    instead: the case whose documented results a release gives for this one, where that is known.
    """

    inputs: np.ndarray
    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray | None = None
    initial_state: np.ndarray | None = None
    mask: np.ndarray | None = None
    dtype: str = "float32"
    activation: str | None = "tanh"
    go_backwards: bool = False
    zero_output_for_mask: bool = False
    leave_defaults: bool = True
    instead: "Case | None" = None

    def __post_init__(self):
        for name in ("inputs", "kernel", "recurrent_kernel", "bias", "initial_state"):
            value = getattr(self, name)
            if value is not None:
                rounded = FORMATS[self.dtype].round(value).view(_Formula)
                rounded.text = getattr(value, "text", None)
                object.__setattr__(self, name, rounded)
        if self.mask is not None:
            object.__setattr__(self, "mask", np.asarray(self.mask, bool))

    @property
    def batch(self) -> int:
        return self.inputs.shape[0]

    @property
    def time(self) -> int:
        return self.inputs.shape[1]

    @property
    def features(self) -> int:
        return self.inputs.shape[2]

    @property
    def units(self) -> int:
        return self.recurrent_kernel.shape[0]

    @property
    def weights(self) -> tuple:
        """Kernel, recurrent kernel and, unless there is none, bias."""
        return tuple(
            np.asarray(w) for w in (self.kernel, self.recurrent_kernel, self.bias) if w is not None
        )

    @property
    def options(self) -> dict[str, object]:
        """The constructor arguments, as a user would write them."""
        given = {
            "activation": self.activation,
            "use_bias": self.bias is not None,
            "go_backwards": self.go_backwards,
            "zero_output_for_mask": self.zero_output_for_mask,
            "dtype": self.dtype,
        }
        return {
            name: value
            for name, value in given.items()
            if name in layer.under_test().features
            and not (self.leave_defaults and value == layer.OPTIONS[name])
        }

    @property
    def recurrence(self) -> Recurrence:
        """The reference for this case."""
        clipped = self.activation == CLIP
        name = "hard_tanh" if clipped else reference_activation(self.activation)
        return Recurrence(
            self.kernel,
            self.recurrent_kernel,
            self.bias,
            name,
            self.go_backwards,
            self.zero_output_for_mask,
        )

    def expected(self) -> tuple[np.ndarray, np.ndarray]:
        """Outputs (batch, time, units) and final state (batch, units) of the reference."""
        return self.recurrence.run(self.inputs, self.initial_state, self.mask)

    def summary(self) -> dict[str, object]:
        """What a deviation may name: sizes, dtype, options, and whether arguments are given."""
        return {
            "batch": self.batch,
            "time": self.time,
            "features": self.features,
            "units": self.units,
            "dtype": self.dtype,
            "activation": self.activation,
            "use_bias": self.bias is not None,
            "go_backwards": self.go_backwards,
            "zero_output_for_mask": self.zero_output_for_mask,
            "mask": self.mask is not None,
            "last_step_masked": self._last_step_masked(),
            "initial_state": self.initial_state is not None,
        }

    def _last_step_masked(self) -> bool:
        """Whether any row ends, in order of processing, with a masked step."""
        return self.mask is not None and not self.mask[:, 0 if self.go_backwards else -1].all()

    def split(self, at: int) -> tuple["Case", "Case"]:
        """The steps before number `at`, in order of processing, and the rest."""
        cut = self.time - at if self.go_backwards else at
        parts = slice(None, cut), slice(cut, None)
        first, second = reversed(parts) if self.go_backwards else parts
        return self._at(first), self._at(second)

    def _at(self, steps: slice) -> "Case":
        mask = None if self.mask is None else self.mask[:, steps]
        return replace(self, inputs=self.inputs[:, steps], mask=mask)

    def with_inputs(self, which: np.ndarray, value: float) -> "Case":
        """With the inputs where `which`, (batch, time), is true replaced by one value."""
        return replace(self, inputs=np.where(which[:, :, None], value, self.inputs))

    def reversed(self) -> "Case":
        """The same steps, given in the opposite order and to be taken in the opposite order."""
        mask = None if self.mask is None else self.mask[:, ::-1]
        return replace(
            self, inputs=self.inputs[:, ::-1], mask=mask, go_backwards=not self.go_backwards
        )

    def with_units(self, order: np.ndarray) -> "Case":
        """With the units in another order."""
        state = None if self.initial_state is None else self.initial_state[:, order]
        return replace(
            self,
            kernel=self.kernel[:, order],
            recurrent_kernel=self.recurrent_kernel[order][:, order],
            bias=None if self.bias is None else self.bias[order],
            initial_state=state,
        )

    def with_features(self, order: np.ndarray) -> "Case":
        """With the features in another order."""
        return replace(self, inputs=self.inputs[:, :, order], kernel=self.kernel[order])

    def __repr__(self) -> str:
        parts = []
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "instead":
                continue
            if isinstance(value, np.ndarray) or value != field.default:
                parts.append(f"{field.name}={_expression(value)}")
        return f"Case({', '.join(parts)})"

    def script(
        self, call: str, extra: Mapping[str, object], helper: str = "", ending: str = ""
    ) -> str:
        """A program that needs only TensorFlow and NumPy, and runs the layer on this case.

        call: an expression that gives (outputs, state) from `layer`, `x` and `**more`. extra:
        constructor arguments beside the case's own. helper: the source of what `call` calls.
        ending: what to do with `call`, `{call}` in it, instead of printing outputs and state.
        """
        options = {**self.options, **extra, "return_sequences": True, "return_state": True}
        if self.dtype == "bfloat16":  # the default initializer knows no bfloat16
            options["recurrent_initializer"] = "zeros"
        batch = self.batch if options.get("stateful") else None
        words = [f"{name}={_option(value)}" for name, value in options.items()]
        weights = [f"    np.array({_literal(w)}),\n" for w in self._printed_weights()]
        more = []
        if self.initial_state is not None:
            more.append(f"initial_state=[{tensor(self.initial_state, self.dtype)}]")
        if self.mask is not None:
            more.append(f"mask={tensor(self.mask, 'bool')}")
        module, _, attribute = layer.under_test().name.partition(":")
        own = module != "tf.keras.layers"
        ending = ending or "outputs, state = {call}\nprint(outputs)\nprint(state)\n"
        lines = [
            "import numpy as np\nimport tensorflow as tf\n",
            f"import {module}\n" if own else "",
            _sources(repr(self) + ending),
            f"\n{helper}\n" if helper else "",
            f"x = {tensor(self.inputs, self.dtype)}\n",
            f"layer = {module}.{attribute}({self.units}, {', '.join(words)})\n",
            f"layer.build(({batch}, None, {self.features}))\n",
            f"layer.set_weights([\n{''.join(weights)}])\n",
            f"more = dict({', '.join(more)})\n",
            ending.replace("{call}", call),
        ]
        return "".join(lines)

    def _printed_weights(self) -> list[np.ndarray]:
        return [w for w in (self.kernel, self.recurrent_kernel, self.bias) if w is not None]


def _option(value) -> str:
    return "lambda z: tf.clip_by_value(z, -1, 1)" if value == CLIP else repr(value)


def _expression(value) -> str:
    if not isinstance(value, np.ndarray):
        return repr(value)
    return f"np.array({_literal(value)})"


def _literal(array: np.ndarray) -> str:
    if array.size > LARGEST_LITERAL and getattr(array, "text", None):
        return array.text
    if array.size == 0:
        return f"np.zeros({array.shape})"
    return repr(array.tolist()).replace("inf", "np.inf").replace("nan", "np.nan")


def tensor(array: np.ndarray, dtype: str) -> str:
    """The expression of a tensor with these values."""
    return f"tf.cast({_literal(array)}, {dtype!r})"


def _sources(text: str) -> str:
    """The sources of the functions that an expression calls."""
    used = [noise] if "noise(" in text else []
    used += [uneven] if "uneven(" in text else []
    return "".join(f"\n{inspect.getsource(function)}\n" for function in used)
