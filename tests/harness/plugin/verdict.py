"""The outcome of a run, by property."""

from collections import Counter, defaultdict

from tests.harness.knowledge.deviations import EFFECTS
from tests.harness.plugin.header import Target

NOT_APPLICABLE = "not applicable"
OUTCOMES = ("passed", "failed", "error", "skipped", "xfailed")


class Verdict:
    """The outcome of a run, from the user properties of its reports.

    passed, failed, deviating: names of properties. not_applicable: the missing features, by test.
    tested, cases, rows: their numbers. largest: the largest error/bound, in `largest_test`.
    occurred: the ids of the deviations that occurred.
    """

    def __init__(self):
        self.not_applicable: dict[str, str] = {}
        self.tested = self.cases = self.rows = 0
        self.largest, self.largest_test = 0.0, ""
        self.occurred: set[str] = set()
        self._outcomes: dict[str, set[str]] = defaultdict(set)
        self._others: set[str] = set()

    @classmethod
    def of(cls, stats) -> "Verdict":
        """Return the verdict of a run. stats: the terminal reporter's reports, by outcome."""
        self = cls()
        for outcome in OUTCOMES:
            for report in stats.get(outcome, []):
                self.add(report, outcome)
        return self

    @property
    def failed(self) -> set[str]:
        wrong = {"failed", "error"}
        return self._others | {name for name, found in self._outcomes.items() if found & wrong}

    @property
    def passed(self) -> set[str]:
        right = {name for name, found in self._outcomes.items() if "passed" in found}
        return right - self.failed

    @property
    def deviating(self) -> set[str]:
        return {*self._outcomes} - self.passed - self.failed

    def add(self, report, outcome: str) -> None:
        """Add the report of a test. outcome: one of OUTCOMES; others are ignored."""
        if outcome not in OUTCOMES:
            return
        facts = dict(getattr(report, "user_properties", []))
        name = report.nodeid.rsplit("::", 1)[-1]
        if "promise" not in facts:
            if outcome in ("failed", "error"):
                self._others.add(name)
            return
        if report.when == "teardown":
            return
        self.tested += 1
        if NOT_APPLICABLE in facts:
            self.not_applicable[name] = facts[NOT_APPLICABLE]
            return
        if outcome == "skipped" and not facts.get("drawn"):
            return
        if outcome != "skipped":  # a test that was running when the time of a search was over
            self._outcomes[name.split("[")[0]].add(outcome)
        self.cases += facts.get("cases", 0)
        self.rows += facts.get("rows", 0)
        self.occurred.update(facts.get("deviations", ()))
        if facts.get("error/bound", 0) > self.largest:
            self.largest, self.largest_test = facts["error/bound"], name

    def line(self, target: Target, seconds: float) -> str:
        """Return the verdict in one line."""
        name = target.layer.split(":")[-1]
        where = f"tensorflow {target.tensorflow}, keras {target.keras}"
        text = f"{name} of {where}: {len(self.passed)} properties pass"
        if self.deviating:
            text += f", {len(self.deviating)} deviate as known"
        if self.failed:
            text += f", {len(self.failed)} FAIL ({', '.join(sorted(self.failed))}),"
        text += f" on {self.cases:,} cases of {self.rows:,} rows ({seconds:.0f} s)"
        if self.largest_test:
            text += f"; largest error/bound {self.largest:.2f} in {self.largest_test}"
        return f"{text}; {self._known(target)}"

    def closing_lines(self, target: Target, seconds: float, file: str | None) -> list[str]:
        """Return the last lines of a run: deviations that no test showed, and the verdict.

        file: the user's file of deviations, or None.
        """
        unmatched = sorted(set(target.registered_by_user) - self.occurred)
        return [
            *(f"warning: {file}: no test of this run showed deviation {id}" for id in unmatched),
            self.line(target, seconds),
        ]

    def not_applicable_lines(self) -> list[str]:
        """Return a line about each test that needs what the layer or the release lacks."""
        missing = sorted(self.not_applicable.items())
        return [f"not applicable: {name} (needs {reason})" for name, reason in missing]

    def _known(self, target: Target) -> str:
        counts = Counter(target.deviations.values())
        text = f"{counts.total()} known deviation{'' if counts.total() == 1 else 's'}"
        by_effect = ", ".join(f"{counts[e]} {e}" for e in EFFECTS if counts[e])
        return f"{text}: {by_effect}" if by_effect else text
