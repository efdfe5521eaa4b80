"""Searches that have a duration."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from tests.harness.plugin import search
from tests.harness.plugin.search import Search, format_duration
from tests.report import records
from tests.selftest.harness.inner_runs import run
from tests.selftest.programs import launch

FILES = ("tests/simple_rnn/test_independence.py",)
SELECTED = ("-k", "eager", "-p", "no:cacheprovider", "-n2")
PATIENCE_SECONDS = 90
"""How long a search may take longer than asked: a busy machine imports TensorFlow slowly."""


def start_search(duration: str, *options: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "pytest", *FILES, *SELECTED, f"--for={duration}", *options]
    return launch(*command)


def numbers(pattern: str, text: str) -> list[int]:
    return [int(found.replace(",", "")) for found in re.findall(pattern, text)]


def test_search_draws_new_cases_until_time_is_over(tmp_path):
    file = tmp_path / "searched.jsonl"
    began = time.monotonic()
    searching = start_search("90s", f"--report-log={file}", "--hypothesis-seed=5")
    said, _ = searching.communicate(timeout=90 + PATIENCE_SECONDS)
    assert searching.returncode == 0, said
    assert time.monotonic() - began > 80
    assert "profile: nightly, 20 examples; seed: 5" in said
    assert said.count("layer under test") == 1
    record = records.read(file)
    assert record.finished
    starts = file.read_text().count('"SessionStart"')
    assert starts >= 2
    drawn = [test for test in record.tests.values() if test.facts.get("drawn")]
    assert max(test.facts["drawn"] for test in drawn) > 20
    assert {test.outcome for test in record.tests.values()} == {"passed"}
    (cases,) = numbers(r"properties pass on ([\d,]+) cases", said)
    assert cases == sum(test.facts["cases"] for test in record.tests.values())


def test_failure_is_shown_once_and_counted():
    fault = "tests.selftest.faults.layer:RepeatsFirstRow"
    searching = start_search("50s", f"--layer={fault}")
    said, _ = searching.communicate(timeout=50 + PATIENCE_SECONDS)
    assert searching.returncode == 1, said
    assert said.count("test_batch_rows_are_independent[eager]\n\n  ") == 1
    assert "To repeat the failure" in said
    assert "FAIL (" in said.splitlines()[-1]


def test_interrupted_search_gives_a_verdict(tmp_path):
    file = tmp_path / "interrupted.jsonl"
    searching = start_search("1h", f"--report-log={file}")
    wait_for(lambda: file.exists() and file.read_text().count('"when": "call"') > 3)
    os.killpg(searching.pid, signal.SIGINT)
    said, _ = searching.communicate(timeout=PATIENCE_SECONDS)
    assert searching.returncode == pytest.ExitCode.INTERRUPTED, said
    assert "properties pass" in said  # a process of the round may warn after the verdict
    assert records.read(file).tests


def wait_for(condition) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


# ------------------------------------------------------------------------- the plan of a round


@pytest.fixture
def planned(request, monkeypatch) -> Search:
    """Return a search of an hour whose first round drew cases in three tests."""
    monkeypatch.setattr(search.time, "time", lambda: 0.0)
    made = Search(request.config, 3600)
    for id in "abc":
        made._weigh(id, {"drawn": 20, "error/bound": 0.5}, "passed")
    return made


def test_round_gives_equal_times(planned):
    planned.round = 1
    plan = planned._plan(workers=2)
    assert plan.until == 3600
    assert plan.seconds == dict.fromkeys("abc", search.ROUND_SECONDS * 2 / 3)


@pytest.mark.parametrize("options", [[], ["--shard=1/2"]], ids=["all", "shard"])
def test_later_round_runs_the_tests_of_its_plan(tmp_path, options):
    everything = run(*FILES, "--collect-only", *options).items
    ids = [item.nodeid for item in everything[::2]]
    plan = tmp_path / "round.json"
    plan.write_text(json.dumps({"until": time.time() + 60, "seconds": dict.fromkeys(ids, 1.0)}))
    found = run(*FILES, "--collect-only", f"--round={plan}", *options).items
    assert sorted(item.nodeid for item in found) == sorted(ids)


def test_growing_error_gets_more_time(planned):
    for ratio in (0.6, 0.7, 0.8, 0.9):
        planned._weigh("a", {"drawn": 100, "error/bound": ratio}, "passed")
        planned._weigh("b", {"drawn": 100, "error/bound": 0.5}, "passed")
    seconds = planned._plan(workers=1).seconds
    assert seconds["a"] == 4 * seconds["c"] == 16 * seconds["b"]


@pytest.mark.parametrize(
    ("facts", "outcome"),
    [({"drawn": 20}, "failed"), ({"drawn": 0}, "passed"), ({}, "passed"), ({}, "skipped")],
    ids=["failed", "sweep", "example", "skipped"],
)
def test_tests_without_new_cases_run_once(planned, facts, outcome):
    planned._weigh("a", facts, outcome)
    assert list(planned._plan(workers=1).seconds) == ["b", "c"]


def test_last_round_is_short(planned, monkeypatch):
    monkeypatch.setattr(search.time, "time", lambda: 3600 - 40.0)
    assert sum(planned._plan(workers=2).seconds.values()) == pytest.approx(60)
    planned.round = 1
    assert planned._is_due()
    monkeypatch.setattr(search.time, "time", lambda: 3600 - 5.0)
    assert not planned._is_due()


def test_seeds_of_rounds_repeat(planned):
    planned.config = SimpleNamespace(getoption=lambda name: "7")
    seeds = []
    for planned.round in (1, 2, 3, 2):
        seeds.append(planned._seed())
    assert seeds[0] == 7
    assert seeds[1] == seeds[3]
    assert len({*seeds}) == 3


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(-3, "0 s"), (59.4, "59 s"), (61, "1 min"), (3599, "59 min"), (3 * 3600 + 420, "3 h 07 min")],
)
def test_durations_are_readable(seconds, text):
    assert format_duration(seconds) == text


def test_progress_shows_time_left_and_closest_call(planned):
    planned.verdict.cases, planned.verdict.rows = 12345, 67890
    planned.verdict.largest, planned.verdict.largest_test = 0.987, "test_a[eager]"
    planned.began = -100
    line = planned.progress.line()
    for words in (
        "12,345 cases of 67,890 rows, 123.5 cases/s",
        "closest call 0.987 in test_a[eager]",
        "1 h 00 min left",
        "0 failed",
    ):
        assert words in line
