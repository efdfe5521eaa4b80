"""Layers whose random numbers have a wrong distribution or ignore seeds."""

import random
from functools import partial
from typing import Any

import numpy as np

from tests.harness.target.releases import KERAS_2, SEED_GENERATOR, tf
from tests.selftest.faults import layer as faults
from tests.selftest.faults.layer import Fault

SimpleRNN: Any = tf.keras.layers.SimpleRNN
VarianceScaling = tf.keras.initializers.VarianceScaling


STATISTICAL_FAULTS: list[Fault] = []
fault = partial(faults.fault, among=STATISTICAL_FAULTS)


# ------------------------------------------------------------------------------------ initializers


class Replacing(SimpleRNN):
    """A SimpleRNN that replaces some initializers."""

    def __init__(
        self,
        units,
        kernel_initializer="glorot_uniform",
        recurrent_initializer="orthogonal",
        bias_initializer="zeros",
        **options,
    ):
        given = kernel_initializer, recurrent_initializer, bias_initializer
        kernel, recurrent, bias = self.replace(*given)
        super().__init__(
            units,
            kernel_initializer=kernel,
            recurrent_initializer=recurrent,
            bias_initializer=bias,
            **options,
        )

    def replace(self, kernel, recurrent, bias):
        return self.each(kernel), self.each(recurrent), self.each(bias)

    def each(self, initializer):
        """Return the initializer's replacement in `wrong`, by its name, or the initializer."""
        if isinstance(initializer, str):
            return self.wrong.get(initializer, initializer)
        return initializer

    wrong: dict = {}


def drawn(draw):
    """Return an initializer that calls a function of the shape, which uses NumPy's generator."""
    return lambda shape, dtype=None: tf.cast(draw(tuple(shape)), dtype or "float32")


UNIFORM = (
    "kernel_is_uniform_within_the_glorot_limit",
    "float64_kernel_is_uniform",
    "named_initializer_applies_to_its_weight_only",
)
NAMED, OBJECT = (
    f"{kind}_applies_to_its_weight_only" for kind in ("named_initializer", "initializer_object")
)


@fault("glorot_uniform's limit is 1% too large", *UNIFORM, against="GlorotUniform: Draws samples")
class LimitTooLarge(Replacing):
    def each(self, initializer):
        large = VarianceScaling(1.01**2, "fan_avg", "uniform")
        return large if initializer == "glorot_uniform" else initializer


@fault("glorot_uniform's limit is 1% too small", *UNIFORM)
class LimitTooSmall(Replacing):
    def each(self, initializer):
        small = VarianceScaling(0.99**2, "fan_avg", "uniform")
        return small if initializer == "glorot_uniform" else initializer


def glorot(shape):
    return np.sqrt(6 / (shape[0] + shape[-1])) * np.random.uniform(-1, 1, shape)


@fault(
    "glorot_uniform draws from [0, limit)",
    *UNIFORM,
    "the_entries_of_the_kernel_are_independent",
)
class GlorotOneSided(Replacing):
    wrong = {"glorot_uniform": drawn(lambda shape: np.abs(glorot(shape)))}


@fault(
    "glorot_uniform draws from a normal distribution of the same variance",
    *UNIFORM,
    "the_entries_of_the_kernel_are_independent",
)
class NormalForUniform(Replacing):
    def each(self, initializer):
        normal = VarianceScaling(1.0, "fan_avg", "truncated_normal")
        return normal if initializer == "glorot_uniform" else initializer


@fault(
    "each second row of the kernel is the row before it",
    "the_entries_of_the_kernel_are_independent",
)
class RowsRepeated(Replacing):
    wrong = {
        "glorot_uniform": drawn(
            lambda shape: glorot(shape)[np.arange(shape[0]) // 2 * 2 if len(shape) > 1 else ...]
        )
    }


@fault("a square kernel is symmetric", "the_entries_of_the_kernel_are_independent")
class Symmetric(Replacing):
    wrong = {
        "glorot_uniform": drawn(
            lambda shape: (
                np.where(np.tri(shape[0], dtype=bool), w := glorot(shape), w.T)
                if shape[0] == shape[-1] and len(shape) == 2
                else glorot(shape)
            )
        )
    }


@fault("he_uniform uses fan_out instead of fan_in", NAMED)
class FansSwapped(Replacing):
    def each(self, initializer):
        wrong = VarianceScaling(2.0, "fan_out", "uniform")
        return wrong if initializer == "he_uniform" else initializer


@fault("lecun_normal does not correct for its truncation", NAMED)
class TruncationNotCorrected(Replacing):
    def each(self, initializer):
        wrong = VarianceScaling(0.8796**2, "fan_in", "truncated_normal")
        return wrong if initializer == "lecun_normal" else initializer


def normal_qr(shape, corrected):
    q, r = np.linalg.qr(np.random.normal(size=(max(shape), min(shape))))
    q = q * np.sign(np.diag(r)) if corrected else q
    return q if shape[0] >= shape[1] else q.T


@fault(
    "orthogonal does not correct the signs after the QR decomposition",
    "recurrent_kernel_is_haar_distributed",
    "rotated_recurrent_kernel_is_haar_distributed",
    NAMED,
    against="Orthogonal: If the shape of the tensor to initialize is two-dimensional",
)
class NoSignCorrection(Replacing):
    wrong = {"orthogonal": drawn(lambda shape: normal_qr(shape, corrected=False))}


def rotation(shape):
    q = normal_qr(shape, corrected=True)
    q[:, 0] *= np.sign(np.linalg.det(q)) if shape[0] == shape[1] else 1
    return q


@fault(
    "orthogonal draws rotations only",
    "recurrent_kernel_is_haar_distributed",
)
class RotationsOnly(Replacing):
    wrong = {"orthogonal": drawn(rotation)}


@fault(
    "orthogonal in float64 is rounded to float32",
    "float64_recurrent_kernel_is_orthogonal",
)
class OrthogonalRoundedToFloat32(Replacing):
    wrong = {"orthogonal": drawn(lambda shape: normal_qr(shape, corrected=True).astype(np.float32))}


@fault(
    "orthogonal of one unit is always 1",
    "recurrent_kernel_is_haar_distributed",
)
class OneUnitIsOne(Replacing):
    wrong = {
        "orthogonal": drawn(
            lambda shape: np.ones(shape) if shape == (1, 1) else normal_qr(shape, corrected=True)
        )
    }


@fault(
    "orthogonal draws a rotation of half of the units at a time",
    "recurrent_kernel_is_haar_distributed",
    NAMED,
)
class BlockwiseOrthogonal(Replacing):
    @staticmethod
    def halves(shape):
        n, k = shape[0], shape[0] // 2
        q = np.zeros(shape)
        q[:k, :k], q[k:, k:] = (
            normal_qr((k, k), corrected=True) if k else 0,
            normal_qr((n - k, n - k), corrected=True),
        )
        return q

    def replace(self, kernel, recurrent, bias):
        if recurrent == "orthogonal":
            recurrent = drawn(self.halves)
        return kernel, recurrent, bias


@fault(
    "orthogonal ignores its gain",
    "rectangular_orthogonal_kernel_is_haar_distributed",
    OBJECT,
    against="Orthogonal: gain",
)
class GainIgnored(Replacing):
    def each(self, initializer):
        if isinstance(initializer, tf.keras.initializers.Orthogonal):
            return tf.keras.initializers.Orthogonal()
        return initializer


@fault(
    "kernel and recurrent kernel exchange their initializers",
    "rectangular_orthogonal_kernel_is_haar_distributed",
    NAMED,
    OBJECT,
)
class InitializersSwapped(Replacing):
    def replace(self, kernel, recurrent, bias):
        if {kernel, recurrent} & {"glorot_uniform", "orthogonal"}:
            return kernel, recurrent, bias
        return recurrent, kernel, bias


@fault("the bias initializer is ignored", NAMED, OBJECT)
class BiasInitializerIgnored(Replacing):
    def replace(self, kernel, recurrent, bias):
        return kernel, recurrent, "zeros" if bias != "random_uniform" else bias


@fault(
    "kernel and recurrent kernel are drawn with one seed",
    "the_three_weights_are_drawn_independently",
)
class OneSeedForAll(Replacing):
    def replace(self, kernel, recurrent, bias):
        seed = random.randint(1, 10**9)
        return reseeded(kernel, seed), reseeded(recurrent, seed), bias


def reseeded(initializer, seed):
    """Return random_uniform with that seed, and any other initializer unchanged."""
    if initializer == "random_uniform":
        return tf.keras.initializers.RandomUniform(seed=seed)
    return initializer


# ------------------------------------------------------------------------------------------- seeds


class Reseeding(Replacing):
    """A SimpleRNN that changes the seeds of initializer objects."""

    def each(self, initializer):
        seed = getattr(initializer, "seed", None)
        if isinstance(initializer, str) or not hasattr(initializer, "seed"):
            return initializer
        config = initializer.get_config()
        given = config["seed"]
        if isinstance(given, dict):
            given = seed
        wanted = self.seed_for(given, initializer)
        if wanted is given:
            return initializer
        return type(initializer).from_config({**config, "seed": wanted})

    def seed_for(self, seed, initializer):
        return seed


EQUAL = (
    "equal_seeds_give_equal_values",
    "reused_initializer_repeats_its_values",
    "initializer_seeds_survive_copying_and_saving",
)


@fault(
    "the seeds of initializers are ignored",
    *EQUAL,
    "seed_zero_is_not_ignored",
    "seeds_above_32_bits_are_not_truncated",
    "reused_glorot_initializer_follows_its_documentation",
    "seed_generator_gives_new_values_each_call",
)
class SeedIgnored(Reseeding):
    def seed_for(self, seed, initializer):
        return None


@fault(
    "a seed of 0 means no seed",
    "seed_zero_is_not_ignored",
    "reused_initializer_repeats_its_values",
)
class SeedZeroIsNone(Reseeding):
    def seed_for(self, seed, initializer):
        return seed or None


@fault(
    "seeds are halved",
    "different_seeds_give_different_values",
    "neighbouring_seeds_give_independent_values",
)
class SeedsHalved(Reseeding):
    def seed_for(self, seed, initializer):
        return seed // 2 if isinstance(seed, int) else seed


@fault(
    "seeds are truncated to 32 bits",
    "seeds_above_32_bits_are_not_truncated",
    against="GlorotUniform: seed: A Python integer",
)
class SeedsTruncatedTo32Bits(Reseeding):
    def seed_for(self, seed, initializer):
        return seed % 2**32 if isinstance(seed, int) and seed >= 2**32 else seed


@fault(
    "a reused initializer draws new values",
    "reused_initializer_repeats_its_values",
    "reused_glorot_initializer_follows_its_documentation",
)
class InitializerDoesNotRepeat(Reseeding):
    def seed_for(self, seed, initializer):
        initializer.uses = getattr(initializer, "uses", 0) + 1
        return seed + 2**20 * (initializer.uses - 1) if isinstance(seed, int) else seed


@fault(
    "a seed generator is used as a fixed seed",
    "seed_generator_gives_new_values_each_call",
    against=(
        "GlorotUniform: seed: To get different",
        "GlorotUniform: seed: A Python integer or instance",
    ),
)
class GeneratorUsedAsSeed(Reseeding):
    def seed_for(self, seed, initializer):
        if SEED_GENERATOR is not None and isinstance(seed, SEED_GENERATOR):
            return seed.get_config()["seed"]
        return seed


@fault(
    "unseeded layers share one seed",
    "unseeded_layers_have_different_weights",
    "set_random_seed_makes_a_run_repeatable",
    "set_random_seed_accepts_extreme_seeds",
)
class OneSeedForAllLayers(Replacing):
    def each(self, initializer):
        if initializer == "glorot_uniform":
            return tf.keras.initializers.GlorotUniform(seed=1)
        return initializer


@fault(
    "kernels ignore all seeds",
    "set_random_seed_makes_a_run_repeatable",
    "set_random_seed_accepts_extreme_seeds",
)
class FromEntropy(Replacing):
    def each(self, initializer):
        if initializer == "glorot_uniform":
            return tf.keras.initializers.GlorotUniform(seed=random.SystemRandom().getrandbits(30))
        return initializer


@fault(
    "the configuration lacks the seeds of initializers",
    "initializer_seeds_survive_copying_and_saving",
)
class SeedsNotInConfig(SimpleRNN):
    def get_config(self):
        config = super().get_config()
        for name in ("kernel_initializer", "recurrent_initializer", "bias_initializer"):
            if "seed" in config[name]["config"]:
                config[name]["config"]["seed"] = None
        return config


@fault(
    "the dropout of unseeded layers shares one seed",
    "unseeded_layers_draw_different_masks",
)
class OneSeedForDropout(SimpleRNN):
    def __init__(self, units, seed=None, **options):
        super().__init__(units, **options)
        self.one_seed = 7

    def call(self, sequences, initial_state=None, mask=None, training=None):
        if training:
            tf.keras.utils.set_random_seed(self.one_seed)
            if not KERAS_2:
                self.cell.seed_generator.state.assign([self.one_seed, 0])
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)


@fault(
    "the configuration lacks seed generators",
    "copied_seed_generator_restarts",
)
class GeneratorsNotInConfig(SimpleRNN):
    def get_config(self):
        config = super().get_config()
        if isinstance(config["kernel_initializer"]["config"].get("seed"), dict):
            config["kernel_initializer"]["config"]["seed"] = None
        return config


@fault(
    "kernel and recurrent kernel are drawn with one seed",
    "kernels_and_masks_are_drawn_independently",
)
class OneSeedForBothKernels(OneSeedForAll):
    pass


# ----------------------------------------------------------------------------------------- dropout


class Dropping(SimpleRNN):
    """A SimpleRNN with a correct custom dropout; each fault overrides one part."""

    def __init__(self, units, seed=None, **options):
        super().__init__(units, **options)
        self.own_seed, self.drawn = seed, 0

    def uniform(self, shape):
        """Return new uniform numbers, which the layer's seed or the global seed determines."""
        if self.own_seed is None:
            return tf.random.uniform(shape)
        self.drawn += 1
        return tf.random.stateless_uniform(shape, (self.own_seed % 2**31, self.drawn))

    def numbers(self, rows, columns):
        return self.uniform((rows, columns))

    def mask(self, rows, columns, rate):
        if rate == 0:
            return tf.ones((rows, columns))
        if rate == 1:
            return tf.zeros((rows, columns))
        return tf.where(self.numbers(rows, columns) >= rate, 1 / (1 - rate), 0.0)

    def masks(self, rows, features):
        """Return the input mask and the recurrent mask."""
        p, q = self.dropout, self.recurrent_dropout
        return self.mask(rows, features, p), self.mask(rows, self.units, q)

    def masks_of_step(self, t, used, masks):
        return masks

    def drops(self, training):
        return bool(training)

    def bias_of(self, masks):
        b = self.cell.bias
        return 0.0 if b is None else tf.cast(tf.convert_to_tensor(b), "float32")

    def returned_state(self, h):
        return h

    def call(self, sequences, initial_state=None, mask=None, training=None):
        rows = tf.shape(sequences)[0]
        features, steps = sequences.shape[2], sequences.shape[1]
        weights = self.cell.kernel, self.cell.recurrent_kernel
        W, U = (tf.cast(tf.convert_to_tensor(w), "float32") for w in weights)
        h = tf.zeros((rows, self.units)) if initial_state is None else initial_state[0]
        h = tf.cast(h, "float32")
        ones = tf.ones((rows, features)), tf.ones((rows, self.units))
        masks = self.masks(rows, features) if self.drops(training) else ones
        outputs = []
        for t in range(steps):
            used = tf.ones((rows,), bool) if mask is None else mask[:, t]
            if self.drops(training):
                masks = self.masks_of_step(t, used, masks)
            x = tf.cast(sequences[:, t], "float32")
            new = tf.matmul(self.times(x, masks[0]), W) + tf.matmul(self.times(h, masks[1]), U)
            new = new + self.bias_of(masks)
            new = new if self.activation is None else self.activation(new)
            h = tf.where(used[:, None], new, h)
            outputs.append(h)
        result = tf.stack(outputs, axis=1) if self.return_sequences else h
        return (result, self.returned_state(h)) if self.return_state else result

    def times(self, x, mask):
        return x * mask


STEPS = "one_mask_is_used_at_every_step"
RATE, NEAR = (
    "each_rate_is_the_dropped_fraction",
    "extreme_rates_are_the_dropped_fraction",
)
SCALE = "kept_values_are_scaled_and_bias_unchanged"
ROWS_UNITS = "rows_and_units_are_dropped_independently"
MODEL = "model_drops_only_in_training"
CALLS = "each_call_draws_new_masks"
GRADIENTS = "gradients_use_the_masks_of_the_run"
MASKED = "the_mask_stays_the_same_over_masked_steps"
INFERENCE = "nothing_is_dropped_in_inference"
SIZES = "another_batch_size_draws_new_masks"
ZERO, ONE = "a_rate_of_zero_drops_nothing", "a_rate_of_one_drops_everything"
INDEPENDENT = "inputs_and_states_are_dropped_independently"

ANY = (RATE, NEAR, CALLS, SIZES, INDEPENDENT, ROWS_UNITS, MODEL)
"""The statistical properties that count dropped entries."""


@fault("the masks are drawn again at each step", STEPS, MASKED)
class MaskDrawnEachStep(Dropping):
    def masks_of_step(self, t, used, masks):
        return self.masks(*masks[0].shape) if t else masks


@fault("the masks are drawn again at masked steps", MASKED)
class MaskRedrawnAtMaskedSteps(Dropping):
    def masks_of_step(self, t, used, masks):
        right = not tf.executing_eagerly() or tf.reduce_all(used)
        return masks if right else self.masks(*masks[0].shape)


@fault("the states are dropped at the first step only", STEPS, MASKED, ONE, SCALE, MODEL)
class DropsFirstStateOnly(Dropping):
    def masks_of_step(self, t, used, masks):
        return masks if t == 0 else (masks[0], tf.ones_like(masks[1]))


class DropsInSomeCallsOnly(SimpleRNN):
    """A layer that drops in some calls only."""

    def call(self, sequences, initial_state=None, mask=None, training=None):
        training = training and self.drops(mask)
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)


@fault("with a mask, nothing is dropped", "training_drops_under_any_other_options")
class NoDropoutUnderMask(DropsInSomeCallsOnly):
    def drops(self, mask):
        return mask is None


@fault("high rates drop states in inference", INFERENCE)
class DropsHighRatesInInference(Dropping):
    def drops(self, training):
        return training or self.recurrent_dropout > 0.7


@fault("a stateful layer drops nothing", "training_drops_under_any_other_options")
class NoDropoutIfStateful(DropsInSomeCallsOnly):
    def drops(self, mask):
        return not self.stateful


@fault("with a mixed policy, nothing is dropped", "training_drops_under_any_other_options")
class NoDropoutUnderMixedPolicy(DropsInSomeCallsOnly):
    def drops(self, mask):
        return self.compute_dtype == self.dtype_policy.variable_dtype


@fault(
    "in an unrolled graph, nothing is dropped",
    "training_drops_under_any_other_options",
    "each_rate_is_the_dropped_fraction",
    CALLS,
)
class NoDropoutUnrolledInTrace(DropsInSomeCallsOnly):
    def drops(self, mask):
        return tf.executing_eagerly() or not self.unroll


@fault("kept values are not scaled", SCALE)
class Unscaled(Dropping):
    def mask(self, rows, columns, rate):
        return tf.sign(super().mask(rows, columns, rate))


@fault("the scale is 1% too large", SCALE)
class ScaleTooLarge(Dropping):
    def mask(self, rows, columns, rate):
        mask = super().mask(rows, columns, rate)
        return mask if rate in (0, 1) else 1.01 * mask


@fault("kept values are not scaled for rates above one half", SCALE)
class UnscaledAtHighRates(Dropping):
    def mask(self, rows, columns, rate):
        mask = super().mask(rows, columns, rate)
        return tf.sign(mask) if rate > 0.5 else mask


@fault(
    "the rate is the kept fraction",
    RATE,
    NEAR,
    ZERO,
    ONE,
    SCALE,
    MODEL,
)
class RateIsKeptFraction(Dropping):
    def mask(self, rows, columns, rate):
        return super().mask(rows, columns, 1 - rate)


@fault("the rates are off by 0.02", RATE)
class RateSlightlyWrong(Dropping):
    def mask(self, rows, columns, rate):
        scale = 1 / (1 - rate) if rate < 1 else 0.0
        off = rate + 0.02 * (0.1 < rate < 0.9)
        return tf.where(self.numbers(rows, columns) >= off, scale, 0.0)


@fault("the two rates are exchanged", RATE, NEAR, ZERO, SCALE)
class RatesSwapped(Dropping):
    def masks(self, rows, features):
        p, q = self.dropout, self.recurrent_dropout
        return self.mask(rows, features, q), self.mask(rows, self.units, p)


@fault("a rate of 0 drops one in a thousand", ZERO)
class RateNeverZero(Dropping):
    def mask(self, rows, columns, rate):
        return super().mask(rows, columns, rate or 0.001)


@fault("rates above 0.9 are reduced to 0.9", ONE, NEAR)
class RateNeverOne(Dropping):
    def mask(self, rows, columns, rate):
        return super().mask(rows, columns, min(rate, 0.9))


@fault("the rows of a batch share their masks", ROWS_UNITS)
class RowsShareMasks(Dropping):
    def numbers(self, rows, columns):
        return tf.repeat(self.uniform((1, columns)), rows, axis=0)


@fault("the units share their masks", ROWS_UNITS)
class UnitsShareMasks(Dropping):
    def numbers(self, rows, columns):
        return tf.repeat(self.uniform((rows, 1)), columns, axis=1)


@fault("inputs and states are dropped by the same random numbers", INDEPENDENT)
class InputsAndStatesShareMasks(Dropping):
    def masks(self, rows, features):
        u = self.uniform((rows, self.units))
        u = tf.roll(u, features, axis=1)
        p, q = self.dropout, self.recurrent_dropout
        self.numbers = lambda rows, columns: u[:, :columns]
        try:
            return self.mask(rows, features, p), self.mask(rows, self.units, q)
        finally:
            del self.numbers


@fault(
    "inputs are dropped without the argument training",
    INFERENCE,
    against="SimpleRNN: training: Python boolean",
)
class DropsInInference(Dropping):
    def drops(self, training):
        return training is None or bool(training)


@fault("in a graph, nothing is dropped", MODEL)
class NoDropoutInTrace(Dropping):
    def drops(self, training):
        return bool(training) and tf.executing_eagerly()


@fault("each call uses the masks of the first call", CALLS, SIZES)
class MasksRepeatAcrossCalls(Dropping):
    def numbers(self, rows, columns):
        if not hasattr(self, "kept_numbers"):
            self.kept_numbers: dict[int, Any] = {}
        if columns not in self.kept_numbers:
            self.kept_numbers[columns] = self.uniform((2048, columns))
        return self.kept_numbers[columns][:rows]


@fault(
    "after training, a layer also drops in inference",
    "training_call_does_not_affect_next_inference",
)
class DropsAfterTraining(Dropping):
    trained = False

    def drops(self, training):
        self.trained = self.trained or bool(training)
        return self.trained


@fault(
    "with a mask, each call uses the dropout masks of the first call",
    "each_call_draws_new_masks_under_any_options",
)
class MasksRepeatUnderMask(MasksRepeatAcrossCalls):
    def call(self, sequences, initial_state=None, mask=None, training=None):
        self.masked = mask is not None
        return super().call(sequences, initial_state=initial_state, mask=mask, training=training)

    def numbers(self, rows, columns):
        return super().numbers(rows, columns) if self.masked else self.uniform((rows, columns))


@fault("gradients use other masks", GRADIENTS)
class GradientUsesOtherMasks(Dropping):
    def times(self, x, mask):
        other = tf.random.shuffle(mask)

        @tf.custom_gradient
        def product(x):
            return x * mask, lambda upstream: upstream * other

        return product(x)


@fault("the recurrent mask drops the bias, too", SCALE, STEPS, MASKED)
class BiasDropped(Dropping):
    def bias_of(self, masks):
        return super().bias_of(masks) * masks[1]


@fault(
    "the returned state is scaled again",
    "last_output_is_the_state_in_training",
)
class ReturnedStateScaled(Dropping):
    def returned_state(self, h):
        return h / (1 - self.recurrent_dropout)


@fault("the layer ignores its seed", "equal_layer_seeds_give_equal_masks")
class LayerSeedIgnored(SimpleRNN):
    def __init__(self, units, seed=None, **options):
        super().__init__(units, **options)


@fault(
    "a layer's seed of 0 means no seed",
    "equal_layer_seeds_give_equal_masks",
)
class LayerSeedZeroIsNone(SimpleRNN):
    def __init__(self, units, seed=None, **options):
        super().__init__(units, seed=seed or None, **options)


@fault(
    "the seeds of layers are taken modulo 256",
    "different_layer_seeds_give_different_masks",
)
class LayerSeedModulo(SimpleRNN):
    def __init__(self, units, seed=None, **options):
        super().__init__(units, seed=None if seed is None else seed % 256, **options)
