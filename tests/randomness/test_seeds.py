"""Seeds: equal seeds repeat values, and different seeds give different values."""

import itertools

from tests.harness.paths import serialization
from tests.harness.probes import dropout_masks, initializers
from tests.harness.probes.dropout_masks import DROPOUT_NEEDS, P, Q
from tests.harness.probes.initializers import initializer_object
from tests.harness.properties.statistical import seeded, statistical
from tests.harness.target import layer
from tests.harness.target.calls import layer_call
from tests.harness.target.releases import SEED_GENERATOR, SEEDED_GLOROT_REPEATS

SEED = "seed: A Python integer. Used to make the behavior of the initializer deterministic."
REPEATS = (
    "an initializer seeded with an integer or `None` (unseeded) will produce the same random "
    "values across multiple calls"
)
GENERATOR = (
    "To get different random values across multiple calls, use as seed an instance of "
    "`keras.backend.SeedGenerator`."
)
LAYER_SEED = "seed: Random seed for dropout."
SET_RANDOM_SEED = (
    "Sets all random seeds (Python, NumPy, and backend framework, e.g. TF). You can use this "
    "utility to make almost any Keras program fully deterministic."
)
SEEDS = (1, 2**8 + 1, 2**16 + 1, 2**31 + 1, 2**32 - 100)  # truncation makes some of them equal
MORE_THAN_32_BITS = (2**32 + 9, 2**40, 2**62 + 100)
RANDOM = ("glorot_uniform", "orthogonal", "random_normal", "truncated_normal")
RATES = {"dropout": P, "recurrent_dropout": Q}


@statistical("GlorotUniform", SEED, needs=initializers.INITIALIZER_NEEDS)
def test_equal_seeds_give_equal_values(evidence, path):
    for name, seed in itertools.product(RANDOM, SEEDS):
        one, other = (
            initializers.kernel(4, 5, initializer_object(name, seed=seed)) for _ in range(2)
        )
        evidence.check_equal(f"{name}(seed={seed})", one, other)


@statistical("GlorotUniform", SEED, needs=initializers.INITIALIZER_NEEDS)
def test_seed_zero_is_not_ignored(evidence, path):
    for name in RANDOM:
        one, other = (initializers.kernel(4, 5, initializer_object(name, seed=0)) for _ in range(2))
        evidence.check_equal(f"{name}(seed=0)", one, other)
        evidence.check_different(
            f"{name}, seeds 0 and 1",
            one,
            initializers.kernel(4, 5, initializer_object(name, seed=1)),
        )


@statistical("GlorotUniform", SEED, needs=initializers.INITIALIZER_NEEDS)
def test_seeds_above_32_bits_are_not_truncated(evidence, path):
    for seed in MORE_THAN_32_BITS:
        one, other = (
            initializers.kernel(4, 5, initializer_object("glorot_uniform", seed=seed))
            for _ in range(2)
        )
        evidence.check_equal(f"seed {seed}", one, other)
        cut = initializers.kernel(4, 5, initializer_object("glorot_uniform", seed=seed % 2**32))
        evidence.check_different(f"seed {seed} and its last 32 bits", one, cut)


@statistical("GlorotUniform", SEED, needs=initializers.INITIALIZER_NEEDS)
def test_seeds_of_any_size_are_accepted(evidence, path):
    for seed in (2**63, 2**64, 2**100):
        one, other = (
            initializers.kernel(4, 5, initializer_object("glorot_uniform", seed=seed))
            for _ in range(2)
        )
        evidence.check_equal(f"seed {seed}", one, other)


@statistical("GlorotUniform", SEED, needs=initializers.INITIALIZER_NEEDS)
def test_different_seeds_give_different_values(evidence, path):
    for name in RANDOM:
        kernels = {
            seed: initializers.kernel(6, 7, initializer_object(name, seed=seed))
            for seed in (0, *SEEDS, None)
        }
        for one, other in itertools.combinations(kernels, 2):
            evidence.check_different(
                f"{name}, seeds {one} and {other}", kernels[one], kernels[other]
            )


@statistical("GlorotUniform", SEED, needs=initializers.INITIALIZER_NEEDS)
def test_seeds_far_apart_give_different_values(evidence, path):
    kernel = initializers.kernel(6, 7, initializer_object("glorot_uniform", seed=7))
    for apart in (2**31 - 2, 2**31 - 1, 2**31, 2**32 - 100):
        other = initializers.kernel(6, 7, initializer_object("glorot_uniform", seed=7 + apart))
        evidence.check_different(f"seeds 7 and 7 + {apart}", kernel, other)


@statistical("GlorotUniform", SEED, needs=initializers.INITIALIZER_NEEDS)
def test_neighbouring_seeds_give_independent_values(evidence, path):
    one, other = (
        initializers.kernel(200, 200, initializer_object("glorot_uniform", seed=s)) > 0
        for s in (0, 1)
    )
    evidence.check_independence("signs of seeds 0 and 1", one, other)


@statistical("SimpleRNN", 'recurrent_initializer: ... Default: `"orthogonal"`.')
def test_unseeded_layers_have_different_weights(evidence, path):
    one, other = (layer.under_test().build(100, 100).get_weights() for _ in range(2))
    evidence.check_different("kernels", one[0], other[0])
    evidence.check_different("recurrent kernels", one[1], other[1])
    evidence.check_independence("signs of the kernels", one[0] > 0, other[0] > 0)


@statistical("RandomNormal", REPEATS, needs=initializers.INITIALIZER_NEEDS)
def test_reused_initializer_repeats_its_values(evidence, path):
    for name, seed in itertools.product(("random_normal", "orthogonal"), (5, 0, None)):
        used = initializer_object(name, seed=seed)
        evidence.check_equal(
            f"{name}({seed})", initializers.kernel(7, 7, used), initializers.kernel(7, 7, used)
        )
        kernel, recurrent, _ = initializers.weights(
            7, 7, kernel_initializer=used, recurrent_initializer=used
        )
        evidence.check_equal(f"{name}({seed}) in one layer", kernel, recurrent)


@statistical(
    "GlorotUniform",
    "(Keras 2) a seeded initializer will not produce the same random values across multiple calls; "
    f"(Keras 3) {REPEATS}",
    needs=initializers.INITIALIZER_NEEDS,
)
def test_reused_glorot_initializer_follows_its_documentation(evidence, path):
    used = initializer_object("glorot_uniform", seed=5)
    agrees = evidence.check_equal if SEEDED_GLOROT_REPEATS else evidence.check_different
    agrees("two kernels", initializers.kernel(7, 7, used), initializers.kernel(7, 7, used))


@statistical(
    "GlorotUniform",
    GENERATOR,
    needs=initializers.INITIALIZER_NEEDS,
    is_documented=SEED_GENERATOR is not None,
)
def test_seed_generator_gives_new_values_each_call(evidence, path):
    one, other = (initializer_object("glorot_uniform", seed=SEED_GENERATOR(5)) for _ in range(2))
    first, second = initializers.kernel(7, 7, one), initializers.kernel(7, 7, one)
    evidence.check_different("two calls", first, second)
    evidence.check_equal("another generator, first call", initializers.kernel(7, 7, other), first)
    evidence.check_equal("another generator, second call", initializers.kernel(7, 7, other), second)


@statistical(
    "GlorotUniform",
    GENERATOR,
    needs=initializers.INITIALIZER_NEEDS,
    is_documented=SEED_GENERATOR is not None,
)
def test_copied_seed_generator_restarts(evidence, path):
    one, other = (initializer_object("glorot_uniform", seed=SEED_GENERATOR(5)) for _ in range(2))
    first = initializers.kernel(7, 7, one)
    with layer_call():
        original = layer.under_test().make(7, kernel_initializer=other)
        copied = type(original).from_config(original.get_config())
        copied.build((None, None, 7))
    evidence.check_equal("kernel of the copy", copied.get_weights()[0], first)


@statistical(
    "Initializer",
    "get_config: Returns the configuration of the initializer",
    needs=initializers.INITIALIZER_NEEDS,
)
def test_initializer_seeds_survive_copying_and_saving(evidence, path):
    seeds = {
        slot: initializer_object("random_normal", seed=seed)
        for seed, slot in enumerate(initializers.INITIALIZER_ARGUMENTS, 1)
    }
    original = layer.under_test().build(5, 6, **seeds)
    for how, weights in serialization.initial_weights_of_copies(original, 6).items():
        for what, one, other in zip(
            initializers.INITIALIZER_ARGUMENTS, weights, original.get_weights(), strict=True
        ):
            evidence.check_equal(f"{how}: {what}", one, other)


@statistical("SimpleRNNCell", LAYER_SEED, needs=DROPOUT_NEEDS | {"seed"})
def test_equal_layer_seeds_give_equal_masks(evidence, path):
    alone = [{name: rate} for name, rate in RATES.items()]
    for seed, rates in zip((0, *SEEDS), itertools.cycle((RATES, *alone)), strict=False):
        one, other = (dropout_masks.probe_layer(seed=seed, **rates) for _ in range(2))
        for call in ("first", "second"):
            got, again = dropout_masks.next_masks(one), dropout_masks.next_masks(other)
            evidence.check_equal(f"seed {seed}, {call} call", got.both, again.both)


@statistical("SimpleRNNCell", LAYER_SEED, needs=DROPOUT_NEEDS)
def test_unseeded_layers_draw_different_masks(evidence, path):
    rates = dict.fromkeys(RATES, P)
    one, other = (
        dropout_masks.next_masks(dropout_masks.probe_layer(**rates)).kept() for _ in range(2)
    )
    evidence.check_independence("inputs kept", one.input, other.input, P)
    evidence.check_independence("states kept", one.recurrent, other.recurrent, P)


@statistical("SimpleRNNCell", LAYER_SEED, needs=DROPOUT_NEEDS | {"seed"})
def test_different_layer_seeds_give_different_masks(evidence, path):
    kept = {
        s: dropout_masks.next_masks(dropout_masks.probe_layer(seed=s, **RATES)).kept()
        for s in (0, *SEEDS, None)
    }
    for one, other in itertools.combinations(kept, 2):
        evidence.check_independence(
            f"inputs, {one}, {other}", kept[one].input, kept[other].input, P
        )


@statistical("set_random_seed", SET_RANDOM_SEED, needs=DROPOUT_NEEDS | {"unroll"})
def test_set_random_seed_makes_a_run_repeatable(evidence, path):
    runs = []
    for seed in (7, 7, 8):
        with seeded(seed):
            runs.append(dropout_masks.training_run(**RATES))
    for what, first in runs[0].items():
        evidence.check_equal(f"{what}, seed 7 twice", runs[1][what], first)
        evidence.check_different(f"{what}, seeds 7 and 8", runs[2][what], first)


@statistical("set_random_seed", SET_RANDOM_SEED, needs=DROPOUT_NEEDS)
def test_set_random_seed_repeats_a_traced_program(evidence, path):
    runs = []
    for _ in range(2):
        with seeded(7):
            runs.append(dropout_masks.random_program(**RATES))
    for what, first in runs[0].items():
        evidence.check_equal(f"{what}, seed 7 twice", runs[1][what], first)


@statistical("set_random_seed", SET_RANDOM_SEED, needs=initializers.INITIALIZER_NEEDS)
def test_set_random_seed_accepts_extreme_seeds(evidence, path):
    kernels = []
    for seed in (0, 0, 2**32 - 1, 2**32 - 1):
        with seeded(seed):
            kernels.append(initializers.kernel(6, 7))
    evidence.check_equal("seed 0 twice", kernels[0], kernels[1])
    evidence.check_equal("seed 2^32 - 1 twice", kernels[2], kernels[3])
    evidence.check_different("seeds 0 and 2^32 - 1", kernels[0], kernels[2])


@statistical(
    "SimpleRNN",
    "dropout; kernel_initializer; recurrent_initializer",
    needs=DROPOUT_NEEDS | initializers.INITIALIZER_NEEDS,
)
def test_kernels_and_masks_are_drawn_independently(evidence, path):
    kernel, recurrent, mask = dropout_masks.kernels_and_mask()
    evidence.check_independence("signs of the kernels", kernel > 0, recurrent > 0)
    evidence.check_independence("inputs kept and signs of the kernel", kernel > 0, mask)
    evidence.check_independence(
        "inputs kept and signs of the recurrent kernel", recurrent > 0, mask
    )
