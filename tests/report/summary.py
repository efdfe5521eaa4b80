"""What the page says first: counts, groups of rows, classes of deviations, changes, dates."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from packaging.version import Version

from tests.report.table import DEVIATES, OWN, RED, VERIFIED, Column, Known, Row, Table, title

COUNTED = (VERIFIED, DEVIATES, RED)
"""The verdicts that have a number of their own; all others are listed by name."""

EFFECTS = (
    "wrong numbers",
    "argument ignored",
    "raises",
    "not repeatable",
    "lost digits",
    "documentation",
)
"""Classes of deviations in the order of the page, the most harmful first."""

UNCLASSIFIED = "no class recorded"
"""The class of deviations in records that were written before deviations had classes."""


def span(numbers: Iterable[int]) -> str:
    """Return "7" for equal numbers, "5 to 9" for others."""
    numbers = list(numbers)
    least, most = min(numbers), max(numbers)
    return f"{least:,}" if least == most else f"{least:,} to {most:,}"


@dataclass(frozen=True)
class Group:
    """All rows of one documented object."""

    name: str
    rows: tuple[Row, ...]

    @property
    def counts(self) -> Counter:
        """How many rows have each verdict."""
        return Counter(row.verdict for row in self.rows)

    def counts_in(self, column: Column) -> Counter:
        """How many rows have each verdict in one environment."""
        return Counter(row.cells[column.name].verdict for row in self.rows)


@dataclass(frozen=True)
class Line:
    """A line of the summary: one environment, or several that are counted together.

    counts: for each environment, how many properties have each verdict.
    """

    name: str
    columns: tuple[Column, ...]
    counts: tuple[Counter, ...]

    def span(self, verdict: str) -> str:
        """The number of properties with that verdict: "7", or "5 to 9" over the environments."""
        return span(counts[verdict] for counts in self.counts)

    def share(self, verdict: str) -> int:
        """The sum over all environments, for the bar."""
        return sum(counts[verdict] for counts in self.counts)

    @property
    def others(self) -> list[tuple[str, str]]:
        """All further verdicts with their numbers."""
        seen = dict.fromkeys(name for counts in self.counts for name in counts)
        return [(name, self.span(name)) for name in seen if name not in COUNTED]


@dataclass
class Changes:
    """Differences to an earlier table.

    names: for each kind of change, the names of the environments, properties and deviations.
    verdicts: for each pair of an earlier and a new verdict, the environments of each row.
    """

    names: dict[str, list[str]] = field(default_factory=dict)
    verdicts: dict[tuple[str, str], dict[str, list[str]]] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.names or self.verdicts)


def groups(table: Table) -> list[Group]:
    """Group the rows by documented object, large groups first; tests of the suite come last."""
    found = defaultdict(list)
    for row in table.rows.values():
        found[row.source].append(row)
    made = [Group(name, tuple(rows)) for name, rows in found.items()]
    return sorted(made, key=lambda group: (group.name == OWN, -len(group.rows)))


def lines(table: Table) -> list[Line]:
    """Make one line for each environment."""
    return [_line(table, column.name, [column]) for column in table.columns]


def families(table: Table) -> list[Line]:
    """Make one line for each major version of Keras, and one for pre-releases."""
    found = defaultdict(list)
    for column in table.columns:
        found[_family(column)].append(column)
    return [_line(table, name, columns) for name, columns in found.items()]


def _family(column: Column) -> str:
    if not column.facts:
        return "no test ran"
    if column.may_fail:
        return "pre-releases, which may fail"
    return f"Keras {Version(column.keras).major}"


def _line(table: Table, name: str, columns: list[Column]) -> Line:
    counts = (
        Counter(row.cells[column.name].verdict for row in table.rows.values()) for column in columns
    )
    return Line(name, tuple(columns), tuple(counts))


def effects(known: Iterable[Known]) -> dict[str, list[Known]]:
    """Sort deviations by the class of their effect."""
    found = defaultdict(list)
    for deviation in known:
        found[deviation.facts.get("effect") or UNCLASSIFIED].append(deviation)
    unknown = [name for name in found if name not in (*EFFECTS, UNCLASSIFIED)]
    order = (*EFFECTS, *unknown, UNCLASSIFIED)
    return {name: found[name] for name in order if name in found}


def dates(table: Table) -> str:
    """The day of the runs, or the first and the last day."""
    days = sorted({str(c.facts["began"])[:10] for c in table.columns if c.facts.get("began")})
    return " to ".join(dict.fromkeys((days[0], days[-1]))) if days else ""


def changes(new: Table, old: Table) -> Changes:
    """Compare with an earlier table."""
    was, now = ({c.name: c for c in table.columns} for table in (old, new))
    found = Changes(_changed_names(new, old, was, now))
    for name, row in new.rows.items():
        for column in now.keys() & was.keys():
            before = old.rows[name].cells[column].verdict if name in old.rows else None
            after = row.cells[column].verdict
            if before is not None and before != after:
                found.verdicts.setdefault((before, after), {}).setdefault(name, []).append(column)
    order = {column.name: i for i, column in enumerate(new.columns)}
    for rows in found.verdicts.values():
        for names in rows.values():
            names.sort(key=order.__getitem__)
    found.verdicts = dict(sorted(found.verdicts.items(), key=lambda item: _weight(*item[0])))
    return found


def _weight(before: str, after: str) -> tuple[int, str, str]:
    """Sort changes for the worse first."""
    rank = {RED: 0, DEVIATES: 1, VERIFIED: 3}
    return rank.get(after, 2), before, after


def _changed_names(new: Table, old: Table, was: dict, now: dict) -> dict[str, list[str]]:
    found = {}
    for one, many, before, after in (
        ("environment", "environments", was, now),
        ("property", "properties", old.rows, new.rows),
        ("deviation", "deviations", old.known, new.known),
    ):
        added, removed = (
            [n for n in a if n not in b] for a, b in ((after, before), (before, after))
        )
        for word, names in (("new", added), ("removed", removed)):
            if names:
                noun = one if len(names) == 1 else many
                found[f"{len(names)} {word} {noun}"] = [title(name) for name in names]
    releases = [
        f"{name}: {label} {getattr(now[name], package)}, {getattr(was[name], package)} before"
        for name in (name for name in now if name in was)
        for label, package in (("TensorFlow", "tensorflow"), ("Keras", "keras"))
        if getattr(now[name], package) != getattr(was[name], package)
    ]
    if releases:
        found["Other releases"] = releases
    return found
