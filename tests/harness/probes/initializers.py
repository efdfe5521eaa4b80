"""Initial weights of a layer, and the documented initializers to try."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from reference.initializers import INITIALIZERS, ExpectedWeights
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import tf

INITIALIZER_ARGUMENTS = ("kernel_initializer", "recurrent_initializer", "bias_initializer")
INITIALIZER_NEEDS = frozenset(INITIALIZER_ARGUMENTS)
FEATURES, UNITS = 150, 400
MATRICES_ONLY = {"identity", "orthogonal"}  # "Only usable for generating 2D matrices"


def weights(units: int = UNITS, features: int = FEATURES, **options) -> list[np.ndarray]:
    """Return kernel, recurrent kernel and bias of a new layer; by default, the last two are 0."""
    zeros = {"recurrent_initializer": "zeros", "bias_initializer": "zeros"}
    with layer_call():
        return layer.under_test().build(units, features, **{**zeros, **options}).get_weights()


def kernel(features: int, units: int, initializer="glorot_uniform", **options) -> np.ndarray:
    """Return the kernel (features, units) of a new layer."""
    return weights(units, features, kernel_initializer=initializer, **options)[0]


def recurrent_kernel(units: int, initializer="orthogonal", **options) -> np.ndarray:
    """Return the recurrent kernel (units, units) of a new layer."""
    return weights(units, 1, recurrent_initializer=initializer, **options)[1]


@dataclass(frozen=True)
class Initializer:
    """A documented initializer, given to the layer as a name or as an object with arguments."""

    name: str
    arguments: dict = field(default_factory=dict)
    as_object: bool = True

    @property
    def argument(self):
        """The argument of the layer's constructor."""
        return initializer_object(self.name, **self.arguments) if self.as_object else self.name

    def expected(self, shape: tuple[int, ...]) -> ExpectedWeights:
        return INITIALIZERS[self.name](shape, **self.arguments)

    def __str__(self) -> str:
        words = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.name}({words})" if self.as_object else self.name


def initializer_object(name: str, **arguments):
    """Return the initializer of that name as an object of its class."""
    return getattr(tf.keras.initializers, name.title().replace("_", ""))(**arguments)


UNRELIABLE_NAMES = {"constant", "identity"}  # some releases do not know them
INITIALIZER_NAMES = tuple(
    Initializer(n, as_object=False) for n in INITIALIZERS if n not in UNRELIABLE_NAMES
)
"""The initializers by name, without UNRELIABLE_NAMES, which a separate property tests."""
INITIALIZER_OBJECTS = (
    *(Initializer(name) for name in INITIALIZERS if "_" in name),
    Initializer("constant", {"value": 3.0}),
    Initializer("identity", {"gain": 2.0}),
    Initializer("orthogonal", {"gain": 3.0}),
    Initializer("random_uniform", {"minval": -1.0, "maxval": 3.0}),
    Initializer("random_normal", {"mean": 1.0, "stddev": 0.2}),
    Initializer("truncated_normal", {"mean": -1.0, "stddev": 0.5}),
    *(
        Initializer("variance_scaling", {"scale": 2.5, "mode": mode, "distribution": distribution})
        for mode in ("fan_in", "fan_out", "fan_avg")
        for distribution in ("uniform", "truncated_normal", "untruncated_normal")
    ),
)


FAN_DEPENDENT = tuple(
    kind
    for kind in (*INITIALIZER_NAMES, *INITIALIZER_OBJECTS)
    if kind.name.startswith(("he_", "lecun_", "variance"))
)
"""The initializers that depend only on the number of inputs or of outputs."""


def initialized_weights(
    kinds: tuple[Initializer, ...],
) -> Iterator[tuple[str, np.ndarray, ExpectedWeights]]:
    """Yield for each initializer and weight: the argument, the weight and the expected weights.

    The three weights of a layer get different initializers. So a layer that swaps two of them
    fails in both weights.
    """
    vectors = [kind for kind in kinds if kind.name not in MATRICES_ONLY]
    for i, first in enumerate(kinds):
        chosen = (first, kinds[(i + 4) % len(kinds)], vectors[(i + 2) % len(vectors)])
        named = dict(zip(INITIALIZER_ARGUMENTS, chosen, strict=True))
        drawn = weights(**{argument: kind.argument for argument, kind in named.items()})
        for (argument, kind), weight in zip(named.items(), drawn, strict=True):
            yield f"{argument}={kind}", weight, kind.expected(weight.shape)
