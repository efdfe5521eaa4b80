"""What was measured, release by release, and where a release is worse than those before it."""

from collections import defaultdict
from collections.abc import Callable, Mapping

from packaging.version import Version

from report.records import Result
from report.table import Column, Row, Table

Series = Mapping[str, Mapping[str, float]]
"""The value of each series in each column."""

WORSE = 1.5
"""How many times the best of all earlier releases is news; a few ulp more or less are not."""


def recorded(table: Table, fact: str) -> Series:
    """What tests recorded under that name, by the names that they gave to their numbers."""
    return _series(table, lambda row, test: test.facts.get(fact, {}))


def error_over_bound(table: Table) -> Series:
    """The largest error/bound of each property and path that has any rounding."""

    def numbers(row: Row, test: Result):
        largest = test.facts.get("error/bound")
        return {f"{row.title}, {test.variant}": largest} if largest else {}

    return _series(table, numbers)


def _series(table: Table, numbers: Callable[[Row, Result], Mapping[str, float]]) -> Series:
    found = defaultdict(dict)
    for row in table.rows.values():
        for column, cell in row.cells.items():
            for test in cell.tests.values():
                for name, value in numbers(row, test).items():
                    found[name][column] = value
    return dict(sorted(found.items()))


def worse(columns: list[Column], series: Series) -> list[str]:
    """Where a TensorFlow is clearly worse than the best one before it, in one line each.

    TensorFlow's guide to versions promises "comparable or improved accuracy".
    """
    known = sorted((c for c in columns if c.facts), key=lambda c: Version(c.tensorflow))
    found = []
    for name, values in series.items():
        best = None
        for column in (c for c in known if c.name in values):
            value = values[column.name]
            if best is not None and value > WORSE * values[best.name]:
                found.append(
                    f"{name}: {value:.3g} in {column.name}, and {values[best.name]:.3g} before, "
                    f"in {best.name}"
                )
            if best is None or value < values[best.name]:
                best = column
    return found
