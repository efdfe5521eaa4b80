"""What was measured, release by release, and where a release is worse than those before it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from packaging.version import Version

from tests.report.records import Result
from tests.report.table import Column, Table, title

Series = Mapping[str, Mapping[str, float]]
"""The value of each series in each column."""

Curves = Mapping[str, Any]
"""Of each way to run the layer: x, y, and a line: that of a fit a + b x, or a floor for each x."""

WORSE = 1.5
"""How many times the best of all earlier releases is news; a few ulp more or less are not."""


def recorded(table: Table, fact: str) -> Series:
    """What tests recorded under that name, by the names that they gave to their numbers."""
    return _series(table, lambda result: result.facts.get(fact, {}))


def error_over_bound(table: Table) -> Series:
    """The largest error/bound of each property and path that has any rounding."""

    def numbers(result: Result):
        largest = result.facts.get("error/bound")
        return {f"{title(result.name)}, {result.variant}": largest} if largest else {}

    return _series(table, numbers)


def curves(results: Iterable[Result], fact: str) -> Curves:
    """What the measurements of one environment recorded under that name."""
    found: dict = {}
    for result in results:
        found |= result.facts.get(fact, {})
    return found


def _series(table: Table, numbers: Callable[[Result], Mapping[str, float]]) -> Series:
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for column in table.columns:
        for result in column.results:
            for name, value in numbers(result).items():
                found[name][column.name] = value
    return dict(found)


def worse(columns: list[Column], series: Series) -> list[str]:
    """Where a TensorFlow is clearly worse than the best one before it, in one line each.

    TensorFlow's guide to versions promises "comparable or improved accuracy". What stays as it was
    in the release before is no news, and neither is an error of less than one unit.
    """
    known = sorted((c for c in columns if c.facts), key=lambda c: Version(c.tensorflow))
    found = []
    for name, values in series.items():
        best: Column | None = None
        was_worse = False
        for column in (c for c in known if c.name in values):
            value = values[column.name]
            is_worse = best is not None and value > max(1, WORSE * values[best.name])
            if best is not None and is_worse and not was_worse:
                found.append(
                    f"{name}: {value:.3g} in {column.name}, and {values[best.name]:.3g} before, "
                    f"in {best.name}"
                )
            was_worse = is_worse
            if best is None or value < values[best.name]:
                best = column
    return found
