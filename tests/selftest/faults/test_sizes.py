"""A layer that is wrong at a single size is detected, for any size."""

import random
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tests.harness import session
from tests.harness.cases import sizes
from tests.harness.compare.assertions import Mismatch
from tests.harness.paths.execution import EAGER, UNROLL
from tests.harness.properties.registry import all_properties
from tests.harness.target import layer
from tests.selftest.faults.test_faults import verify
from tests.simple_rnn import test_sizes as swept

SWEEPS = (
    "test_every_batch_and_time_is_exact",
    "test_every_number_of_units_and_features_is_exact",
)
LARGEST = {"units": 130, "features": 130, "batch": 100, "time": 100}
COUNT = 60


def all_cases():
    """Yield (property, path, case) for all cases of the sweeps."""
    for name in SWEEPS:
        prop = all_properties()[name]
        for path in prop.paths:
            yield from ((prop, path, case) for case in prop.all_cases(path))


def drawn_at_random() -> list[str]:
    """Return names of faults at random sizes, which depend on the seed of the run."""
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


def test_sweeps_detect_layers_wrong_at_one_size(restored):
    cases = list(all_cases())
    for name in drawn_at_random():
        layer.select(f"tests.selftest.faults.one_size:{name}")
        dimension, size = name.removeprefix("static_").split("_")
        same_size = [entry for entry in cases if getattr(entry[2], dimension) == int(size)]
        assert any(fails(*entry) for entry in same_size), name


def fails(prop, path, case) -> bool:
    try:
        prop.body(case, path)
    except Mismatch:
        return True
    return False


@pytest.mark.parametrize("name", ["units_64", "static_time_37"])
def test_run_detects_a_layer_wrong_at_one_size(name):
    outcomes = verify(f"tests.selftest.faults.one_size:{name}", SWEEPS)
    assert outcomes.failed


@pytest.mark.parametrize("largest", [130, 520])
def test_sweeps_try_each_size_up_to_largest(largest):
    before = session.set_current(replace(session.current(), largest_swept_size=largest))
    one_trace = np.array(swept.sizes_of_one_trace()).T
    layers = {path: np.array(swept.sizes_of_layers(path)).T for path in (EAGER, UNROLL)}
    session.set_current(before)
    wanted = set(range(1, largest + 1))
    assert set(one_trace[0]) == set(one_trace[1]) == wanted
    for batches, _, features, units in layers.values():
        assert set(batches) == set(features) == set(units) == wanted
    assert set(layers[EAGER][1]) >= set(range(1, 101))


def test_seeds_vary_the_sizes_and_reach_all():
    seen = Counter()
    for seed in range(2000):
        units = sizes.sizes_of_run(seed)["units"]
        seen.update((*units.common, *units.large))
    assert set(range(1, 301)) == seen.keys()
    assert seen[64] > 3 * seen[61]  # powers of two are favoured
    assert sizes.sizes_of_run(7) == sizes.sizes_of_run(7) != sizes.sizes_of_run(8)


@pytest.mark.parametrize("seed", range(20))
def test_run_sizes_are_sorted_and_few(seed):
    for found in sizes.sizes_of_run(seed).values():
        every = (*found.common, *found.large)
        assert every[:3] == (1, 2, 3)
        assert list(every) == sorted(set(every))
        assert len(every) <= 10
