"""The order of the tests, and their shards."""

import itertools
import sys
from types import SimpleNamespace

import pytest
from xdist.scheduler import WorkStealingScheduling

from tests.harness import session
from tests.harness.plugin import schedule
from tests.harness.properties.registry import ROOT
from tests.report import records
from tests.selftest.harness.inner_runs import run
from tests.selftest.programs import start


def collected(*options: str) -> list[pytest.Item]:
    # In the profile of this run, because costs depend on its number of examples.
    profile = f"--hypothesis-profile={session.current().profile}"
    return run("tests", "--collect-only", "-q", profile, *options).items


@pytest.fixture(scope="module")
def items():
    return collected()


def names(items) -> list[str]:
    return [item.nodeid for item in items]


def test_each_property_runs_early_once(items):
    properties = {schedule.property_name(item) for item in items}
    costs = [schedule.cost(item) for item in items]
    seen, early = set(), 0
    while seen != properties:
        seen.add(schedule.property_name(items[early]))
        early += 1
    assert sum(costs[:early]) < sum(costs) / 2
    assert costs[early:] == sorted(costs[early:], reverse=True)


def test_order_is_the_same_in_each_run(items):
    assert names(items) == names(collected("--hypothesis-seed=7"))


def test_primary_properties_run_first(items):
    first = [item.check.prop.primary for item in items[:5]]
    assert all(first)
    costs = [schedule.cost(item) for item in items]
    assert sum(costs[:5]) < sum(costs) / 20


def test_files_with_costs_exist():
    for name in schedule.EXAMPLE_SECONDS:
        assert list(ROOT.glob(f"tests/*/{name}.py")), name


def test_selftests_keep_their_order():
    where = "tests/selftest/harness/test_compare.py"
    kept = run(where, "--collect-only").items
    assert kept == sorted(kept, key=lambda item: item.location[1])


# ------------------------------------------------------------------------------------ workers


class Node:
    """A worker of pytest-xdist that never runs the tests that it gets."""

    shutting_down = False

    def __init__(self, name):
        self.gateway, self.got = SimpleNamespace(id=name), []

    def send_runtest_some(self, indices):
        self.got += indices


@pytest.mark.parametrize("workers", [1, 2, 3, 4])
@pytest.mark.parametrize("count", [12, 13, 14, 15])
def test_workers_share_the_order(workers, count):
    tests = [SimpleNamespace(path=ROOT / "tests/test_a.py", id=i) for i in range(count)]
    dealt = [test.id for test in schedule.dealt(tests, workers)]
    config = SimpleNamespace(getvalue=lambda name: [f"{workers}*popen"])
    scheduler = WorkStealingScheduling(config)
    nodes = [Node(f"gw{i}") for i in range(workers)]
    for node in nodes:
        scheduler.add_node(node)
        scheduler.add_node_collection(node, [str(i) for i in dealt])
    scheduler.schedule()
    turns = itertools.zip_longest(*([dealt[index] for index in node.got] for node in nodes))
    assert [sorted(i for i in turn if i is not None) for turn in turns] == [
        list(range(count))[first : first + workers] for first in range(0, count, workers)
    ]


# ------------------------------------------------------------------------------------- shards


def test_shards_are_disjoint_complete_and_balanced(items):
    shards = [collected(f"--shard={number}/3") for number in (1, 2, 3)]
    ids = [name for shard in shards for name in names(shard)]
    assert len(ids) == len({*ids})
    assert sorted(ids) == sorted(names(items))
    costs = [sum(schedule.cost(item) for item in shard) for shard in shards]
    assert max(costs) < 1.1 * min(costs)


def test_more_shards_than_tests_are_empty():
    file = "tests/simple_rnn/test_direction.py"
    whole = run(file, "--collect-only").items
    total = len(whole) + 1
    assert not run(file, "--collect-only", f"--shard={total}/{total}").items


def test_records_of_shards_are_joined(tmp_path):
    file = "tests/simple_rnn/test_return_values.py"
    for number in (1, 2):
        command = ["pytest", file, f"--shard={number}/2", f"--report-log={tmp_path}/{number}.jsonl"]
        done = start(sys.executable, "-m", *command, "--hypothesis-profile=faults", TOX_ENV_NAME="")
        assert done.returncode == 0, done.stdout
    (joined,), complaints = records.read_all([tmp_path])
    assert not complaints
    assert joined.finished
    assert joined.facts["shards"] == ["1/2", "2/2"]
    assert not records.missing_shards(joined.facts)
    whole = names(run(file, "--collect-only", "--hypothesis-profile=faults").items)
    assert sorted(joined.tests) == sorted(joined.facts["tests"]) == sorted(whole)
    assert {test.outcome for test in joined.tests.values()} <= {"passed", "skipped"}
