"""Collection of generated properties: one Hypothesis test for each property and path."""

import contextlib
import itertools
import time
from collections.abc import Iterator

import pytest
from hypothesis import seed

from tests.harness import session
from tests.harness.compare.assertions import Mismatch
from tests.harness.configuration import ConfigurationError
from tests.harness.plugin import database
from tests.harness.properties.check import Check, parse_case_option
from tests.harness.properties.expected import record_sentence, xfail_as_known
from tests.harness.properties.generated import GeneratedProperty
from tests.harness.target import layer


class PropertyItem(pytest.Function):
    """A generated property on a path. Its `obj` is the Hypothesis test, or the sweep."""

    check: Check

    @classmethod
    def for_each_path(
        cls, collector, name: str, prop: GeneratedProperty
    ) -> Iterator["PropertyItem"]:
        """Yield the item of a property for each path of this run."""
        for path in prop.paths_in_this_run:
            check = Check(prop, path, f"{collector.nodeid}::{name}[{path}]")
            test = check.test() if prop.all_cases is None else check.sweep
            item = cls.from_parent(collector, name=f"{name}[{path}]", callobj=test)
            # Hypothesis keeps a separate database entry for each set of parameters.
            item.add_marker(pytest.mark.parametrize("path", [path]))
            item.check = check
            yield item

    def reportinfo(self):
        code = self.check.prop.body.__code__
        return self.path, code.co_firstlineno - 1, self.name

    def runtest(self) -> None:
        check, case = self.check, session.current().case
        failed = FailedCases(check)
        record_sentence(self._record, check.prop, check.prop.missing_features(check.path))
        try:
            if case is not None:
                check.replay(case)
            else:
                failed.replay()
                check.when_failed = failed.save  # shrinking may take long, and may be killed
                self._draw()
        except Mismatch as mismatch:
            if case is None:
                failed.save(mismatch.case_text)
            raise
        finally:
            self._record("cases", check.cases)
            self._record("drawn", check.drawn)
            self._record("rows", check.rows)
            self._record("error/bound", check.largest)
            if check.occurred_deviations:
                self._record("deviations", sorted(check.occurred_deviations))
        if case is None and check.starvation_message and not session.current().time_is_over:
            pytest.fail(check.starvation_message, pytrace=False)
        if check.cases and check.expected == check.cases:
            xfail_as_known(check.occurred_deviations.values())

    def _draw(self) -> None:
        """Run the Hypothesis test and the named cases.

        In a later round of a search, run the test with new seeds until its time is over.
        """
        run = session.current()
        if run.search is None or not run.search.seconds:
            super().runtest()
            self.check.verify_named_cases()
            return
        end = time.monotonic() + run.search.seconds[self.nodeid]
        for number in itertools.count(1):
            with contextlib.suppress(pytest.skip.Exception):  # the time of the search is over
                super().runtest()
            if time.monotonic() >= end or run.time_is_over:
                return
            seed(run.seed_of(f"{self.check.id} {number}"))(self.obj)

    def _record(self, name: str, value: object) -> None:
        self.user_properties.append((name, value))


class FailedCases:
    """The cases on which a check failed in earlier runs, in databases of Hypothesis.

    Hypothesis stores the choices of a failing example. In a run with other sizes, or with another
    version of the suite, these choices lead to another case. The text of the case does not change.
    """

    def __init__(self, check: Check):
        self.check, self.database = check, database.failed_cases()
        self.saved: bytes | None = None
        self.key = f"simplernn-verify case {layer.under_test().name} {check.id}".encode()

    def replay(self) -> None:
        """Check the failed cases again, and delete those that pass."""
        if self.database is None:
            return
        for kept in list(self.database.fetch(self.key)):
            try:
                parse_case_option(kept.decode())
            except ValueError:  # from an older version of the suite
                self.database.delete(self.key, kept)
                continue
            self.check.replay(kept.decode())
            self.database.delete(self.key, kept)

    def save(self, text: str | None) -> None:
        """Store a failed case in place of the one that this run stored before, which is larger."""
        if text is None or self.database is None or text.encode() == self.saved:
            return
        self.database.save(self.key, text.encode())
        if self.saved is not None:
            self.database.delete(self.key, self.saved)
        self.saved = text.encode()


def select_items_for_case(items: list[pytest.Item]) -> list[PropertyItem]:
    """Return the generated properties among the items, which can run the case of `--case`.

    Raises ConfigurationError if there is none, or if one needs other drawn values than given.
    """
    found = [item for item in items if isinstance(item, PropertyItem)]
    if not found:
        raise ConfigurationError("--case: name the generated property to run, as the failure does")
    given = set(validated_case_option(session.current().case or "")["drawn"])
    for item in found:
        wanted = set(item.check.prop.strategies)
        if wanted != given:
            raise ConfigurationError(
                f"--case: {item.name} takes a case and {_list(wanted)}, "
                f"but the option has a case and {_list(given)}"
            )
    return found


def _list(names: set[str]) -> str:
    return ", ".join(sorted(names)) or "nothing else"


def validated_case_option(text: str) -> dict:
    """Return the result of `parse_case_option`; raise ConfigurationError if the text is invalid."""
    try:
        return parse_case_option(text)
    except ValueError as error:
        raise ConfigurationError(
            f"--case: expected Case(...), as a failure prints it: {error}"
        ) from None
