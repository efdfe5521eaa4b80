"""A search that has a duration (`--for`): rounds of runs in new processes.

The first round runs every test once. Each later round draws new cases for the generated properties,
with new seeds and sizes. The workers of a round are new processes, because TensorFlow never frees
traces, kernels and compiled code; so the memory of a search does not grow with its duration.

In a round every property gets an equal part of the time and not of the cases, so that dear ones do
not starve the others. A property whose largest error/bound grew gets twice the time in the next
round, one whose largest error/bound did not grow gets half, down to a quarter.
"""

import contextlib
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import pytest

from tests.harness.plugin.header import Target
from tests.harness.plugin.record_file import RecordFile
from tests.harness.plugin.reporting import RunReporter
from tests.harness.plugin.verdict import Verdict
from tests.harness.session import Round, seed_of

ROUND_SECONDS = 600.0
"""The duration of a later round, after which the workers are replaced."""

START_SECONDS = 10.0
"""About how long a worker imports TensorFlow and collects tests, before the first one did."""

FIRST_EXAMPLES, EXAMPLES = 20, 100
"""The examples of each property in the first round, and at a time in the others."""

WEIGHTS = 0.25, 4.0
"""The least and the greatest part of the time of a property, in equal parts."""

GROWTH = 1.01
"""The factor by which a largest error/bound grows noticeably."""


class Search:
    """A pytest plugin of all rounds, which runs them, shows the progress and gives the verdict.

    config: that of the run with `--for`, which runs no test itself. seconds: the duration.
    """

    def __init__(self, config: pytest.Config, seconds: float):
        self.config = self.config_of_round = config
        self.began = time.time()
        self.until = self.began + seconds
        self.verdict, self.target = Verdict(), None
        self.weights: dict[str, float] = {}
        self.ratios: dict[str, float] = {}
        self.collected = self.done = self.round = 0
        self.start_seconds, self.round_began = START_SECONDS, self.began
        self.progress = Progress(self)
        self.plugins: list = [self]
        self.record: RecordFile | None = None

    def run(self) -> int:
        """Run rounds until the time is over; return the exit code of pytest."""
        if file := self.config.getoption("--report-log", None):
            from pytest_reportlog.plugin import ReportLogPlugin

            self.plugins.append(plugin := ReportLogPlugin(self.config, Path(file)))
            self.record = RecordFile(plugin)
        code = int(pytest.ExitCode.OK)
        with tempfile.TemporaryDirectory() as folder, contextlib.suppress(KeyboardInterrupt):
            while self._is_due() and code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
                self.round += 1
                code = int(pytest.ExitCode.INTERRUPTED)  # if a KeyboardInterrupt ends the round
                code = self._run_round(Path(folder))
                if self.verdict.failed and self.config.getoption("maxfail"):
                    break
        self._close()
        if code in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
            nothing = not self.verdict.passed and not self.verdict.deviating
            return int(bool(self.verdict.failed) or nothing)
        return code

    def _is_due(self) -> bool:
        enough = self.until - time.time() > 2 * self.start_seconds
        return not self.round or bool(enough and self.weights)

    def _run_round(self, folder: Path) -> int:
        """Run one round; return the exit code of pytest."""
        workers = self._workers()
        plan, log = folder / "round.json", folder / "output.txt"
        plan.write_text(json.dumps(vars(self._plan(workers))), encoding="utf-8")
        self.collected = self.done = 0
        self.round_began = time.time()
        arguments = [*self.config.invocation_params.args, f"--round={plan}", f"-n{workers}"]
        arguments += [f"--hypothesis-seed={self._seed()}", "--hypothesis-profile=nightly"]
        arguments.append(f"--examples={EXAMPLES if self.weights else FIRST_EXAMPLES}")
        if self.record is not None:  # its own plugin writes all rounds into one record
            arguments.append(f"--report-log={os.devnull}")
        if self.round > 1 and self.config.getoption("xmlpath", None):
            arguments.append(f"--junit-xml={folder / 'round.xml'}")
        with log.open("w", encoding="utf-8") as output, contextlib.redirect_stdout(output):
            code = int(pytest.main(arguments, plugins=[*self.plugins]))
        if code == pytest.ExitCode.INTERNAL_ERROR:
            sys.stderr.write(log.read_text(encoding="utf-8"))
        return code

    def _workers(self) -> int:
        """Return the number of workers, at least one: only new processes free the memory."""
        given = self.config.getoption("numprocesses", None) or 1
        if isinstance(given, str):  # "auto" or "logical"
            given = self.config.hook.pytest_xdist_auto_num_workers(config=self.config)
        return int(given)

    def _seed(self) -> int:
        """Return the seed of a round. That of the first is the one of the command line."""
        first = self.config.getoption("--hypothesis-seed")
        return int(first) if self.round == 1 else seed_of(f"{first} {self.round}") % 2**32

    def _plan(self, workers: int) -> Round:
        """Return the next round: equal times by the weights of the properties."""
        left = self.until - time.time() - self.start_seconds
        seconds = max(0.0, min(ROUND_SECONDS, left)) * workers
        total = sum(self.weights.values())
        return Round(self.until, {id: seconds * w / total for id, w in self.weights.items()})

    def pytest_configure(self, config):
        self.config_of_round = config

    def pytest_xdist_node_collection_finished(self, ids):
        self.collected = len(ids)
        self.start_seconds = time.time() - self.round_began

    def pytest_runtest_logreport(self, report):
        status = self.config_of_round.hook.pytest_report_teststatus
        outcome = status(report=report, config=self.config_of_round)[0]
        self.verdict.add(report, outcome)
        if self.target is None and hasattr(report, "target"):
            self.target = Target(**report.target)
            reporter = RunReporter(self.config, self.target, 0)
            self.progress.write(*reporter.header(self.target))
        if report.failed:
            self.progress.write("", report.longreprtext, "")
        if report.when == "call" or report.outcome != "passed":
            self.done += 1
            self._weigh(report.nodeid, dict(report.user_properties), outcome)
        self.progress.show()

    def _weigh(self, id: str, facts: dict, outcome: str) -> None:
        """Set the part of a test in the next round: 0 if it failed or draws no cases."""
        if outcome not in ("passed", "xfailed") or not facts.get("drawn"):
            self.weights.pop(id, None)
            return
        before, now = self.ratios.get(id), facts.get("error/bound", 0.0)
        weight = self.weights.get(id, 1.0)
        if before is not None and now:
            weight *= 2 if now > GROWTH * before else 0.5
        self.weights[id] = min(max(weight, WEIGHTS[0]), WEIGHTS[1])
        self.ratios[id] = max(now, before or 0.0)

    def _close(self) -> None:
        """Print what the first round left out, and the verdict."""
        self.progress.show(is_last=True)
        lines = self.verdict.not_applicable_lines()
        if self.record is not None:
            self.record.close()
            lines += self.record.closing_lines()
        if self.round == 1 and self.done < self.collected:
            lines.append(f"not run: {self.collected - self.done} of {self.collected} tests")
        if self.verdict.tested and self.target:
            file = self.config.getoption("--deviations")
            lines += self.verdict.closing_lines(self.target, time.time() - self.began, file)
        self.progress.write(*lines)


class Progress:
    """The progress of a search: a line that a terminal overwrites, and a file gets each minute."""

    def __init__(self, search: Search):
        self.search, self.out = search, sys.stdout
        self.interval = 1.0 if self.out.isatty() else 60.0
        self.shown = 0.0

    def write(self, *lines: str) -> None:
        """Write lines above the progress."""
        if self.out.isatty():
            self.out.write("\r\x1b[K")
        for line in lines:
            print(line, file=self.out)
        self.out.flush()

    def show(self, is_last: bool = False) -> None:
        """Show the progress if it is due."""
        now = time.monotonic()
        if now - self.shown >= self.interval or is_last:
            self.shown = now
            self.write(*([] if self.out.isatty() else [self.line()]))
            if self.out.isatty():
                print(self.line(), file=self.out, end="\n" if is_last else "", flush=True)

    def line(self) -> str:
        """Return the progress: round, tests, cases, closest call, failures, time left."""
        search, verdict = self.search, self.search.verdict
        elapsed = time.time() - search.began
        closest = f"{verdict.largest:.3f} in {verdict.largest_test}" if verdict.largest else "none"
        return (
            f"round {search.round}: {search.done} of {search.collected} tests; {verdict.cases:,} "
            f"cases of {verdict.rows:,} rows, {verdict.cases / elapsed:.1f} cases/s; "
            f"closest call {closest}; {len(verdict.failed)} failed; "
            f"{format_duration(search.until - time.time())} left"
        )


def format_duration(seconds: float) -> str:
    """Return a duration in hours, minutes or seconds: "3 h 07 min", "12 min", "40 s"."""
    seconds = max(0, round(seconds))
    if seconds < 60:
        return f"{seconds} s"
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min"
