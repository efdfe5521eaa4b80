"""The three weights of a layer as slots that initializers are put into."""

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
    """Kernel, recurrent kernel and bias of a new layer; the last two are zeros by default."""
    zeros = {"recurrent_initializer": "zeros", "bias_initializer": "zeros"}
    with layer_call():
        return layer.under_test().build(units, features, **{**zeros, **options}).get_weights()


def kernel(features: int, units: int, initializer="glorot_uniform", **options) -> np.ndarray:
    """The kernel (features, units) of a new layer."""
    return weights(units, features, kernel_initializer=initializer, **options)[0]


def recurrent_kernel(units: int, initializer="orthogonal", **options) -> np.ndarray:
    """The recurrent kernel (units, units) of a new layer."""
    return weights(units, 1, recurrent_initializer=initializer, **options)[1]


@dataclass(frozen=True)
class Initializer:
    """A documented initializer, by its name or, where it has arguments, as an object."""

    name: str
    arguments: dict = field(default_factory=dict)
    as_object: bool = True

    @property
    def argument(self):
        """What is given to the layer."""
        return initializer_object(self.name, **self.arguments) if self.as_object else self.name

    def expected(self, shape: tuple[int, ...]) -> ExpectedWeights:
        return INITIALIZERS[self.name](shape, **self.arguments)

    def __str__(self) -> str:
        words = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.name}({words})" if self.as_object else self.name


def initializer_object(name: str, **arguments):
    """The initializer of that documented function's name as an object of its class."""
    return getattr(tf.keras.initializers, name.title().replace("_", ""))(**arguments)


UNRELIABLE_NAMES = {"constant", "identity"}  # in some releases
INITIALIZER_NAMES = tuple(
    Initializer(n, as_object=False) for n in INITIALIZERS if n not in UNRELIABLE_NAMES
)
"""All but those that have a test of their own, since some releases do not know their names."""
INITIALIZER_OBJECTS = (
    *(Initializer(name) for name in INITIALIZERS if "_" in name),
    Initializer("constant", {"value": 3.0}),
    Initializer("identity", {"gain": 2.0}),
    Initializer("orthogonal", {"gain": 3.0}),
    Initializer("random_uniform", {"minval": -1.0, "maxval": 3.0}),
    Initializer("random_normal", {"mean": 1.0, "stddev": 0.2}),
    Initializer("truncated_normal", {"mean": -1.0, "stddev": 0.5}),
    *(
        Initializer("variance_scaling", {"scale": 2.5, "mode": mode, "distribution": law})
        for mode in ("fan_in", "fan_out", "fan_avg")
        for law in ("uniform", "truncated_normal", "untruncated_normal")
    ),
)


FAN_DEPENDENT = tuple(
    kind
    for kind in (*INITIALIZER_NAMES, *INITIALIZER_OBJECTS)
    if kind.name.startswith(("he_", "lecun_", "variance"))
)
"""Those that depend on the number of inputs, or of outputs, alone."""


def initialized_weights(
    kinds: tuple[Initializer, ...],
) -> Iterator[tuple[str, np.ndarray, ExpectedWeights]]:
    """What was put into a slot, the weight that came, and what is promised of it.

    A layer has three slots: each gets another initializer, in turns, so that one that reached
    another slot than its own would be seen in both.
    """
    vectors = [kind for kind in kinds if kind.name not in MATRICES_ONLY]
    for i, first in enumerate(kinds):
        chosen = (first, kinds[(i + 4) % len(kinds)], vectors[(i + 2) % len(vectors)])
        given = {
            slot: kind.argument for slot, kind in zip(INITIALIZER_ARGUMENTS, chosen, strict=True)
        }
        for slot, kind, weight in zip(INITIALIZER_ARGUMENTS, chosen, weights(**given), strict=True):
            yield f"{slot}={kind}", weight, kind.expected(weight.shape)
