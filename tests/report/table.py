"""Joining records: promises down, releases across, and what makes the whole red."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from packaging.version import Version

from tests.report.records import CRASHED, Record, Result

VERIFIED, DEVIATION, FAILURE = "verified", "deviation", "failure"
NOT_APPLICABLE, NOT_RUN = "not applicable", "not run"
HELD = {VERIFIED, DEVIATION}
SHOWS, KEEPS, VANISHED, NEW = "shows", "keeps", "vanished", "shows too"
BY_WITNESS = {
    (True, True): SHOWS,
    (False, False): KEEPS,
    (False, True): VANISHED,
    (True, False): NEW,
}
NAMED = 3  # of promises that were not run, in one line


def title(name: str) -> str:
    """The name of a test as the sentence that it is."""
    return name.removeprefix("test_").replace("_", " ")


@dataclass(frozen=True)
class Column:
    """One environment: its name, releases, what else the run told, and what its tests gave."""

    name: str
    tensorflow: str
    keras: str
    facts: Mapping
    results: tuple[Result, ...]
    finished: bool
    trouble: str

    @property
    def seconds(self) -> float:
        return sum(result.seconds for result in self.results)

    @property
    def python(self) -> str:
        return self.facts.get("environment", {}).get("python", "0")

    @property
    def may_fail(self) -> bool:
        """Whether it is of builds that nobody has released."""
        return bool(self.facts) and Version(self.tensorflow).is_prerelease

    @property
    def order(self) -> tuple:
        """Releases of one Keras stand side by side, and so do all that a deviation bounds."""
        if not self.facts:
            return (1,)
        return 0, Version(self.keras), Version(self.tensorflow), Version(self.python)


@dataclass
class Cell:
    """What one release does with one promise: its tests, one for each path.

    deviations: the ids of those that the release is known for.
    """

    tests: dict[str, Result]
    expected: bool = True
    deviations: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        outcomes = {test.outcome for test in self.tests.values()}
        if CRASHED in outcomes:
            return CRASHED
        if "failed" in outcomes:
            return FAILURE
        if NOT_RUN in outcomes:
            return NOT_RUN
        if "passed" in outcomes:
            return DEVIATION if self.deviations else VERIFIED
        if self.tests and all("not applicable" in t.facts for t in self.tests.values()):
            return NOT_APPLICABLE
        if self.tests and self.deviations:
            return DEVIATION
        return NOT_RUN

    @property
    def cases(self) -> int:
        ran = (t for t in self.tests.values() if t.outcome in ("passed", "failed"))
        return sum(int(test.facts.get("cases", 1)) for test in ran)

    @property
    def largest(self) -> float:
        """The largest error/bound on any path."""
        return max((t.facts.get("error/bound", 0) for t in self.tests.values()), default=0)

    @property
    def failures(self) -> list[Result]:
        return [t for t in self.tests.values() if t.outcome in ("failed", CRASHED)]

    @property
    def words(self) -> str:
        """The cell in words, for those who do not see its mark."""
        some = f"{self.cases:,} case{'' if self.cases == 1 else 's'}"
        if self.state == DEVIATION:
            return f"known deviation {', '.join(self.deviations)}; else verified on {some}"
        if self.state == VERIFIED:
            return f"verified on {some}"
        return f"{self.state}; ran on {some}" if self.cases else self.state


@dataclass
class Row:
    """One promise: the property's name and the sentence of the documentation."""

    name: str
    promise: str
    cells: dict[str, Cell] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return title(self.name)

    @property
    def is_verified(self) -> bool:
        """Whether it is verified in every environment."""
        return all(cell.state == VERIFIED for cell in self.cells.values())

    @property
    def is_same(self) -> bool:
        """Whether it is the same in every environment, for the same reasons."""
        return len({(cell.state, cell.deviations) for cell in self.cells.values()}) < 2


@dataclass
class Known:
    """One registered deviation.

    applies: whether it is registered for each release. shown: whether the release shows it, or
    None where that is unknown. unable: releases that lack what the witness needs. script: the
    witness.
    """

    id: str
    facts: Mapping
    script: str = ""
    applies: dict[str, bool] = field(default_factory=dict)
    shown: dict[str, bool | None] = field(default_factory=dict)
    unable: set[str] = field(default_factory=set)

    def state(self, column: str) -> str:
        """One of the four that registration and release can make, or why there is none."""
        if self.shown.get(column) is None:
            return NOT_APPLICABLE if column in self.unable else NOT_RUN
        return BY_WITNESS[self.shown[column], self.applies[column]]

    @property
    def edges(self) -> list[tuple[str, str]]:
        """Columns, side by side among those that know, of which one shows it and one does not."""
        known = [(name, shown) for name, shown in self.shown.items() if shown is not None]
        pairs = itertools.pairwise(known)
        return [(a, b) for (a, shown_a), (b, shown_b) in pairs if shown_a != shown_b]

    @property
    def is_bounded(self) -> bool:
        return self.facts["releases"] != "all"


@dataclass
class Table:
    """columns, rows: in the order of the page. known: deviations. complaints: unreadable files."""

    columns: list[Column]
    rows: dict[str, Row]
    known: dict[str, Known]
    complaints: list[str]

    def red(self, before: "Table | None" = None) -> list[str]:
        """Everything that must not be, in one line each; with an earlier table, what is lost."""
        found = list(self.complaints)
        must_hold = [c for c in self.columns if not c.may_fail]
        for column in must_hold:
            if column.trouble:
                found.append(f"{column.name}: no test ran: {column.trouble}")
            elif not column.finished:
                found.append(f"{column.name}: the run died before its end")
            not_run = []
            for row in self.rows.values():
                cell = row.cells[column.name]
                found += [f"{column.name}: {test.outcome}: {test.id}" for test in cell.failures]
                if cell.state == NOT_RUN and cell.expected and not column.trouble:
                    not_run.append(row.title)
            if not_run:
                more = f" and {len(not_run) - NAMED} more" if len(not_run) > NAMED else ""
                found.append(f"{column.name}: not run: {', '.join(not_run[:NAMED])}{more}")
        names = {c.name for c in must_hold}
        for row in before.rows.values() if before else ():
            for name, old in row.cells.items():
                new = self.rows.get(row.name, Row(row.name, "")).cells.get(name)
                lost = new is None or new.state in (NOT_APPLICABLE, NOT_RUN)
                if name in names and old.state in HELD and lost:
                    found.append(f"{name}: {row.title}: held before, and is {_now(new)}")
        return found


def _now(cell: Cell | None) -> str:
    return "gone" if cell is None else f"{cell.state} now"


def join(records: Iterable[Record], complaints: Iterable[str] = ()) -> Table:
    """The table of these records."""
    by_name = {record.name: record for record in records}
    columns = sorted((_column(record) for record in by_name.values()), key=lambda c: c.order)
    rows = _rows([by_name[c.name] for c in columns])
    known = _known(columns, by_name)
    for column in columns:
        _fill(column, by_name[column.name], rows, known)
    return Table(columns, rows, known, list(complaints))


def _column(record: Record) -> Column:
    facts = record.facts
    return Column(
        record.name,
        facts.get("tensorflow", "unknown"),
        facts.get("keras", "unknown"),
        facts,
        tuple(record.tests.values()),
        record.finished,
        record.trouble,
    )


def _rows(records: list[Record]) -> dict[str, Row]:
    """A row for what any release promises, and for what has failed without a promise."""
    rows: dict[str, Row] = {}
    for record in reversed(records):  # the newest release first: its order is that of the suite
        promises = dict(record.facts.get("properties", {}))
        for test in record.tests.values():
            if test.outcome in ("failed", CRASHED) or "promise" in test.facts:
                promises.setdefault(test.name, test.facts.get("promise", "the suite's own"))
        for name, promise in promises.items():
            rows.setdefault(name, Row(name, promise))
    return rows


def _known(columns: list[Column], by_name: Mapping[str, Record]) -> dict[str, Known]:
    found: dict[str, Known] = {}
    for column in columns:
        for facts in column.facts.get("deviations", ()):
            known = found.setdefault(facts["id"], Known(facts["id"], facts))
            known.facts = facts
            known.applies[column.name] = facts["applies"]
            known.shown[column.name] = None
        for test in by_name[column.name].tests.values():
            facts = test.facts
            if "deviation" in facts and facts["deviation"] in found:
                known = found[facts["deviation"]]
                known.shown[column.name] = facts.get("shows")
                known.script = facts.get("script", known.script)
                known.unable |= {column.name} if "not applicable" in facts else set()
    return found


def _fill(column: Column, record: Record, rows: Mapping[str, Row], known: Mapping) -> None:
    tests = defaultdict(dict)
    for test in record.tests.values():
        tests[test.name][test.variant] = test
    for id in record.facts.get("tests", ()):  # what was to run when the process ended
        test = Result(id, NOT_RUN)
        tests[test.name].setdefault(test.variant, test)
    applies = defaultdict(list)
    for facts in record.facts.get("deviations", ()):
        for name in facts["shown_by"] if facts["applies"] else ():
            applies[name].append(facts["id"])
    for row in rows.values():
        promised = not record.facts or row.name in record.facts["properties"]
        row.cells[column.name] = Cell(tests[row.name], promised, tuple(applies[row.name]))
    for facts in record.facts.get("deviations", ()):
        deviation = known[facts["id"]]
        if not facts["witness"]:
            # The property itself fails where the deviation is not as registered.
            shown_by = [rows[name] for name in facts["shown_by"] if name in rows]
            states = {row.cells[column.name].state for row in shown_by}
            if states and states <= HELD:
                deviation.shown[column.name] = facts["applies"]
