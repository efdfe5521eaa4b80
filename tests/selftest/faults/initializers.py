"""Faults of a single initializer."""

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


class OnlyOrthogonal(Replacing):
    """Limit the fault of the next base class to Orthogonal."""

    def each(self, initializer):
        return super().each(initializer) if isinstance(initializer, Orthogonal) else initializer


class OnlyGlorot(Replacing):
    """Limit the fault of the next base class to GlorotUniform."""

    def each(self, initializer):
        return super().each(initializer) if isinstance(initializer, GlorotUniform) else initializer


@fault("Orthogonal ignores its seed", EQUAL, AGAIN, against="Orthogonal: seed: Used to make")
class OrthogonalSeedIgnored(OnlyOrthogonal, SeedIgnored):
    pass


@fault("Orthogonal halves its seed", DIFFERENT, against="Orthogonal: seed: A Python integer")
class OrthogonalSeedsHalved(OnlyOrthogonal, SeedsHalved):
    pass


@fault("a reused Orthogonal draws new values", AGAIN, against="Orthogonal: seed: Note that")
class OrthogonalDoesNotRepeat(OnlyOrthogonal, InitializerDoesNotRepeat):
    pass


@fault(
    "GlorotUniform ignores its seed",
    EQUAL,
    against=(
        "GlorotUniform: seed: Used to make",
        "GlorotUniform: seed: Note that a seeded initializer will not",
    ),
)
class GlorotSeedIgnored(OnlyGlorot, SeedIgnored):
    pass


@fault(
    "a reused GlorotUniform draws new values",
    GLOROT_AGAIN,
    against="GlorotUniform: seed: Note that an initializer seeded",
    keras=">=3.0",
)
class GlorotDoesNotRepeat(OnlyGlorot, InitializerDoesNotRepeat):
    pass


class OtherOrthogonal(Replacing):
    """A layer whose Orthogonal draws independent normal entries for some shapes."""

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
    "the initializer zeros gives ones",
    "the_bias_is_zero",
    "named_initializer_applies_to_its_weight_only",
    against="Zeros: Initializer that generates",
)
class ZerosAreOnes(Replacing):
    wrong = {"zeros": "ones"}


@planted(
    "the name orthogonal gives Identity",
    tf.keras.initializers,
    "orthogonal",
    SHORTCUT,
    against="Orthogonal: Also available",
)
def orthogonal_is_identity(right):
    return tf.keras.initializers.Identity


@planted(
    "the name zeros gives Ones",
    tf.keras.initializers,
    "zeros",
    SHORTCUT,
    against="Zeros: Also available",
)
def zeros_is_ones(right):
    return tf.keras.initializers.Ones
