"""Read records: the lines that pytest-reportlog writes during a run."""

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

CRASHED = "crashed"
COMPLETE = (0, 1)
"""The exit codes of a run that reached its end; an interrupted run has another one."""

BAD_FIRST = (CRASHED, "failed", "passed", "skipped")
"""The outcomes of a test; of several rounds of a search the first one counts."""

TOLD = {"tensorflow", "keras", "environment", "tests", "properties", "deviations"}
"""The facts that every run records about itself. Other facts are optional."""


class Unreadable(Exception):
    """A file is not a record; the message is one line."""


@dataclass
class Result:
    """The result of one test.

    outcome: "passed", "failed", "skipped", or "crashed" if the process ended during the test.
    facts: the properties that the test recorded. text: why it failed or was skipped.
    """

    id: str
    outcome: str = CRASHED
    facts: dict = field(default_factory=dict)
    text: str = ""
    seconds: float = 0.0

    @property
    def name(self) -> str:
        """The name of the test function."""
        return self.id.rsplit("::", 1)[-1].split("[")[0]

    @property
    def variant(self) -> str:
        """The text in brackets, which is the path in most tests."""
        return self.id.partition("[")[2].rstrip("]")


@dataclass
class Record:
    """One run, or several that are joined, which may be incomplete.

    facts: what the run recorded about itself; empty if it ended before its first test. finished:
    whether it reached its end. trouble: why no test ran.
    """

    name: str
    facts: dict = field(default_factory=dict)
    tests: dict[str, Result] = field(default_factory=dict)
    finished: bool = False
    trouble: str = ""


def read_all(places: Iterable[Path]) -> tuple[list[Record], list[str]]:
    """Return the records in these files and folders, and a line about each file that is not one.

    Records of one environment are joined; of a test that ran twice the last result counts.
    """
    files, complaints = [], []
    for place in places:
        if place.is_dir():
            files += sorted(place.rglob("*.jsonl"))
        elif place.exists():
            files.append(place)
        else:
            complaints.append(f"{place} does not exist")
    joined: dict[str, Record] = {}
    for file in files:
        try:
            record = read(file)
        except Unreadable as error:
            complaints.append(str(error))
            continue
        if record.name in joined:
            record = _join(joined[record.name], record)
        joined[record.name] = record
    return list(joined.values()), complaints


def read(file: Path) -> Record:
    """Return the record in a file; Unreadable if it is not one.

    The last line may be incomplete: a run that ends early leaves such a line.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"{file} cannot be read: {error}") from None
    rounds = [Record(file.stem)]  # those of a search, or one run
    for number, line in enumerate(lines, 1):
        try:
            entry = json.loads(line)
            if entry["$report_type"] == "SessionStart" and number > 1:
                rounds.append(Record(file.stem))
            _take(rounds[-1], entry, entry["$report_type"])
        except (ValueError, KeyError, TypeError, AttributeError):
            if number == len(lines) > 1:
                break
            raise Unreadable(
                f"{file} is not a record: line {number} was not written by pytest"
            ) from None
    record = functools.reduce(_add_round, rounds)
    if record.facts and not record.facts.keys() >= TOLD:
        raise Unreadable(f"{file} is a record of another version of this suite")
    record.name = record.facts.get("name") or record.name
    if not record.tests:
        record.trouble = record.trouble or "the run ended before its first test"
    return record


def _take(record: Record, entry: dict, kind: str) -> None:
    if kind == "SessionFinish":
        record.finished = entry["exitstatus"] in COMPLETE
    elif kind == "CollectReport" and entry["outcome"] == "failed":
        record.trouble = _last_line(entry["longrepr"])
    elif kind == "TestReport":
        test = record.tests.setdefault(entry["nodeid"], Result(entry["nodeid"]))
        test.facts.update(entry.get("user_properties", []))
        record.facts = test.facts.pop("run", record.facts)
        test.seconds += entry["duration"]
        when, outcome = entry["when"], entry["outcome"]
        if when == "call" or outcome != "passed":
            # pytest-xdist reports a test whose worker died at no moment that pytest knows.
            test.outcome = outcome if when in ("setup", "call", "teardown") else CRASHED
            test.text = _text(entry["longrepr"]) if outcome != "passed" else ""


def _add_round(first: Record, second: Record) -> Record:
    """Return a search with one more round, of which the first round collected all tests."""
    more = {
        id: _added(first.tests[id], test) if id in first.tests else test
        for id, test in second.tests.items()
    }
    return Record(
        first.name,
        first.facts or second.facts,
        {**first.tests, **more},
        second.finished,
        first.trouble,
    )


def _added(first: Result, second: Result) -> Result:
    """Return the result of a test that ran in two rounds: sums, maxima, and the worse outcome."""
    sums = {n: first.facts.get(n, 0) + second.facts.get(n, 0) for n in ("cases", "rows", "drawn")}
    largest = max(result.facts.get("error/bound", 0) for result in (first, second))
    shown = {*first.facts.get("deviations", ()), *second.facts.get("deviations", ())}
    worse = min(first, second, key=lambda result: BAD_FIRST.index(result.outcome))
    return Result(
        first.id,
        worse.outcome,
        {
            **first.facts,
            **second.facts,
            **sums,
            "error/bound": largest,
            "deviations": sorted(shown),
        },
        worse.text,
        first.seconds + second.seconds,
    )


def missing_shards(facts: Mapping) -> list[str]:
    """Return the shards, such as "3/8", without a record, if another shard has one."""
    present = {tuple(map(int, shard.split("/"))) for shard in facts.get("shards", ())}
    totals = {total for _, total in present}
    missing = [(i, n) for n in sorted(totals) for i in range(1, n + 1) if (i, n) not in present]
    complete = totals - {n for _, n in missing}
    return [] if complete else [f"{number}/{total}" for number, total in missing]


def _join(first: Record, second: Record) -> Record:
    shards = [*first.facts.get("shards", ()), *second.facts.get("shards", ())]
    tests = _all_tests(first) | _all_tests(second)
    return Record(
        first.name,
        {**first.facts, **second.facts, "tests": tests, "shards": shards},
        {**first.tests, **second.tests},
        first.finished and second.finished,
        first.trouble if not second.tests else "",
    )


def _all_tests(record: Record) -> dict[str, None]:
    return dict.fromkeys(record.facts.get("tests", ()))


def _text(longrepr) -> str:
    """Return the text of a failure or skip from each of the forms that pytest writes."""
    if isinstance(longrepr, dict):  # an exception with its traceback
        entries = longrepr.get("reprtraceback", {}).get("reprentries", [])
        lines = [line for entry in entries for line in (entry.get("data") or {}).get("lines", [])]
        return "\n".join([*lines, str(longrepr.get("reprcrash", {}).get("message", ""))])
    return str(longrepr[-1] if isinstance(longrepr, list) else longrepr or "")


def _last_line(longrepr) -> str:
    return (_text(longrepr).strip().splitlines() or ["pytest collected no test"])[-1]
