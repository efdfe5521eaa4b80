"""The three weights of a layer as slots that initializers are put into."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from reference.initializers import INITIALIZERS, Promise
from tests.harness import layer
from tests.harness.paths import the_layer
from tests.harness.releases import tf

SLOTS = ("kernel_initializer", "recurrent_initializer", "bias_initializer")
NEEDS = frozenset(SLOTS)
FEATURES, UNITS = 150, 400
MATRICES_ONLY = {"identity", "orthogonal"}  # "Only usable for generating 2D matrices"


def weights(units: int = UNITS, features: int = FEATURES, **options) -> list[np.ndarray]:
    """Kernel, recurrent kernel and bias of a new layer; the last two are zeros by default."""
    zeros = {"recurrent_initializer": "zeros", "bias_initializer": "zeros"}
    with the_layer():
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
    def given(self):
        """What is given to the layer."""
        return made(self.name, **self.arguments) if self.as_object else self.name

    def promise(self, shape: tuple[int, ...]) -> Promise:
        return INITIALIZERS[self.name](shape, **self.arguments)

    def __str__(self) -> str:
        words = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.name}({words})" if self.as_object else self.name


def made(name: str, **arguments):
    """The initializer of that documented function's name as an object of its class."""
    return getattr(tf.keras.initializers, name.title().replace("_", ""))(**arguments)


NOT_BY_NAME = {"constant", "identity"}  # in some releases
BY_NAME = tuple(Initializer(n, as_object=False) for n in INITIALIZERS if n not in NOT_BY_NAME)
"""All but those that have a test of their own, since some releases do not know their names."""
AS_OBJECTS = (
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


SCALING = tuple(
    kind for kind in (*BY_NAME, *AS_OBJECTS) if kind.name.startswith(("he_", "lecun_", "variance"))
)
"""Those that depend on the number of inputs, or of outputs, alone."""


def each_in_each_slot(kinds: tuple[Initializer, ...]) -> Iterator[tuple[str, np.ndarray, Promise]]:
    """What was put into a slot, the weight that came, and what is promised of it.

    A layer has three slots: each gets another initializer, in turns, so that one that reached
    another slot than its own would be seen in both.
    """
    vectors = [kind for kind in kinds if kind.name not in MATRICES_ONLY]
    for i, first in enumerate(kinds):
        chosen = (first, kinds[(i + 4) % len(kinds)], vectors[(i + 2) % len(vectors)])
        given = {slot: kind.given for slot, kind in zip(SLOTS, chosen, strict=True)}
        for slot, kind, weight in zip(SLOTS, chosen, weights(**given), strict=True):
            yield f"{slot}={kind}", weight, kind.promise(weight.shape)
