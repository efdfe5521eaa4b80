"""Runs that are killed, interrupted, or fill the disk: what was verified is kept.

The record holds each test that ended, the report says what is missing, and the database holds what
failed.
"""

import os
import resource
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.report import records, table
from tests.report.__main__ import main
from tests.selftest.programs import launch

TESTS = "tests/simple_rnn/test_weights.py"
WHERE = "tests/simple_rnn/test_recurrence.py::test_outputs_are_exact_on_integers[eager]"
PATIENCE_SECONDS = 120
KILLERS = {
    "third_test": """
import os, signal
count = 0
def pytest_runtest_setup(item):
    global count
    count += 1
    if count == 3 and os.environ.get("PYTEST_XDIST_WORKER", "gw0") == "gw0":
        os.kill(os.getpid(), signal.SIGKILL)
""",
    "first_failed_case": """
import os, signal
from tests.harness.plugin.collection import FailedCases
save = FailedCases.save
def killing(self, text):
    save(self, text)
    os.kill(os.getpid(), signal.SIGKILL)
FailedCases.save = killing
""",
}
"""Plugins that kill a process at a moment of the run."""


class Run:
    """A run of few tests with a record and a database in a folder of its own."""

    def __init__(self, folder: Path, *options: str, where: str = TESTS, most_bytes: int = 0):
        self.folder, self.record = folder, folder / "record.jsonl"
        for name, text in KILLERS.items():
            (folder / f"{name}.py").write_text(text)
        command = [sys.executable, "-m", "pytest", where, f"--report-log={self.record}"]
        command += ["-p", "no:cacheprovider", "--hypothesis-profile=dev", *options]
        more = {"HYPOTHESIS_STORAGE_DIRECTORY": str(folder / "database"), "PYTHONPATH": str(folder)}

        def limit():
            if most_bytes:
                resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))

        self.process = launch(*command, limit=limit, **more)

    def output(self) -> str:
        """Return what the run printed, when it has ended."""
        return self.process.communicate(timeout=PATIENCE_SECONDS)[0]

    def wait_for_tests(self, count: int) -> None:
        """Wait until the record has so many tests."""
        end = time.monotonic() + PATIENCE_SECONDS
        while not (self.record.exists() and self.record.read_text().count('"call"') >= count):
            assert time.monotonic() < end
            time.sleep(0.05)

    def outcomes(self) -> list[str]:
        return [test.outcome for test in records.read(self.record).tests.values()]

    def red(self) -> list[str]:
        return table.join([records.read(self.record)]).red()


def test_killed_worker_costs_one_test(tmp_path):
    many = "tests/simple_rnn/test_stateful.py"
    run = Run(tmp_path, "-n2", "-p", "third_test", "--max-worker-restart=1", where=many)
    said = run.output()
    assert run.process.returncode == 1, said
    outcomes = run.outcomes()
    assert outcomes.count(records.CRASHED) == 1
    assert outcomes.count("passed") > len(outcomes) / 2
    assert "the run ended early" not in " ".join(run.red())
    assert any(": crashed: " in line for line in run.red())


def test_killed_controller_leaves_a_record(tmp_path):
    run = Run(tmp_path, "-n2", where="tests/simple_rnn")
    run.wait_for_tests(5)
    os.kill(run.process.pid, signal.SIGKILL)
    run.output()  # ends only after the workers have ended, which hold the pipe
    assert run.outcomes().count("passed") >= 5
    red = run.red()
    assert any(line.endswith("the run ended early") for line in red)
    assert any(": not run: " in line for line in red)
    assert main([str(run.record)]) == 1


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["serial", "workers"])
def test_interrupted_run_gives_a_verdict(tmp_path, workers):
    run = Run(tmp_path, *workers, where="tests/simple_rnn")
    run.wait_for_tests(5)
    os.killpg(run.process.pid, signal.SIGINT)
    said = run.output()
    assert run.process.returncode == pytest.ExitCode.INTERRUPTED, said
    assert "properties pass" in said  # a worker may warn after the verdict
    assert run.outcomes().count("passed") >= 5
    assert any(line.endswith("the run ended early") for line in run.red())


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["serial", "workers"])
def test_full_disk_does_not_end_the_run(tmp_path, workers):
    run = Run(tmp_path, *workers, most_bytes=400_000)
    said = run.output()
    assert run.process.returncode == 0, said
    assert "Traceback" not in said
    assert f"warning: {run.record} is incomplete: File too large" in said
    assert "properties pass" in said.splitlines()[-1]
    assert any(line.endswith("the run ended early") for line in run.red())


def test_failed_case_survives_a_kill_while_shrinking(tmp_path):
    fault = "--layer=tests.selftest.faults.layer:Transposed"
    run = Run(tmp_path, "-n1", "-p", "first_failed_case", fault, where=WHERE)
    run.output()
    assert records.CRASHED in run.outcomes()
    assert len(stored_cases(tmp_path)) == 1
    again = Run(tmp_path, fault, where=WHERE)
    assert "To repeat the failure" in again.output()
    (test,) = records.read(again.record).tests.values()
    assert test.facts["cases"] == 1


def test_only_the_smallest_failed_case_is_stored(tmp_path):
    run = Run(tmp_path, "--layer=tests.selftest.faults.layer:Transposed", where=WHERE)
    said = run.output()
    (case,) = stored_cases(tmp_path)
    assert f'--case "{case}"' in said


def stored_cases(folder: Path) -> list[str]:
    """Return the texts of the failed cases in the database of a folder."""
    files = [file for file in (folder / "database").rglob("*") if file.is_file()]
    texts = [file.read_bytes() for file in files]
    return [text.decode() for text in texts if text.startswith(b"Case(")]
