"""The table of `--costs`: what the time of a run is spent on."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

SMALLEST_SHARE = 0.005
"""Rows of a smaller part of the time are summed up in one row."""


@dataclass
class Cost:
    """The cost of some tests: seconds, numbers of tests and of cases."""

    seconds: float = 0.0
    tests: int = 0
    cases: int = 0

    def add(self, report) -> None:
        """Add the report of one phase of a test: setup, call or teardown."""
        self.seconds += report.duration
        if report.when == "call":
            self.tests += 1
            self.cases += dict(report.user_properties).get("cases", 0)

    def line(self, name: str, total: float) -> str:
        """Return the row of the table. total: the seconds of all rows."""
        of_a_case = f"{1000 * self.seconds / self.cases:9.0f}" if self.cases else f"{'':9}"
        return (
            f"{self.seconds:9.1f} {self.seconds / total:6.1%} {self.tests:6,} {self.cases:7,} "
            f"{of_a_case}  {name}"
        )


def table(reports: Iterable) -> list[str]:
    """Return the lines of two tables: the costs of each file, and those of each path.

    reports: of all phases of all tests. The seconds are those of all processes together.
    """
    by_file: dict[str, Cost] = defaultdict(Cost)
    by_path: dict[str, Cost] = defaultdict(Cost)
    for report in reports:
        file, _, test = report.nodeid.partition("::")
        by_file[file].add(report)
        drawn = "drawn" in dict(report.user_properties)
        by_path[test.partition("[")[2].rstrip("]") if drawn else "(no drawn cases)"].add(report)
    return [
        *_rows("costs of each file, in seconds of all processes", by_file),
        *_rows("costs of each path", by_path),
    ]


def _rows(title: str, costs: Mapping[str, Cost]) -> list[str]:
    total = sum(cost.seconds for cost in costs.values())
    if not total:
        return []
    rest, lines = Cost(), []
    for name, cost in sorted(costs.items(), key=lambda entry: -entry[1].seconds):
        if cost.seconds >= SMALLEST_SHARE * total:
            lines.append(cost.line(name, total))
            continue
        rest.seconds += cost.seconds
        rest.tests += cost.tests
        rest.cases += cost.cases
    lines += [rest.line("(others)", total)] if rest.seconds else []
    head = f"{'seconds':>9} {'share':>6} {'tests':>6} {'cases':>7} {'ms/case':>9}"
    return ["", f"{title}:", head, *lines]
