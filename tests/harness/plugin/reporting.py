"""The reports of a run: its header, readable failures, and the verdict."""

import time
from dataclasses import asdict

import pytest
from hypothesis import settings

from tests.harness import session
from tests.harness.cases import sizes
from tests.harness.compare.assertions import Mismatch
from tests.harness.plugin import costs
from tests.harness.plugin.database import display_name
from tests.harness.plugin.header import Target
from tests.harness.plugin.record_file import RECORD_FILE
from tests.harness.plugin.verdict import Verdict


class RunReporter:
    """A pytest plugin for the header, failures and the verdict.

    It reads all facts about tests from the user properties of their reports, which also works with
    pytest-xdist. target: None in a process that runs no test, where ControllerReporter sets it.
    start_time: by time.perf_counter, before the import of TensorFlow.
    """

    def __init__(self, config, target: Target | None, start_time: float):
        self.config, self.target, self.start_time = config, target, start_time

    def pytest_report_header(self):
        return self.header(self.target) if self.target else []

    def header(self, target: Target) -> list[str]:
        """Return the lines of the header: everything that can affect numerical results."""
        profile = self.config.option.hypothesis_profile
        fixed = settings.get_profile(profile).derandomize
        run = session.current()
        known = " ".join(target.deviations) or "none"
        return [
            f"layer under test: {target.layer}",
            *(f"{name}: {value}" for name, value in target.environment.items()),
            f"profile: {profile}, {run.examples} examples; seed: {run.seed}"
            + (", the same in each run of this profile" if fixed else ""),
            f"sizes of this run: {sizes.format_sizes(sizes.current())}; "
            f"and each size up to {run.largest_swept_size} once",
            *([f"failed cases: {display_name(run.database)}"] if run.database else []),
            f"known deviations of this release: {known}",
        ]

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item, call):
        outcome = yield
        error = call.excinfo.value if call.excinfo is not None else None
        if isinstance(error, Mismatch):
            lines = [f"{item.nodeid}\n\n  {error}", error.context]
            # The notes of Hypothesis, without the case, which the context has.
            notes = getattr(error, "__notes__", ())
            lines += [f"\n{note}" for note in notes if not note.startswith("Falsifying")]
            outcome.get_result().longrepr = "\n".join(lines)

    def pytest_sessionfinish(self, session, exitstatus):
        """Fail a run without any applicable property, because it verified nothing."""
        verdict = self._verdict()
        if exitstatus == 0 and verdict.not_applicable and not verdict.passed:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _verdict(self) -> "Verdict":
        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        return Verdict.of(terminal.stats if terminal else {})

    def pytest_unconfigure(self):
        """Print the verdict as the last lines of the run."""
        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        verdict = self._verdict()
        file = self.config.stash.get(RECORD_FILE, None)
        lines = [*(file.closing_lines() if file else []), *verdict.not_applicable_lines()]
        if self.config.getoption("--costs") and terminal:
            phases = (report for reports in terminal.stats.values() for report in reports)
            lines += [*costs.table(r for r in phases if isinstance(r, pytest.TestReport)), ""]
        if verdict.tested and self.target:
            seconds = time.perf_counter() - self.start_time
            lines += verdict.closing_lines(self.target, seconds, session.current().deviations)
        for line in lines:
            terminal.write_line(line)


class WorkerReporter:
    """A pytest plugin for a worker of pytest-xdist, whose first report carries the target."""

    def __init__(self, target: Target):
        self.pending_facts = {"target": asdict(target)}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self):
        outcome = yield
        vars(outcome.get_result()).update(self.pending_facts)
        self.pending_facts = {}


class ControllerReporter:
    """A pytest plugin for the controller of pytest-xdist.

    The controller does not import TensorFlow, which takes seconds and 0.6 GB. It gets the target
    from the first report of a worker.
    """

    def __init__(self, report: RunReporter):
        self.report, self.started = report, False

    def pytest_xdist_node_collection_finished(self):
        self.started = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report):
        if self.report.target is None and hasattr(report, "target"):
            self.report.target = Target(**report.target)
            terminal = self.report.config.pluginmanager.getplugin("terminalreporter")
            terminal.ensure_newline()
            for line in self.report.header(self.report.target):
                terminal.write_line(line)

    @pytest.hookimpl(tryfirst=True)  # before pytest-xdist prints the traceback of the worker
    def pytest_testnodedown(self, error):
        """End the run if a worker ends before it collects tests, as every other worker would."""
        if error and not self.started:
            kind, _, reason = str(error).strip().splitlines()[-1].rpartition("UsageError: ")
            raise pytest.UsageError(
                reason
                if kind
                else f"the process that imports TensorFlow and the layer ends: {reason}"
            )
