"""A layer that is wrong at one size alone is found, whichever size that is."""

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tests import test_sizes as swept
from tests.harness import layer, session, sizes
from tests.harness.compare import Mismatch
from tests.harness.paths import EAGER, UNROLL
from tests.harness.properties import all_properties
from tests.selftest.test_faults import verify

SWEEPS = (
    "test_every_batch_and_time_gives_the_recurrence",
    "test_every_number_of_units_and_features_gives_the_recurrence",
)
LARGEST = {"units": 130, "features": 130, "batch": 100, "time": 100}
COUNT = 60


def all_cases():
    """All cases of the sweeps, with their property and path."""
    for name in SWEEPS:
        prop = all_properties()[name]
        for path in prop.on:
            yield from ((prop, path, case) for case in prop.over(path))


def drawn_at_random() -> list[str]:
    """Faults at sizes that are other ones in each run."""
    generator = random.Random(session.current().seed_of("one size"))
    found = []
    for _ in range(COUNT):
        dimension = generator.choice(tuple(LARGEST))
        static = "static_" if generator.random() < 0.3 else ""
        found.append(f"{static}{dimension}_{generator.randint(1, LARGEST[dimension])}")
    return found


@pytest.fixture
def restored():
    before = layer.under_test().name
    yield
    layer.select(before)


def test_sixty_layers_wrong_at_one_size_are_found_by_the_sweeps(restored):
    cases = list(all_cases())
    for name in drawn_at_random():
        layer.select(f"tests.selftest.one_size:{name}")
        dimension, size = name.removeprefix("static_").split("_")
        at_that_size = [known for known in cases if getattr(known[2], dimension) == int(size)]
        assert any(fails(*known) for known in at_that_size), name


def fails(prop, path, case) -> bool:
    try:
        prop.body(case, path)
    except Mismatch:
        return True
    return False


@pytest.mark.parametrize("name", ["units_64", "static_time_37"])
def test_a_run_finds_a_layer_wrong_at_one_size(name):
    outcomes = verify(f"tests.selftest.one_size:{name}", SWEEPS)
    assert outcomes.failed


@pytest.mark.parametrize("largest", [130, 520])
def test_each_size_up_to_the_largest_is_tried(largest):
    before = session.use(replace(session.current(), sweep=largest))
    one_trace = np.array(swept.sizes_of_one_trace()).T
    layers = {path: np.array(swept.sizes_of_layers(path)).T for path in (EAGER, UNROLL)}
    session.use(before)
    wanted = set(range(1, largest + 1))
    assert set(one_trace[0]) == set(one_trace[1]) == wanted
    for batches, _, features, units in layers.values():
        assert set(batches) == set(features) == set(units) == wanted
    assert set(layers[EAGER][1]) >= set(range(1, 101))


def test_runs_of_other_seeds_use_other_sizes_and_reach_them_all():
    seen = Counter()
    for seed in range(2000):
        units = sizes.of_run(seed)["units"]
        seen.update((*units.usual, *units.large))
    assert set(range(1, 301)) == seen.keys()
    assert seen[64] > 3 * seen[61]  # powers of two are favoured
    assert sizes.of_run(7) == sizes.of_run(7) != sizes.of_run(8)


@pytest.mark.parametrize("seed", range(20))
def test_the_sizes_of_a_run_rise_and_are_few(seed):
    for found in sizes.of_run(seed).values():
        every = (*found.usual, *found.large)
        assert every[:3] == (1, 2, 3)
        assert list(every) == sorted(set(every))
        assert len(every) <= 10
