"""The order in which tests run, and the shard of them that a run keeps.

Both depend on the collected tests alone, so that all workers and all machines agree.
"""

import pytest

from tests.harness.plugin.collection import PropertyItem
from tests.harness.properties.registry import PROPERTIES

CHEAP_SECONDS = 0.2
"""A test of at most this cost runs early, also if another test of its property ran before."""

CASE_SECONDS = 0.06
"""The cost of a case on the eager path: a new layer, a call, and its comparison."""

TRACE_FACTOR = 1.6
"""The factor by which a case costs more on a path that traces, with its share of the traces."""

NAMED_CASES = 7
"""About as many named cases run beside the drawn cases of a primary property."""

SWEEP_SECONDS = 10.0
STATISTICAL_SECONDS = 0.6
EXAMPLE_SECONDS = {
    "test_whole_models": 5.0,
    "test_name_model": 2.4,
    "test_fit_data": 1.5,
    "test_side_effects": 1.3,
    "test_conversion": 1.0,
    "test_devices": 1.0,
    "test_accuracy": 0.6,
    "test_timing": 0.6,
    "test_training": 0.6,
    "test_sample_weights": 0.4,
    "test_stateful_models": 0.3,
    "test_deviations": 0.25,
    "test_outputs": 0.2,
    "test_losses": 0.15,
}
"""The average seconds of a test without drawn cases, by file; 0.05 in all other files.

These numbers were measured on two cores of x86-64 with TensorFlow 2.21. Only their order matters.
"""


def cost(item: pytest.Item) -> float:
    """Return about how many seconds a test takes, from what its property declares."""
    if not isinstance(item, PropertyItem):
        prop = PROPERTIES.get(property_name(item))
        if prop is not None and prop.kind == "statistical":
            return STATISTICAL_SECONDS
        return EXAMPLE_SECONDS.get(item.path.stem, 0.05)
    prop, path = item.check.prop, item.check.path
    if prop.all_cases is not None:
        return SWEEP_SECONDS
    cases = prop.example_count(path) + (NAMED_CASES if prop.primary else 0)
    of_a_case = CASE_SECONDS * prop.case_cost / path.example_fraction
    return cases * of_a_case * (TRACE_FACTOR if path.traced else 1)


def in_order(items: list[pytest.Item]) -> list[pytest.Item]:
    """Return the tests in the order in which they find faults early and keep all workers busy.

    First each property once, on its cheapest path, and every cheap test: primary properties lead,
    because most faults break them, then the cheapest. The other tests follow, the dearest first,
    so that no worker ends long after the others. Selftests come last, as they were collected.
    """
    selftests = [item for item in items if "selftest" in item.path.parts]
    costs = {item: cost(item) for item in items if item not in selftests}
    early: dict[pytest.Item, bool] = {}
    late, seen = [], set()
    for item in sorted(costs, key=lambda item: costs[item]):
        first = (name := property_name(item)) not in seen
        seen.add(name)
        if first or costs[item] <= CHEAP_SECONDS:
            early[item] = first and isinstance(item, PropertyItem) and item.check.prop.primary
        else:
            late.append(item)
    # `sorted` keeps the order of equal elements, which is that of the costs.
    return [*sorted(early, key=lambda item: not early[item]), *reversed(late), *selftests]


def property_name(item: pytest.Item) -> str:
    """Return the name of the property that a test verifies on one path."""
    return item.name.split("[")[0]


def shard(items: list[pytest.Item], number: int, total: int) -> list[pytest.Item]:
    """Return the tests of one shard, counted from 1.

    The ordered tests are dealt in turns. So the shards have about equal costs, and each has its
    part of the tests that find most faults.
    """
    return items[number - 1 :: total]


def dealt(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Return the tests so that workers of pytest-xdist run them about in the given order.

    Its scheduler "worksteal" cuts the tests into one piece for each worker, the smallest first.
    """
    if any("selftest" in item.path.parts for item in items):
        return items  # the tests of a file share slow fixtures
    return [item for first in reversed(range(workers)) for item in items[first::workers]]
