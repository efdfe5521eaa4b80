"""A case: its data, its reference, and its text."""

from collections.abc import Collection
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from reference.formats import FORMATS
from reference.recurrence import Recurrence
from tests.harness import session

__all__ = [
    "CALL_ARGUMENTS",
    "CLIP",
    "DEFAULTS",
    "Case",
    "array_from_expression",
    "evaluate_case_text",
    "noise",
    "replace",
]

DEFAULTS = {
    "activation": "tanh",
    "use_bias": True,
    "return_sequences": False,
    "return_state": False,
    "go_backwards": False,
    "unroll": False,
    "zero_output_for_mask": False,
    "kernel_initializer": "glorot_uniform",
    "recurrent_initializer": "orthogonal",
    "bias_initializer": "zeros",
    "kernel_regularizer": None,
    "recurrent_regularizer": None,
    "bias_regularizer": None,
    "activity_regularizer": None,
    "kernel_constraint": None,
    "recurrent_constraint": None,
    "bias_constraint": None,
    "dropout": 0.0,
    "recurrent_dropout": 0.0,
    "stateful": False,
    "seed": None,
    "dtype": "float32",
    "trainable": True,
    "name": None,
}
"""The documented constructor arguments of SimpleRNN except `units`, with their defaults."""

CALL_ARGUMENTS = ("initial_state", "mask", "training")

CLIP = "clip"
"""A user-defined activation, z clipped to [-1, 1]: sums of integers stay exact at any length."""


def noise(seed, shape):
    """Return numbers in [0, 1); element (i, j, ...) depends only on the seed and i, j, ..."""
    z = np.full(shape, seed, np.uint64)
    for index in np.indices(shape, np.uint64, sparse=True):
        # SplitMix64 (Steele, Lea and Flood, OOPSLA 2014), over the indices in turn
        z = (z ^ (index + np.uint64(1))) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)) * 2.0**-53


def uneven(x, seed):
    """Return the inputs with some steps of some rows set to zero, or to the step before."""
    kind = noise(seed, x.shape[:2])
    source = np.maximum(np.arange(x.shape[1]) - (kind > 0.8), 0)
    return np.take_along_axis(x, source[:, :, None], axis=1) * (kind > 0.2)[:, :, None]


class _Formula(np.ndarray):
    """An array that carries the expression of `np`, `noise` and `uneven` that computes it."""

    text: str | None = None


def array_from_expression(text: str) -> np.ndarray:
    """Return the value of an expression of `np`, `noise` and `uneven`; if large, it prints so."""
    array: Any = np.asarray(evaluate_case_text(text)).view(_Formula)
    array.text = text
    return array


def evaluate_case_text(text: str, **names):
    """Return the value of an expression that a failure printed."""
    return eval(text, {"np": np, "noise": noise, "uneven": uneven, "Case": Case, **names})


MAX_LITERAL_ELEMENTS = 120  # a larger array prints as its formula, if it has one


@dataclass(frozen=True, eq=False)
class Case:
    """One problem: weights, inputs, and options of the layer.

    inputs: (batch, time, features). kernel: (features, units). recurrent_kernel: (units, units).
    bias: (units,), or None for `use_bias=False`. initial_state: (batch, units) or None. mask:
    (batch, time) of booleans, or None. dtype: the dtype of the layer. All arrays of numbers are
    float64; the constructor rounds them to numbers of `dtype`.
    leave_defaults: whether the constructor of the layer gets no option with its default value.
    equivalent_case: for a known deviation, the case whose documented results the release returns.
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
    equivalent_case: "Case | None" = None

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
        """Kernel, recurrent kernel and, with `use_bias`, bias."""
        return tuple(
            np.asarray(w) for w in (self.kernel, self.recurrent_kernel, self.bias) if w is not None
        )

    def options(self, known: Collection[str]) -> dict[str, object]:
        """Return the constructor arguments among the known ones, as a user would write them."""
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
            if name in known and not (self.leave_defaults and value == DEFAULTS[name])
        }

    @property
    def recurrence(self) -> Recurrence:
        """The reference that solves this case."""
        named: dict[Any, str] = {None: "linear", CLIP: "hard_tanh", **session.current().formulas}
        return Recurrence(
            self.kernel,
            self.recurrent_kernel,
            self.bias,
            named.get(self.activation, str(self.activation)),
            self.go_backwards,
            self.zero_output_for_mask,
        )

    def expected(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the reference's outputs (batch, time, units) and final state (batch, units)."""
        return self.recurrence.run(self.inputs, self.initial_state, self.mask)

    def summary(self) -> dict[str, object]:
        """Return the features that the `where` of a deviation may name: sizes, dtype, options, and
        which arguments are given."""
        return {
            "batch": self.batch,
            "time": self.time,
            "batch_equals_time": self.batch == self.time,
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
        """Return whether the last step of any row, in order of processing, is masked."""
        return self.mask is not None and not self.mask[:, 0 if self.go_backwards else -1].all()

    def split(self, at: int) -> tuple["Case", "Case"]:
        """Return the case of the steps before number `at`, in order of processing, and the rest."""
        cut = self.time - at if self.go_backwards else at
        parts = slice(None, cut), slice(cut, None)
        first, second = reversed(parts) if self.go_backwards else parts
        return self._at(first), self._at(second)

    def _at(self, steps: slice) -> "Case":
        mask = None if self.mask is None else self.mask[:, steps]
        return replace(self, inputs=self.inputs[:, steps], mask=mask)

    def with_inputs(self, which: np.ndarray, value: float) -> "Case":
        """Return the case with `value` as inputs at the steps where `which`, (batch, time), is
        true."""
        return replace(self, inputs=np.where(which[:, :, None], value, self.inputs))

    def reversed(self) -> "Case":
        """Return the case with reversed inputs and mask, and the opposite `go_backwards`."""
        mask = None if self.mask is None else self.mask[:, ::-1]
        return replace(
            self, inputs=self.inputs[:, ::-1], mask=mask, go_backwards=not self.go_backwards
        )

    def with_units(self, order: np.ndarray) -> "Case":
        """Return the case with the units in another order."""
        state = None if self.initial_state is None else self.initial_state[:, order]
        return replace(
            self,
            kernel=self.kernel[:, order],
            recurrent_kernel=self.recurrent_kernel[order][:, order],
            bias=None if self.bias is None else self.bias[order],
            initial_state=state,
        )

    def with_features(self, order: np.ndarray) -> "Case":
        """Return the case with the features in another order."""
        return replace(self, inputs=self.inputs[:, :, order], kernel=self.kernel[order])

    def __repr__(self) -> str:
        parts = []
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "equivalent_case":
                continue
            if isinstance(value, np.ndarray) or value != field.default:
                parts.append(f"{field.name}={_expression(value)}")
        return f"Case({', '.join(parts)})"


def _expression(value) -> str:
    if not isinstance(value, np.ndarray):
        return repr(value)
    return f"np.array({literal(value)})"


def literal(array: np.ndarray) -> str:
    """Return an expression of the array: its numbers, or its formula if it is large."""
    formula = getattr(array, "text", None)
    if formula and array.size > MAX_LITERAL_ELEMENTS:
        return formula
    if array.size == 0:
        return f"np.zeros({array.shape})"
    return repr(array.tolist()).replace("inf", "np.inf").replace("nan", "np.nan")
