"""Join records into a table: properties down, environments across, and everything red."""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from packaging.version import Version

from tests.report.records import CRASHED, Record, Result, missing_shards

VERIFIED, DEVIATES, FAILS = "verified", "deviates", "fails"
NOT_APPLICABLE, NOT_RUN = "not applicable", "not run"
RED = "red"
HELD = {VERIFIED, DEVIATES}
WORST_FIRST = (RED, FAILS, CRASHED, DEVIATES, VERIFIED, NOT_RUN, NOT_APPLICABLE)
"""Verdicts: the row takes the first that one of its cells has."""

PRESENT, ABSENT, VANISHED, UNREGISTERED = "present", "absent", "vanished", "not registered"
BY_WITNESS = {
    (True, True): PRESENT,
    (False, False): ABSENT,
    (False, True): VANISHED,
    (True, False): UNREGISTERED,
}
OWN = "The suite itself"
"""The group of tests that fail and verify no sentence of the documentation."""

NAMED = 3
"""How many properties that were not run one line names."""


def title(name: str) -> str:
    """Return the name of a test as a sentence."""
    return name.removeprefix("test_").replace("_", " ")


@dataclass(frozen=True)
class Column:
    """One environment: its name, its releases, the facts of its run, the results of its tests."""

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
        """Whether the environment tests a pre-release."""
        return bool(self.facts) and Version(self.tensorflow).is_prerelease

    @property
    def order(self) -> tuple:
        """Sort by Keras first, because most deviations are bounded by releases of Keras."""
        if not self.facts:
            return (1,)
        return 0, Version(self.keras), Version(self.tensorflow), Version(self.python)


@dataclass
class Cell:
    """One property in one environment: its tests, one for each path.

    expected: whether the property must run there. may_fail: whether a failure there is not red.
    deviations: the ids of the deviations that are registered for the property and the release.
    """

    tests: dict[str, Result]
    expected: bool = True
    deviations: tuple[str, ...] = ()
    may_fail: bool = False

    @property
    def state(self) -> str:
        outcomes = {test.outcome for test in self.tests.values()}
        if CRASHED in outcomes:
            return CRASHED
        if "failed" in outcomes:
            return FAILS
        if NOT_RUN in outcomes:
            return NOT_RUN
        if "passed" in outcomes:
            return DEVIATES if self.deviations else VERIFIED
        if self.tests and all("not applicable" in t.facts for t in self.tests.values()):
            return NOT_APPLICABLE
        if self.tests and self.deviations:
            return DEVIATES
        return NOT_RUN

    @property
    def verdict(self) -> str:
        """The state, or "red" for a state that makes the report red."""
        must_run = self.expected and self.state == NOT_RUN
        if not self.may_fail and (must_run or self.state in (FAILS, CRASHED)):
            return RED
        return self.state

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
        """The cell in words, for screen readers."""
        some = f"{self.cases:,} case{'' if self.cases == 1 else 's'}"
        if self.state == DEVIATES:
            return f"deviates: {', '.join(self.deviations)}; otherwise verified on {some}"
        if self.state == VERIFIED:
            return f"verified on {some}"
        return f"{self.state}, ran {some}" if self.cases else self.state


@dataclass
class Row:
    """One property: its name, and the documented object with the sentence it verifies."""

    name: str
    promise: str
    cells: dict[str, Cell] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return title(self.name)

    @property
    def source(self) -> str:
        """The documented object, such as "SimpleRNN"."""
        source, colon, _ = self.promise.partition(": ")
        return source if colon else OWN

    @property
    def sentence(self) -> str:
        """The sentence of the documentation, without the documented object."""
        return self.promise.partition(": ")[2] or self.promise

    @property
    def verdict(self) -> str:
        """The worst verdict of its cells."""
        return min((cell.verdict for cell in self.cells.values()), key=WORST_FIRST.index)

    @property
    def deviations(self) -> list[str]:
        """The ids of the deviations in any environment."""
        return list(dict.fromkeys(id for cell in self.cells.values() for id in cell.deviations))

    @property
    def is_verified(self) -> bool:
        """Whether it is verified in every environment."""
        return all(cell.state == VERIFIED for cell in self.cells.values())

    @property
    def is_same(self) -> bool:
        """Whether every environment has the same state for the same deviations."""
        return len({(cell.state, cell.deviations) for cell in self.cells.values()}) < 2


@dataclass
class Known:
    """One registered deviation.

    facts: its entry in the newest record, and entries of older records for keys it lacks. applies:
    whether it is registered for the release of each environment. shown: whether the environment
    shows it, or None if its test did not run. unable: environments that lack an option the test
    needs. script: the script of the test.
    """

    id: str
    facts: Mapping
    script: str = ""
    applies: dict[str, bool] = field(default_factory=dict)
    shown: dict[str, bool | None] = field(default_factory=dict)
    unable: set[str] = field(default_factory=set)

    def state(self, column: str) -> str:
        """Return whether it is present as registered, or why this is unknown."""
        if (shown := self.shown.get(column)) is None:
            return NOT_APPLICABLE if column in self.unable else NOT_RUN
        return BY_WITNESS[shown, self.applies[column]]

    @property
    def is_here(self) -> bool:
        """Whether it is registered for any environment, or any environment shows it."""
        return any(self.applies.values()) or any(self.shown.values())

    @property
    def program(self) -> str:
        """A script that shows it: the registered one, or the one that its test printed."""
        return self.facts.get("script") or self.script

    @property
    def edges(self) -> list[tuple[str, str]]:
        """Neighbouring environments of which one shows it and the other does not."""
        known = [(name, shown) for name, shown in self.shown.items() if shown is not None]
        pairs = itertools.pairwise(known)
        return [(a, b) for (a, shown_a), (b, shown_b) in pairs if shown_a != shown_b]


@dataclass
class Table:
    """columns, rows: in the order of the page. known: deviations. complaints: unreadable files."""

    columns: list[Column]
    rows: dict[str, Row]
    known: dict[str, Known]
    complaints: list[str]

    def red(self, before: "Table | None" = None) -> list[str]:
        """List everything that is red, in one line each.

        before: an earlier table; a property that held there must not be without a verdict now.
        """
        found = list(self.complaints)
        must_hold = [c for c in self.columns if not c.may_fail]
        for column in must_hold:
            if column.trouble:
                found.append(f"{column.name}: no test ran: {column.trouble}")
            elif not column.finished:
                found.append(f"{column.name}: the run ended early")
            if missing := missing_shards(column.facts):
                found.append(f"{column.name}: no record of shard {', '.join(missing)}")
            not_run = []
            for row in self.rows.values():
                cell = row.cells[column.name]
                found += [f"{column.name}: {test.outcome}: {test.id}" for test in cell.failures]
                if cell.state == NOT_RUN and cell.expected:
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
                    now = new.state if new else "missing"
                    found.append(f"{name}: {row.title}: {old.state} before, {now} now")
        return found


def join(records: Iterable[Record], complaints: Iterable[str] = ()) -> Table:
    """Join records into a table."""
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
    """Make a row for each property of any release, and for each other test that failed."""
    rows: dict[str, Row] = {}
    for record in reversed(records):  # the newest release first: its order is that of the suite
        promises = dict(record.facts.get("properties", {}))
        for test in record.tests.values():
            if test.outcome in ("failed", CRASHED) or "promise" in test.facts:
                promises.setdefault(test.name, test.facts.get("promise", "a test of the suite"))
        for name, promise in promises.items():
            rows.setdefault(name, Row(name, promise))
    return rows


def _known(columns: list[Column], by_name: Mapping[str, Record]) -> dict[str, Known]:
    found: dict[str, Known] = {}
    for column in columns:
        for facts in column.facts.get("deviations", ()):
            known = found.setdefault(facts["id"], Known(facts["id"], facts))
            known.facts = {**known.facts, **facts}
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
    tests: dict[str, dict] = defaultdict(dict)
    for test in record.tests.values():
        tests[test.name][test.variant] = test
    for id in record.facts.get("tests", ()):  # collected, but the process may have ended before
        test = Result(id, NOT_RUN)
        tests[test.name].setdefault(test.variant, test)
    applies = defaultdict(list)
    for facts in record.facts.get("deviations", ()):
        for name in facts["shown_by"] if facts["applies"] else ():
            applies[name].append(facts["id"])
    for row in rows.values():
        promised = not record.facts or row.name in record.facts["properties"]
        row.cells[column.name] = Cell(
            tests[row.name],
            promised and not column.trouble,
            tuple(applies[row.name]),
            column.may_fail,
        )
    for facts in record.facts.get("deviations", ()):
        deviation = known[facts["id"]]
        if not facts["witness"]:
            # The property itself fails where the deviation is not as registered.
            shown_by = [rows[name] for name in facts["shown_by"] if name in rows]
            states = {row.cells[column.name].state for row in shown_by}
            if states and states <= HELD:
                deviation.shown[column.name] = facts["applies"]
