"""Seeds: what they repeat, and what they tell apart."""

import itertools

from tests.harness import copies, layer, probes, slots
from tests.harness.laws import law, seeded
from tests.harness.paths import the_layer
from tests.harness.probes import BOTH, P, Q
from tests.harness.releases import GLOROT_REPEATS, SEED_GENERATOR
from tests.harness.slots import made

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
SEEDS = (1, 2**8 + 1, 2**16 + 1, 2**31 + 1, 2**32 - 100)  # a seed that is cut equals another
MORE_THAN_32_BITS = (2**32 + 9, 2**40, 2**62 + 100)
RANDOM = ("glorot_uniform", "orthogonal", "random_normal", "truncated_normal")
RATES = {"dropout": P, "recurrent_dropout": Q}


@law("GlorotUniform", SEED, needs=slots.NEEDS)
def test_equal_seeds_give_equal_values(evidence, path):
    for name, seed in itertools.product(RANDOM, SEEDS):
        one, other = (slots.kernel(4, 5, made(name, seed=seed)) for _ in range(2))
        evidence.same(f"{name}(seed={seed})", one, other)


@law("GlorotUniform", SEED, needs=slots.NEEDS)
def test_zero_is_a_seed_like_others(evidence, path):
    for name in RANDOM:
        one, other = (slots.kernel(4, 5, made(name, seed=0)) for _ in range(2))
        evidence.same(f"{name}(seed=0)", one, other)
        evidence.differ(f"{name}, seeds 0 and 1", one, slots.kernel(4, 5, made(name, seed=1)))


@law("GlorotUniform", SEED, needs=slots.NEEDS)
def test_a_seed_of_more_than_32_bits_is_one_like_others(evidence, path):
    for seed in MORE_THAN_32_BITS:
        one, other = (slots.kernel(4, 5, made("glorot_uniform", seed=seed)) for _ in range(2))
        evidence.same(f"seed {seed}", one, other)
        cut = slots.kernel(4, 5, made("glorot_uniform", seed=seed % 2**32))
        evidence.differ(f"seed {seed} and its last 32 bits", one, cut)


@law("GlorotUniform", SEED, needs=slots.NEEDS)
def test_a_seed_of_any_size_is_taken(evidence, path):
    for seed in (2**63, 2**64, 2**100):
        one, other = (slots.kernel(4, 5, made("glorot_uniform", seed=seed)) for _ in range(2))
        evidence.same(f"seed {seed}", one, other)


@law("GlorotUniform", SEED, needs=slots.NEEDS)
def test_different_seeds_give_different_values(evidence, path):
    for name in RANDOM:
        kernels = {seed: slots.kernel(6, 7, made(name, seed=seed)) for seed in (0, *SEEDS, None)}
        for one, other in itertools.combinations(kernels, 2):
            evidence.differ(f"{name}, seeds {one} and {other}", kernels[one], kernels[other])


@law("GlorotUniform", SEED, needs=slots.NEEDS)
def test_seeds_far_apart_give_different_values(evidence, path):
    kernel = slots.kernel(6, 7, made("glorot_uniform", seed=7))
    for apart in (2**31 - 2, 2**31 - 1, 2**31, 2**32 - 100):
        other = slots.kernel(6, 7, made("glorot_uniform", seed=7 + apart))
        evidence.differ(f"seeds 7 and 7 + {apart}", kernel, other)


@law("GlorotUniform", SEED, needs=slots.NEEDS)
def test_neighbouring_seeds_give_independent_values(evidence, path):
    one, other = (slots.kernel(200, 200, made("glorot_uniform", seed=s)) > 0 for s in (0, 1))
    evidence.independent("signs of seeds 0 and 1", one, other)


@law("SimpleRNN", 'recurrent_initializer: ... Default: `"orthogonal"`.')
def test_layers_without_a_seed_differ_from_each_other(evidence, path):
    one, other = (layer.under_test().build(100, 100).get_weights() for _ in range(2))
    evidence.differ("kernels", one[0], other[0])
    evidence.differ("recurrent kernels", one[1], other[1])
    evidence.independent("signs of the kernels", one[0] > 0, other[0] > 0)


@law("RandomNormal", REPEATS, needs=slots.NEEDS)
def test_one_initializer_used_twice_gives_the_same_values(evidence, path):
    for name, seed in itertools.product(("random_normal", "orthogonal"), (5, 0, None)):
        used = made(name, seed=seed)
        evidence.same(f"{name}({seed})", slots.kernel(7, 7, used), slots.kernel(7, 7, used))
        kernel, recurrent, _ = slots.weights(
            7, 7, kernel_initializer=used, recurrent_initializer=used
        )
        evidence.same(f"{name}({seed}) in one layer", kernel, recurrent)


@law(
    "GlorotUniform",
    "(Keras 2) a seeded initializer will not produce the same random values across multiple calls; "
    f"(Keras 3) {REPEATS}",
    needs=slots.NEEDS,
)
def test_a_seeded_glorot_initializer_used_twice_does_as_documented(evidence, path):
    used = made("glorot_uniform", seed=5)
    agrees = evidence.same if GLOROT_REPEATS else evidence.differ
    agrees("two kernels", slots.kernel(7, 7, used), slots.kernel(7, 7, used))


@law("GlorotUniform", GENERATOR, needs=slots.NEEDS, documented=SEED_GENERATOR is not None)
def test_a_seed_generator_gives_new_values_in_each_call(evidence, path):
    one, other = (made("glorot_uniform", seed=SEED_GENERATOR(5)) for _ in range(2))
    first, second = slots.kernel(7, 7, one), slots.kernel(7, 7, one)
    evidence.differ("two calls", first, second)
    evidence.same("another generator, first call", slots.kernel(7, 7, other), first)
    evidence.same("another generator, second call", slots.kernel(7, 7, other), second)


@law("GlorotUniform", GENERATOR, needs=slots.NEEDS, documented=SEED_GENERATOR is not None)
def test_a_copy_has_a_seed_generator_that_begins_anew(evidence, path):
    one, other = (made("glorot_uniform", seed=SEED_GENERATOR(5)) for _ in range(2))
    first = slots.kernel(7, 7, one)
    with the_layer():
        original = layer.under_test().make(7, kernel_initializer=other)
        copied = type(original).from_config(original.get_config())
        copied.build((None, None, 7))
    evidence.same("kernel of the copy", copied.get_weights()[0], first)


@law("Initializer", "get_config: Returns the configuration of the initializer", needs=slots.NEEDS)
def test_the_seeds_of_initializers_survive_config_cloning_and_saving(evidence, path):
    seeds = {slot: made("random_normal", seed=seed) for seed, slot in enumerate(slots.SLOTS, 1)}
    original = layer.under_test().build(5, 6, **seeds)
    for how, weights in copies.initial_weights_of_copies(original, 6).items():
        for what, one, other in zip(slots.SLOTS, weights, original.get_weights(), strict=True):
            evidence.same(f"{how}: {what}", one, other)


@law("SimpleRNNCell", LAYER_SEED, needs=BOTH | {"seed"})
def test_equal_seeds_of_layers_give_equal_masks(evidence, path):
    alone = [{name: rate} for name, rate in RATES.items()]
    for seed, rates in zip((0, *SEEDS), itertools.cycle((RATES, *alone)), strict=False):
        one, other = (probes.built(seed=seed, **rates) for _ in range(2))
        for call in ("first", "second"):
            got, again = probes.masks_of(one), probes.masks_of(other)
            evidence.same(f"seed {seed}, {call} call", got.both, again.both)


@law("SimpleRNNCell", LAYER_SEED, needs=BOTH)
def test_layers_without_a_seed_draw_different_masks(evidence, path):
    rates = dict.fromkeys(RATES, P)
    one, other = (probes.masks_of(probes.built(**rates)).kept() for _ in range(2))
    evidence.independent("inputs kept", one.input, other.input, P)
    evidence.independent("states kept", one.recurrent, other.recurrent, P)


@law("SimpleRNNCell", LAYER_SEED, needs=BOTH | {"seed"})
def test_different_seeds_of_layers_give_different_masks(evidence, path):
    kept = {s: probes.masks_of(probes.built(seed=s, **RATES)).kept() for s in (0, *SEEDS, None)}
    for one, other in itertools.combinations(kept, 2):
        evidence.independent(f"inputs, {one}, {other}", kept[one].input, kept[other].input, P)


@law("set_random_seed", SET_RANDOM_SEED, needs=BOTH | {"unroll"})
def test_a_run_after_set_random_seed_can_be_repeated(evidence, path):
    runs = []
    for seed in (7, 7, 8):
        with seeded(seed):
            runs.append(probes.whole_run(**RATES))
    for what, first in runs[0].items():
        evidence.same(f"{what}, seed 7 twice", runs[1][what], first)
        evidence.differ(f"{what}, seeds 7 and 8", runs[2][what], first)


@law("set_random_seed", SET_RANDOM_SEED, needs=slots.NEEDS)
def test_zero_and_the_largest_are_random_seeds_like_others(evidence, path):
    kernels = []
    for seed in (0, 0, 2**32 - 1, 2**32 - 1):
        with seeded(seed):
            kernels.append(slots.kernel(6, 7))
    evidence.same("seed 0 twice", kernels[0], kernels[1])
    evidence.same("seed 2^32 - 1 twice", kernels[2], kernels[3])
    evidence.differ("seeds 0 and 2^32 - 1", kernels[0], kernels[2])


@law("SimpleRNN", "dropout; kernel_initializer; recurrent_initializer", needs=BOTH | slots.NEEDS)
def test_kernels_and_masks_come_from_different_random_numbers(evidence, path):
    kernel, recurrent, mask = probes.kernels_and_mask()
    evidence.independent("signs of the kernels", kernel > 0, recurrent > 0)
    evidence.independent("inputs kept and signs of the kernel", kernel > 0, mask)
    evidence.independent("inputs kept and signs of the recurrent kernel", recurrent > 0, mask)
