"""What a run tells people: the header, a readable failure, the verdict."""

import time
from collections import defaultdict
from dataclasses import asdict

import pytest
from hypothesis import settings

from tests.harness import session, sizes
from tests.harness.subject import Subject

NOT_APPLICABLE = "not applicable"


class Report:
    """A pytest plugin. All it knows about tests it reads from their reports' user properties, so
    that it works in the same way with pytest-xdist, and in records of finished runs.

    subject: None in a process that runs no test and has no TensorFlow; `Workers` gets it there.
    """

    def __init__(self, config, subject: Subject | None, began: float):
        self.config = config
        self.subject = subject
        self.began = began  # by time.perf_counter, before TensorFlow was imported

    def pytest_report_header(self):
        return self.header() if self.subject else []

    def header(self) -> list[str]:
        """What may change the numbers of this run, line by line."""
        profile = self.config.option.hypothesis_profile
        fixed = settings.get_profile(profile).derandomize
        run = session.current()
        known = " ".join(self.subject.deviations) or "none"
        return [
            f"layer under test: {self.subject.layer}",
            *(f"{name}: {value}" for name, value in self.subject.environment.items()),
            f"profile: {profile}, {run.examples} examples; seed: {run.seed}"
            + (", as in each run of this profile" if fixed else ""),
            f"sizes of this run: {sizes.described(run.sizes)}; and each up to {run.sweep} once",
            f"known deviations of this release: {known}",
        ]

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self, item, call):
        from tests.harness.compare import Mismatch  # where no test is run, TensorFlow is not needed

        outcome = yield
        error = call.excinfo.value if call.excinfo is not None else None
        if isinstance(error, Mismatch):
            told = [f"{item.nodeid}\n\n  {error}", getattr(error, "context", "")]
            # Hypothesis's own notes, but for the case, which stands above.
            notes = getattr(error, "__notes__", ())
            told += [f"\n{note}" for note in notes if not note.startswith("Falsifying")]
            outcome.get_result().longrepr = "\n".join(told)

    def pytest_sessionfinish(self, session, exitstatus):
        """A run in which nothing was applicable has verified nothing, and is no success."""
        verdict = self._verdict()
        if exitstatus == 0 and verdict.not_applicable and not verdict.held:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _verdict(self) -> "Verdict":
        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        return Verdict.of(terminal.stats if terminal else {})

    def pytest_unconfigure(self):
        """The verdict is the last thing that a run prints."""
        terminal = self.config.pluginmanager.getplugin("terminalreporter")
        verdict = self._verdict()
        for name, reason in sorted(verdict.not_applicable.items()):
            terminal.write_line(f"not applicable: {name} (the layer has no {reason})")
        if verdict.promises and self.subject:
            terminal.write_line(verdict.line(self.subject, time.perf_counter() - self.began))


class Worker:
    """A pytest plugin of a worker of pytest-xdist: its first report carries the subject."""

    def __init__(self, subject: Subject):
        self.untold = {"subject": asdict(subject)}

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_makereport(self):
        outcome = yield
        vars(outcome.get_result()).update(self.untold)
        self.untold = {}


class Workers:
    """A pytest plugin of the process that hands tests to workers. That one does not import
    TensorFlow, which takes seconds and 0.6 GB: the first report of a worker tells the subject."""

    def __init__(self, report: Report):
        self.report, self.started = report, False

    def pytest_xdist_node_collection_finished(self):
        self.started = True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report):
        if self.report.subject is None and hasattr(report, "subject"):
            self.report.subject = Subject(**report.subject)
            terminal = self.report.config.pluginmanager.getplugin("terminalreporter")
            terminal.ensure_newline()
            for line in self.report.header():
                terminal.write_line(line)

    def pytest_testnodedown(self, error):
        """A worker that ends before it has a test to run will end in the same way each time."""
        if error and not self.started:
            kind, _, why = str(error).strip().splitlines()[-1].rpartition("UsageError: ")
            raise pytest.UsageError(
                why if kind else f"the process that imports TensorFlow and the layer ends: {why}"
            )


class Verdict:
    """The outcome of a run, by property."""

    def __init__(self):
        self.held, self.failed, self.departing = set(), set(), set()
        self.not_applicable: dict[str, str] = {}
        self.promises = self.cases = self.rows = 0
        self.largest, self.largest_in = 0.0, ""

    @classmethod
    def of(cls, stats) -> "Verdict":
        """From the terminal reporter's reports, by outcome."""
        self = cls()
        paths = defaultdict(set)
        for outcome in ("passed", "failed", "error", "skipped", "xfailed"):
            for report in stats.get(outcome, []):
                facts = dict(getattr(report, "user_properties", []))
                name = report.nodeid.rsplit("::", 1)[-1]
                if "promise" not in facts:
                    if outcome in ("failed", "error"):
                        self.failed.add(name)
                    continue
                if report.when == "teardown":
                    continue
                self.promises += 1
                prop = name.split("[")[0]
                if NOT_APPLICABLE in facts:
                    self.not_applicable[name] = facts[NOT_APPLICABLE]
                    continue
                if outcome == "skipped":
                    continue
                paths[prop].add(outcome)
                self.cases += facts.get("cases", 0)
                self.rows += facts.get("rows", 0)
                if facts.get("error/bound", 0) > self.largest:
                    self.largest, self.largest_in = facts["error/bound"], name
        for prop, outcomes in paths.items():
            if outcomes & {"failed", "error"}:
                self.failed.add(prop)
            else:
                (self.held if "passed" in outcomes else self.departing).add(prop)
        return self

    def line(self, subject: Subject, seconds: float) -> str:
        name = subject.layer.split(":")[-1]
        where = f"tensorflow {subject.tensorflow}, keras {subject.keras}"
        text = f"{name} of {where}: {len(self.held)} properties hold"
        if self.departing:
            text += f", {len(self.departing)} depart as known"
        if self.failed:
            text += f", {len(self.failed)} FAIL ({', '.join(sorted(self.failed))}),"
        text += f" on {self.cases:,} cases of {self.rows:,} rows ({seconds:.0f} s)"
        if self.largest_in:
            text += f"; largest error/bound {self.largest:.2f} in {self.largest_in}"
        known = len(subject.deviations)
        return f"{text}; {known} known deviation{'' if known == 1 else 's'}"
