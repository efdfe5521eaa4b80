"""Records made by hand, for what no real run of today shows."""

import dataclasses

from tests.report.records import Record, Result


def facts(**more) -> dict:
    """Return the facts of a run of one property."""
    known = {"tensorflow": "2.21.0", "keras": "3.15.1", "deviations": [], "tests": []}
    return {**known, "properties": {"test_a": "a: it holds"}, "environment": {}, **more}


def made(name: str = "env", *tests: Result, **more) -> Record:
    """Return a finished record with these tests; more: facts of the run."""
    told = {"python": "3.11.7"}
    return Record(name, facts(environment=told, **more), {t.id: t for t in tests}, finished=True)


def a_test(outcome: str = "passed", variant: str = "eager", **known) -> Result:
    """Return a result of the property on one path; known: what the test recorded."""
    told = {"promise": "a: it holds", **known}
    return Result(f"tests/test_a.py::test_a[{variant}]", outcome, told)


def deviation(applies: bool, witness: bool = True, **more) -> dict:
    """Return the entry of a deviation in a record, without the keys of later versions."""
    told = {"id": "d", "sentence": "", "departs": "", "upstream": "not reported"}
    shown = {"releases": "keras >=3.0", "applies": applies, "shown_by": ["test_a"]}
    return {**told, **shown, "witness": witness, **more}


def witness(shows: bool) -> Result:
    """Return the result of the test of that deviation."""
    told = {"deviation": "d", "shows": shows, "script": "print(1)"}
    return Result("tests/releases/test_deviations.py::test_w[d]", "passed", told)


def copies(record: Record, number: int) -> list[Record]:
    """Return the record as if so many environments had run, with rising releases of Keras."""
    return [
        dataclasses.replace(
            record,
            name=f"keras-3.{minor}.0-on-a-long-name",
            facts={**record.facts, "keras": f"3.{minor}.0"},
        )
        for minor in range(number)
    ]


def completed(record: Record) -> Record:
    """Return the record as if each property that did not run had passed on one path."""
    ran = {test.name for test in record.tests.values()}
    names = [name for name in record.facts["properties"] if name not in ran]
    more = [Result(f"tests/test_made.py::{name}[made]", "passed", {"cases": 7}) for name in names]
    return dataclasses.replace(record, tests={**record.tests, **{t.id: t for t in more}})
