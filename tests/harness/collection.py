"""What pytest collects: for each property and path one Hypothesis test."""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis.database import ExampleDatabase

from tests.harness import Unusable, layer, session
from tests.harness.compare import Mismatch
from tests.harness.properties import Check, Property, begin, expected_failure, parsed


class PropertyItem(pytest.Function):
    """A property on a path. Its `obj` is the Hypothesis test, or the sweep over every case."""

    check: Check

    @classmethod
    def on_every_path(cls, collector, name: str, prop: Property) -> Iterator["PropertyItem"]:
        """The items of a property, by path."""
        for path in prop.in_this_run:
            check = Check(prop, path, f"{collector.nodeid}::{name}[{path}]")
            test = check.test() if prop.over is None else check.sweep
            item = cls.from_parent(collector, name=f"{name}[{path}]", callobj=test)
            # Tells Hypothesis, too, that each path has a database entry of its own.
            item.add_marker(pytest.mark.parametrize("path", [path]))
            item.check = check
            yield item

    def reportinfo(self):
        code = self.check.prop.body.__code__
        return self.path, code.co_firstlineno - 1, self.name

    def runtest(self) -> None:
        check, case = self.check, session.current().case
        begin(self._record, check.prop, check.prop.missing(check.path))
        try:
            if case is not None:
                check.repeat(case)
            else:
                Failures(check).repeat()
                super().runtest()
                check.verify_named()
        except Mismatch as mismatch:
            if case is None:
                Failures(check).keep(getattr(mismatch, "text", None))
            raise
        finally:
            self._record("cases", check.cases)
            self._record("rows", check.rows)
            self._record("error/bound", check.largest)
            if check.shown:
                self._record("deviations", sorted(check.shown))
        if case is None and check.starved:
            pytest.fail(check.starved, pytrace=False)
        if check.expected == check.cases:
            expected_failure(check.shown.values())

    def _record(self, name: str, value: object) -> None:
        self.user_properties.append((name, value))


def database() -> ExampleDatabase | None:
    """Where the profile of this run keeps what failed."""
    return settings().database


class Failures:
    """The cases on which a check failed in earlier runs, in the database of Hypothesis.

    Hypothesis keeps the choices that led to a case. Those stand for another case in a run of other
    sizes, or of another version of the suite; the printed case does not.
    """

    def __init__(self, check: Check):
        self.check, self.database = check, database()
        self.key = f"simplernn-verify case {layer.under_test().name} {check.id}".encode()

    def repeat(self) -> None:
        """Check them again, and forget those that pass."""
        for kept in [] if self.database is None else list(self.database.fetch(self.key)):
            try:
                parsed(kept.decode())
            except ValueError:  # of an older version of the suite
                self.database.delete(self.key, kept)
                continue
            self.check.repeat(kept.decode())
            self.database.delete(self.key, kept)

    def keep(self, text: str | None) -> None:
        if text is not None and self.database is not None:
            self.database.save(self.key, text.encode())


def only_those_that_take_the_case(items: list[pytest.Item]) -> list[pytest.Item]:
    """The properties among the items, for a run of the one given case; Unusable if there is none,
    or if one of them needs other values beside the case."""
    found = [item for item in items if isinstance(item, PropertyItem)]
    if not found:
        raise Unusable("--case: name a generated property to run on it, as the failure did")
    given = set(read_case(session.current().case)["drawn"])
    for item in found:
        wanted = set(item.check.prop.also)
        if wanted != given:
            raise Unusable(
                f"--case: {item.name} takes a case and {', '.join(sorted(wanted)) or 'no more'}; "
                f"given are a case and {', '.join(sorted(given)) or 'no more'}"
            )
    return found


def read_case(text: str) -> dict:
    """As `parsed`; Unusable where it is none."""
    try:
        return parsed(text)
    except ValueError as error:
        raise Unusable(f"--case: expected Case(...) as a failure prints it: {error}") from None
