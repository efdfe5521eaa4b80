"""Faults of one initializer each, while the others are right."""

from functools import partial

import numpy as np

from tests.harness.target.releases import tf
from tests.selftest.faults import layer as faults
from tests.selftest.faults import models_and_masks as faults_around
from tests.selftest.faults.layer import Fault
from tests.selftest.faults.randomness import (
    InitializerDoesNotRepeat,
    Replacing,
    SeedIgnored,
    SeedsHalved,
    drawn,
    normal_qr,
)

INITIALIZER_FAULTS: list[Fault] = []
fault = partial(faults.fault, among=INITIALIZER_FAULTS)
planted = partial(faults_around.plant_in_attribute, among=INITIALIZER_FAULTS)
Orthogonal, GlorotUniform = tf.keras.initializers.Orthogonal, tf.keras.initializers.GlorotUniform
EQUAL, DIFFERENT = "equal_seeds_give_equal_values", "different_seeds_give_different_values"
AGAIN = "reused_initializer_repeats_its_values"
GLOROT_AGAIN = "reused_glorot_initializer_follows_its_documentation"
SHORTCUT = "shortcut_function_gives_the_same_initializer"
SHAPES = "rectangular_orthogonal_kernel_is_haar_distributed"


def only(kind: type, base: type) -> type:
    """A subclass of a wrong layer that changes initializers of that kind alone."""

    def each(self, initializer):
        return base.each(self, initializer) if isinstance(initializer, kind) else initializer

    return type(base.__name__, (base,), {"each": each})


@fault("a seed of Orthogonal is ignored", EQUAL, AGAIN, against="Orthogonal: seed: Used to make")
class OrthogonalSeedIgnored(only(Orthogonal, SeedIgnored)):
    pass


@fault(
    "the seeds of Orthogonal are halved", DIFFERENT, against="Orthogonal: seed: A Python integer"
)
class OrthogonalSeedsHalved(only(Orthogonal, SeedsHalved)):
    pass


@fault(
    "Orthogonal that is used again draws new values", AGAIN, against="Orthogonal: seed: Note that"
)
class OrthogonalDoesNotRepeat(only(Orthogonal, InitializerDoesNotRepeat)):
    pass


@fault(
    "a seed of GlorotUniform is ignored",
    EQUAL,
    against=(
        "GlorotUniform: seed: Used to make",
        "GlorotUniform: seed: Note that a seeded initializer will not",
    ),
)
class GlorotSeedIgnored(only(GlorotUniform, SeedIgnored)):
    pass


@fault(
    "GlorotUniform that is used again draws new values",
    GLOROT_AGAIN,
    against="GlorotUniform: seed: Note that an initializer seeded",
    keras=">=3.0",
)
class GlorotDoesNotRepeat(only(GlorotUniform, InitializerDoesNotRepeat)):
    pass


class OtherOrthogonal(Replacing):
    """Some shapes of Orthogonal are of independent normal entries, of the same variance."""

    def bad(self, rows, columns):
        raise NotImplementedError

    def each(self, initializer):
        if not isinstance(initializer, Orthogonal):
            return initializer
        gain = initializer.get_config()["gain"]

        def draw(shape):
            if self.bad(*shape):
                return gain * np.random.normal(size=shape) / np.sqrt(max(shape))
            return gain * normal_qr(shape, corrected=True)

        return drawn(draw)


@fault(
    "the rows of a wide matrix are not orthogonal",
    SHAPES,
    against="Orthogonal: If the matrix has fewer rows",
)
class WideNotOrthogonal(OtherOrthogonal):
    def bad(self, rows, columns):
        return rows < columns


@fault("the columns of a tall matrix are not orthogonal", SHAPES, against="Orthogonal: Otherwise")
class TallNotOrthogonal(OtherOrthogonal):
    def bad(self, rows, columns):
        return rows > columns


@fault(
    "zeros are ones",
    "the_bias_is_zero",
    "named_initializer_applies_to_its_weight_only",
    against="Zeros: Initializer that generates",
)
class ZerosAreOnes(Replacing):
    wrong = {"zeros": "ones"}


@planted(
    "orthogonal is Identity",
    tf.keras.initializers,
    "orthogonal",
    SHORTCUT,
    against="Orthogonal: Also available",
)
def orthogonal_is_identity(right):
    return tf.keras.initializers.Identity


@planted("zeros is Ones", tf.keras.initializers, "zeros", SHORTCUT, against="Zeros: Also available")
def zeros_is_ones(right):
    return tf.keras.initializers.Ones
