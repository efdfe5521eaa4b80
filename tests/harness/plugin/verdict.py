"""The outcome of a run, by property."""

from collections import Counter, defaultdict

from tests.harness.knowledge.deviations import EFFECTS
from tests.harness.plugin.header import Target

NOT_APPLICABLE = "not applicable"


class Verdict:
    """The outcome of a run, from the user properties of its reports.

    passed, failed, deviating: names of properties. not_applicable: the missing features, by test.
    tested, cases, rows: their numbers. largest: the largest error/bound, in `largest_test`.
    occurred: the ids of the deviations that occurred.
    """

    def __init__(self):
        self.passed, self.failed, self.deviating = set(), set(), set()
        self.not_applicable: dict[str, str] = {}
        self.tested = self.cases = self.rows = 0
        self.largest, self.largest_test = 0.0, ""
        self.occurred: set[str] = set()
        self._outcomes = defaultdict(set)

    @classmethod
    def of(cls, stats) -> "Verdict":
        """Return the verdict of a run. stats: the terminal reporter's reports, by outcome."""
        self = cls()
        for outcome in ("passed", "failed", "error", "skipped", "xfailed"):
            for report in stats.get(outcome, []):
                self._add(report, outcome)
        for prop, outcomes in self._outcomes.items():
            if outcomes & {"failed", "error"}:
                self.failed.add(prop)
            else:
                (self.passed if "passed" in outcomes else self.deviating).add(prop)
        return self

    def _add(self, report, outcome: str) -> None:
        facts = dict(getattr(report, "user_properties", []))
        name = report.nodeid.rsplit("::", 1)[-1]
        if "promise" not in facts:
            if outcome in ("failed", "error"):
                self.failed.add(name)
            return
        if report.when == "teardown":
            return
        self.tested += 1
        if NOT_APPLICABLE in facts:
            self.not_applicable[name] = facts[NOT_APPLICABLE]
            return
        if outcome == "skipped":
            return
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

    def _known(self, target: Target) -> str:
        counts = Counter(target.deviations.values())
        text = f"{counts.total()} known deviation{'' if counts.total() == 1 else 's'}"
        by_effect = ", ".join(f"{counts[e]} {e}" for e in EFFECTS if counts[e])
        return f"{text}: {by_effect}" if by_effect else text

    def unmatched(self, target: Target) -> list[str]:
        """Return the ids of the user's deviations that no test of the run showed."""
        return sorted(set(target.registered_by_user) - self.occurred)
