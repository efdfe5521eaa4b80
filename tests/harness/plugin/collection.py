"""What pytest collects: for each property and path one Hypothesis test."""

from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis.database import ExampleDatabase

from tests.harness import session
from tests.harness.compare.assertions import Mismatch
from tests.harness.configuration import ConfigurationError
from tests.harness.properties.check import Check, parse_case_option
from tests.harness.properties.expected import record_sentence, xfail_as_known
from tests.harness.properties.generated import GeneratedProperty
from tests.harness.target import layer


class PropertyItem(pytest.Function):
    """A property on a path. Its `obj` is the Hypothesis test, or the sweep over every case."""

    check: Check

    @classmethod
    def for_each_path(
        cls, collector, name: str, prop: GeneratedProperty
    ) -> Iterator["PropertyItem"]:
        """The items of a property, by path."""
        for path in prop.paths_in_this_run:
            check = Check(prop, path, f"{collector.nodeid}::{name}[{path}]")
            test = check.test() if prop.all_cases is None else check.sweep
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
        record_sentence(self._record, check.prop, check.prop.missing_features(check.path))
        try:
            if case is not None:
                check.replay(case)
            else:
                FailedCases(check).replay()
                super().runtest()
                check.verify_named_cases()
        except Mismatch as mismatch:
            if case is None:
                FailedCases(check).save(mismatch.case_text)
            raise
        finally:
            self._record("cases", check.cases)
            self._record("rows", check.rows)
            self._record("error/bound", check.largest)
            if check.occurred_deviations:
                self._record("deviations", sorted(check.occurred_deviations))
        if case is None and check.starvation_message:
            pytest.fail(check.starvation_message, pytrace=False)
        if check.expected == check.cases:
            xfail_as_known(check.occurred_deviations.values())

    def _record(self, name: str, value: object) -> None:
        self.user_properties.append((name, value))


def database() -> ExampleDatabase | None:
    """Where the profile of this run keeps what failed."""
    return settings().database


class FailedCases:
    """The cases on which a check failed in earlier runs, in the database of Hypothesis.

    Hypothesis keeps the choices that led to a case. Those stand for another case in a run of other
    sizes, or of another version of the suite; the printed case does not.
    """

    def __init__(self, check: Check):
        self.check, self.database = check, database()
        self.key = f"simplernn-verify case {layer.under_test().name} {check.id}".encode()

    def replay(self) -> None:
        """Check them again, and forget those that pass."""
        for kept in [] if self.database is None else list(self.database.fetch(self.key)):
            try:
                parse_case_option(kept.decode())
            except ValueError:  # of an older version of the suite
                self.database.delete(self.key, kept)
                continue
            self.check.replay(kept.decode())
            self.database.delete(self.key, kept)

    def save(self, text: str | None) -> None:
        if text is not None and self.database is not None:
            self.database.save(self.key, text.encode())


def select_items_for_case(items: list[pytest.Item]) -> list[pytest.Item]:
    """The properties among the items, for a run of the one given case; ConfigurationError if there is none,
    or if one of them needs other values beside the case."""
    found = [item for item in items if isinstance(item, PropertyItem)]
    if not found:
        raise ConfigurationError(
            "--case: name a generated property to run on it, as the failure did"
        )
    given = set(validated_case_option(session.current().case)["drawn"])
    for item in found:
        wanted = set(item.check.prop.strategies)
        if wanted != given:
            raise ConfigurationError(
                f"--case: {item.name} takes a case and {', '.join(sorted(wanted)) or 'no more'}; "
                f"given are a case and {', '.join(sorted(given)) or 'no more'}"
            )
    return found


def validated_case_option(text: str) -> dict:
    """As `parsed`; ConfigurationError where it is none."""
    try:
        return parse_case_option(text)
    except ValueError as error:
        raise ConfigurationError(
            f"--case: expected Case(...) as a failure prints it: {error}"
        ) from None
